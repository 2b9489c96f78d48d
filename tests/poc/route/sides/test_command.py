"""The monolith's command: how it ends is known, also by its notes, and nothing of it outlives its time."""

import os
import signal
import time

import pytest

from poc.route.sides.command import locked, noted_end, run_command


def run(folder, command, timeout_s=60):
    """Run a command in a folder; return how it ended, and how its notes say it did."""
    with locked(folder) as lock:
        assert lock is not None
        end = run_command(command, folder, folder, lock, timeout_s)
    return end, noted_end(folder)


@pytest.mark.parametrize(
    ("command", "outcome", "code"),
    [
        (["true"], "done", 0),
        (["sh", "-c", "exit 3"], "failed", 3),
        (["no-such-program"], "failed", 127),
        (["sh", "-c", "kill -9 $$"], "ambiguous", 137),
        (["sh", "-c", "kill -TERM 0"], "ambiguous", 143),
    ],
)
def test_the_end_is_known_and_noted(tmp_path, command, outcome, code):
    """The exit code tells done from failed, and from ended by a signal; a process that comes later reads the same."""
    end, noted = run(tmp_path, command)
    assert (end.outcome, end.exit_code) == (outcome, code)
    assert (noted.outcome, noted.exit_code) == (outcome, code)


def test_a_command_whose_begin_cannot_be_noted_does_not_run(tmp_path):
    """On a full disk, nothing would say later that the command may have sent the file."""
    (tmp_path / "began").mkdir()  # cannot be written
    end, _ = run(tmp_path, ["touch", f"{tmp_path}/ran"])
    assert (end.outcome, (tmp_path / "ran").exists()) == ("failed", False)


def test_a_command_that_never_began_has_no_notes(tmp_path):
    """A process that died before it started the command leaves nothing from which it could have run."""
    assert noted_end(tmp_path) is None


def test_the_time_out_ends_all_processes_of_the_command(tmp_path, monkeypatch):
    """What ignores the polite signal is killed, also a process that the command has started."""
    monkeypatch.setattr("poc.route.sides.command.GRACE_S", 0.2)
    script = "(trap '' TERM; exec sleep 600) & trap '' TERM; wait; sleep 600"
    end, _ = run(tmp_path, ["sh", "-c", script], timeout_s=1)
    assert end.outcome == "ambiguous"
    wait_until(lambda: is_free(tmp_path))


def test_the_lock_is_held_while_the_command_of_a_dead_process_runs(tmp_path):
    """Another process sees that the command still works, and reads from its notes how it ended."""
    command = ["sh", "-c", f"until [ -e {tmp_path}/go ]; do sleep 0.02; done; exit 3"]
    with locked(tmp_path) as lock:
        pid = os.fork()
        if pid == 0:
            run_command(command, tmp_path, tmp_path, lock, 60)
            os._exit(0)
    wait_until((tmp_path / "began").exists)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert not is_free(tmp_path)
    (tmp_path / "go").touch()
    wait_until(lambda: is_free(tmp_path))
    assert noted_end(tmp_path).exit_code == 3


def is_free(folder):
    """Return whether no process of a command holds the lock."""
    with locked(folder) as lock:
        return lock is not None


def wait_until(condition):
    """Wait for a condition."""
    until_s = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until_s
        time.sleep(0.02)
