"""Any command can be recorded as a run, and its behaviour does not change."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from metrics.collector.collect import ABANDONED_AFTER_US, collect
from metrics.store.database import open_store

ROOT = Path(__file__).parents[3]

#: Prints ready, waits for a signal, then shortly for more, and exits with 40 plus the number of signals.
COUNTS = """
import signal, sys
numbers = {signal.SIGINT, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
print("ready", flush=True)
seen = [signal.sigwait(numbers)]
while more := signal.sigtimedwait(numbers, 0.3):
    seen.append(more.si_signo)
print("seen", *map(int, seen), flush=True)
sys.exit(40 + len(seen))
"""


@pytest.fixture
def workspace(tmp_path):
    """A folder with a workspace file."""
    (tmp_path / "milepost.toml").write_text('schema = 1\nname = "w"\n')
    return tmp_path


def recorder(workspace, *arguments):
    """Return the command line of `milepost metrics record`."""
    command = ["metrics", "record", "--partner", "AA", "--feed", "flights", *map(str, arguments)]
    return [sys.executable, "-m", "milepost", "-w", str(workspace), *command]


def record(workspace, *arguments, **how):
    """Record a command, and wait for its end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(recorder(workspace, *arguments), capture_output=True, env=environment, check=False, **how)


def recorded(workspace):
    """Return the events in the spool, oldest first."""
    files = sorted((workspace / "var/spool/live").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


def test_bytes_and_exit_code_pass_through_and_the_run_is_recorded(workspace):
    """Input, output and errors pass byte for byte; start and end are events of one exchange."""
    body = bytes(range(256))
    script = 'cat; printf "%s" "$1" >&2; exit 3'
    done = record(workspace, "--records", 12, "--", "sh", "-c", script, "x", "--partner ZZ", input=body)
    assert (done.stdout, done.stderr, done.returncode) == (body, b"--partner ZZ", 3)
    start, end = recorded(workspace)
    assert (start["kind"], start["outcome"], start["duration_ns"]) == ("start", "running", None)
    assert (end["kind"], end["outcome"], end["error_type"]) == ("run", "failed", "exit code 3")
    assert end["rows"] == {"in": 12, "failed": 12}
    assert start["key"] == end["key"]
    assert {name: end["key"][name] for name in ("system", "level", "mode", "faults", "series")} == {
        "system": "monolith", "level": 0, "mode": "live", "faults": "real", "series": "",
    }  # fmt: skip
    assert end["block"] == end["block_end"] == time.strftime("%Y-%m-%d", time.gmtime(end["started_at_us"] / 1e6))


def test_resources_are_those_of_the_command_and_its_children(workspace):
    """A grandchild counts too; the duration is at least the time slept."""
    work = (
        "x = bytearray(150_000_000); t = __import__('time'); s = t.process_time()\nwhile t.process_time() < s + .2: 0"
    )
    done = record(workspace, "--", "sh", "-c", f'sleep 0.1; "{sys.executable}" -c "{work}"; true')
    end = recorded(workspace)[-1]
    assert done.returncode == 0
    assert end["duration_ns"] >= 300_000_000
    assert end["cpu_ns"] >= 200_000_000
    assert 150_000_000 <= end["peak_rss_bytes"] < 1_000_000_000
    assert (end["records"], end["rows"], end["outcome"]) == (None, {}, "done")


def test_a_small_command_has_no_known_peak(workspace):
    """The kernel also counts the process before it became the command: a peak below our own is unknown."""
    assert record(workspace, "--records", 2, "--", "true").returncode == 0
    end = recorded(workspace)[-1]
    assert (end["peak_rss_bytes"], end["rows"]) == (None, {"in": 2, "delivered": 2})


@pytest.mark.parametrize(
    ("command", "code", "error_type"),
    [
        (["sh", "-c", "kill -9 $$"], 137, "signal 9"),
        (["sh", "-c", "kill -15 $$"], 143, "signal 15"),
        (["sh", "-c", "exit 255"], 255, "exit code 255"),
        (["no-such-command"], 127, "not started"),
        (["/"], 126, "not started"),
    ],
)
def test_exit_codes_are_those_of_a_shell(workspace, command, code, error_type):
    """128 + n for signal n, 127 for a missing command, 126 for one that cannot be started; the kind is recorded."""
    done = record(workspace, "--", *command)
    assert done.returncode == code
    assert recorded(workspace)[-1]["error_type"] == error_type
    assert (b"cannot be started" in done.stderr) == (error_type == "not started")


def test_a_command_in_a_pipe_ends_as_usual(workspace):
    """The command does not inherit that Python ignores a closed pipe: `yes | head` stays quiet."""
    done = record(workspace, "--", "sh", "-c", "yes | head -1")
    assert (done.stdout, done.stderr, done.returncode) == (b"y\n", b"", 0)


def test_the_input_file_is_recorded_with_hash_size_and_age(workspace):
    """The file is hashed before the command runs, and due since its last change."""
    file = workspace / "in.csv"
    file.write_bytes(b"a,b\n1,2\n")
    os.utime(file, (1_000, 1_000))
    record(workspace, "--input", file, "--", "rm", file)
    end = recorded(workspace)[-1]
    assert (end["file"], end["bytes_in"], end["due_at_us"]) == ("in.csv", 8, 1_000_000_000)
    assert end["input_sha256"] == hashlib.sha256(b"a,b\n1,2\n").hexdigest()


def test_a_recording_problem_is_a_warning_and_the_command_runs(workspace, tmp_path_factory):
    """An unwritable spool, a missing input and a missing workspace are one line each; the command runs."""
    done = record(workspace, "--input", workspace / "gone.csv", "--", "echo", "hi")
    assert (done.stdout, done.returncode) == (b"hi\n", 0)
    warning = "cannot be read: No such file or directory; the run is recorded without its size and hash"
    assert done.stderr.decode() == f"milepost: {workspace}/gone.csv: {warning}\n"
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    done = record(elsewhere, "--", "sh", "-c", "echo hi; exit 4")
    assert (done.stdout, done.returncode, len(done.stderr.splitlines())) == (b"hi\n", 4, 1)
    assert list(elsewhere.iterdir()) == []
    (elsewhere / "milepost.toml").write_text("broken")
    (elsewhere / "var").write_text("a file in the way")
    done = record(elsewhere, "--", "sh", "-c", "echo hi; exit 4")
    assert (done.stdout, done.returncode, len(done.stderr.splitlines())) == (b"hi\n", 4, 1)
    assert b"not all of its run was recorded" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_forwarded_and_the_command_ends_itself(workspace, number):
    """The command gets the signal once, and its exit code becomes ours."""
    arguments = recorder(workspace, "--", sys.executable, "-c", COUNTS)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment, start_new_session=True) as running:
        assert running.stdout.readline() == b"ready\n"
        running.send_signal(number)
        assert running.stdout.readline().split() == [b"seen", str(int(number)).encode()]
        assert running.wait(60) == 41
    assert recorded(workspace)[-1]["error_type"] == "exit code 41"


@pytest.mark.parametrize("moment", ["reaped", "recorded"])
def test_a_signal_after_the_end_of_the_command_loses_no_event(tmp_path, monkeypatch, moment):
    """A signal for the group may come while the command is reaped or its end recorded: the end is recorded."""
    from metrics import events
    from metrics.collector import command_recorder as module

    wait4, real = os.wait4, events.SpoolRecorder.record

    def reap(*arguments):
        result = wait4(*arguments)
        if moment == "reaped":
            signal.raise_signal(signal.SIGTERM)
        return result

    def record_event(recorder, event, **how):
        if moment == "recorded":
            signal.raise_signal(signal.SIGTERM)
        real(recorder, event, **how)

    def fail(number, _):
        raise AssertionError(f"signal {number} reached the recorder itself")

    monkeypatch.setattr(os, "wait4", reap)
    monkeypatch.setattr(events.SpoolRecorder, "record", record_event)
    before = signal.signal(signal.SIGTERM, fail)
    try:
        identity = module.RecordedCommand(system="monolith", level=0, partner="AA", feed="f")
        command = ["sh", "-c", "kill -15 $$"]
        assert module.record(identity, command, tmp_path, lambda: datetime.now(UTC), print) == 143
        assert signal.getsignal(signal.SIGTERM) is fail
    finally:
        signal.signal(signal.SIGTERM, before)
    (file,) = tmp_path.iterdir()
    start, end = map(json.loads, file.read_bytes().splitlines())
    assert (start["outcome"], end["outcome"], end["error_type"]) == ("running", "failed", "signal 15")


def test_a_signal_for_the_group_ends_the_command_and_is_recorded(workspace):
    """Recorder and command get it at once, as from a supervisor: exit code 143, and the end is recorded."""
    arguments = recorder(workspace, "--", "sh", "-c", "echo ready; exec sleep 5")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment, process_group=0) as running:
        assert running.stdout.readline() == b"ready\n"
        os.killpg(running.pid, signal.SIGTERM)
        assert running.wait(60) == 143
    assert recorded(workspace)[-1]["error_type"] == "signal 15"


def test_names_that_are_not_utf_8_are_recorded(workspace):
    """Files, exchanges and commands whose names are other bytes stay different runs."""
    for byte in (0xFE, 0xFF):
        name = f"x{chr(0xDC00 + byte)}"
        (workspace / name).write_text("a")
        done = record(workspace, "--input", workspace / name, "--exchange", name, "--attempt", 1, "--", f"no-{name}")
        assert done.returncode == 127
    with closing(open_store(workspace / "m.db", "live")) as db:
        collect(workspace / "var/spool/live", db, time.time_ns() // 1000)
        runs = db.execute("SELECT file, exchange_id, outcome FROM run ORDER BY file").fetchall()
    assert runs == [(rf"x\x{byte}", rf"x\x{byte}", "failed") for byte in ("fe", "ff")]


@pytest.mark.parametrize(("leaves", "code"), [("", 41), ("import os; os.setpgid(0, 0)\n", 40)])
def test_ctrl_c_on_a_terminal_reaches_the_command_once(workspace, leaves, code):
    """It reaches the command as without the recorder: once, and not at all after it has left the foreground."""
    waits = COUNTS.replace("[signal.sigwait(numbers)]", "[]") if leaves else COUNTS
    terminal = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    command = recorder(workspace, "--", sys.executable, "-c", leaves + waits)
    arguments = [sys.executable, "-c", terminal, *command]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdin=pipe, stdout=pipe, env=environment, bufsize=0) as running:
        seen = b""
        while b"ready" not in seen:
            seen += running.stdout.read(100)
        running.stdin.write(b"\x03")
        assert running.wait(60) == code


def test_an_ignored_signal_stays_ignored_for_the_command(workspace):
    """A recorder started with Ctrl-C ignored, as by `&`, passes that on."""
    script = 'trap "" INT; exec "$@"'
    inner = ["sh", "-c", "kill -INT $$; echo alive"]
    arguments = ["sh", "-c", script, "sh", *recorder(workspace, "--", *inner)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(arguments, capture_output=True, env=environment, check=False)
    assert (done.stdout, done.returncode) == (b"alive\n", 0)


def test_a_killed_recorder_leaves_an_abandoned_run(workspace):
    """A start without an end is a failure of unknown duration, after a waiting time."""
    arguments = recorder(workspace, "--records", 7, "--", "sh", "-c", "echo ready; exec sleep 5")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment, process_group=0) as running:
        assert running.stdout.readline() == b"ready\n"
        running.kill()
        running.wait()
        os.killpg(running.pid, signal.SIGKILL)
    with closing(open_store(workspace / "m.db", "live")) as db:
        begun_us = recorded(workspace)[0]["started_at_us"]
        collect(workspace / "var/spool/live", db, begun_us + ABANDONED_AFTER_US + 1)
        assert list(db.query("SELECT outcome, duration_ns, records FROM run")) == [
            {"outcome": "abandoned", "duration_ns": None, "records": 7}
        ]
        assert db.execute("SELECT still_failed FROM run_block").fetchone() == (1,)


def test_attempts_of_one_exchange_are_one_exchange(workspace):
    """Attempts share the id of their exchange; without an id each call is an exchange of its own."""
    for attempt, command in ((1, "false"), (2, "true")):
        record(workspace, "--exchange", "job 7", "--attempt", attempt, "--records", 3, "--", command)
    record(workspace, "--", "true")
    with closing(open_store(workspace / "m.db", "live")) as db:
        collect(workspace / "var/spool/live", db, time.time_ns() // 1000)
        sql = "SELECT attempts, exchanges, first_failed, still_failed FROM run_block ORDER BY band"
        assert db.execute(sql).fetchall() == [(1, 1, 0, 0), (2, 1, 1, 0)]
