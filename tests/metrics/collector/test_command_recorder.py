"""Any command becomes a run, and nobody can tell from the command that it was recorded."""

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

#: Says that it is ready, waits for a signal, then a moment for more of them, and ends with 40 and how many came.
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
    """A folder that counts as a workspace."""
    (tmp_path / "milepost.toml").write_text('schema = 1\nname = "w"\n')
    return tmp_path


def recorder(workspace, *arguments):
    """The command line that records."""
    told = ["metrics", "record", "--partner", "AA", "--feed", "flights", *map(str, arguments)]
    return [sys.executable, "-m", "milepost", "-w", str(workspace), *told]


def record(workspace, *arguments, **how):
    """Record a command to its end."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(recorder(workspace, *arguments), capture_output=True, env=environment, check=False, **how)


def told(workspace):
    """The events in the spool, oldest first."""
    files = sorted((workspace / "var/spool/live").glob("*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_bytes().splitlines()]


def test_bytes_and_exit_code_pass_through_and_the_run_is_told(workspace):
    """Input, output and error are the command's own to the byte; start and end are events of one exchange."""
    body = bytes(range(256))
    script = 'cat; printf "%s" "$1" >&2; exit 3'
    done = record(workspace, "--records", 12, "--", "sh", "-c", script, "x", "--partner ZZ", input=body)
    assert (done.stdout, done.stderr, done.returncode) == (body, b"--partner ZZ", 3)
    start, end = told(workspace)
    assert (start["kind"], start["outcome"], start["duration_ns"]) == ("start", "running", None)
    assert (end["kind"], end["outcome"], end["error_type"]) == ("run", "failed", "exit code 3")
    assert end["rows"] == {"in": 12, "failed": 12}
    assert start["key"] == end["key"]
    assert {name: end["key"][name] for name in ("system", "level", "mode", "faults", "series")} == {
        "system": "monolith", "level": 0, "mode": "live", "faults": "real", "series": "",
    }  # fmt: skip
    assert end["block"] == end["block_end"] == time.strftime("%Y-%m-%d", time.gmtime(end["started_at_us"] / 1e6))


def test_time_processor_and_memory_are_those_of_the_command_and_its_children(workspace):
    """What a grandchild used counts; time is at least what was slept."""
    work = (
        "x = bytearray(150_000_000); t = __import__('time'); s = t.process_time()\nwhile t.process_time() < s + .2: 0"
    )
    done = record(workspace, "--", "sh", "-c", f'sleep 0.1; "{sys.executable}" -c "{work}"; true')
    end = told(workspace)[-1]
    assert done.returncode == 0
    assert end["duration_ns"] >= 300_000_000
    assert end["cpu_ns"] >= 200_000_000
    assert 150_000_000 <= end["peak_rss_bytes"] < 1_000_000_000
    assert (end["records"], end["rows"], end["outcome"]) == (None, {}, "done")


def test_a_small_command_has_no_known_peak(workspace):
    """The kernel counts what a process was before it became the command: below our own size nothing is claimed."""
    assert record(workspace, "--records", 2, "--", "true").returncode == 0
    end = told(workspace)[-1]
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
def test_ends_have_the_codes_a_shell_gives(workspace, command, code, error_type):
    """128 + n for signals, 127 for what is not there, 126 for what cannot start, and it is told which."""
    done = record(workspace, "--", *command)
    assert done.returncode == code
    assert told(workspace)[-1]["error_type"] == error_type
    assert (b"cannot be started" in done.stderr) == (error_type == "not started")


def test_a_command_in_a_pipe_is_ended_as_usual(workspace):
    """Python ignores a closed pipe; the command does not inherit that, and `yes | head` stays quiet."""
    done = record(workspace, "--", "sh", "-c", "yes | head -1")
    assert (done.stdout, done.stderr, done.returncode) == (b"y\n", b"", 0)


def test_the_input_file_is_known_by_hash_size_and_age(workspace):
    """What a feed exchanges is hashed beforehand, and due since it was last changed."""
    file = workspace / "in.csv"
    file.write_bytes(b"a,b\n1,2\n")
    os.utime(file, (1_000, 1_000))
    record(workspace, "--input", file, "--", "rm", file)
    end = told(workspace)[-1]
    assert (end["file"], end["bytes_in"], end["due_at_us"]) == ("in.csv", 8, 1_000_000_000)
    assert end["input_sha256"] == hashlib.sha256(b"a,b\n1,2\n").hexdigest()


def test_what_cannot_be_recorded_is_said_and_runs_all_the_same(workspace, tmp_path_factory):
    """A spool that cannot be written, a missing input and no workspace at all each cost one line, never the command."""
    done = record(workspace, "--input", workspace / "gone.csv", "--", "echo", "hi")
    assert (done.stdout, done.returncode) == (b"hi\n", 0)
    said = "cannot be read: No such file or directory; the run is recorded without its size and hash"
    assert done.stderr.decode() == f"milepost: {workspace}/gone.csv: {said}\n"
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
def test_a_signal_reaches_the_command_and_is_waited_for(workspace, number):
    """The command takes its own leave: it gets the signal once, and its exit code is ours."""
    arguments = recorder(workspace, "--", sys.executable, "-c", COUNTS)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment, start_new_session=True) as running:
        assert running.stdout.readline() == b"ready\n"
        running.send_signal(number)
        assert running.stdout.readline().split() == [b"seen", str(int(number)).encode()]
        assert running.wait(20) == 41
    assert told(workspace)[-1]["error_type"] == "exit code 41"


@pytest.mark.parametrize("moment", ["reaped", "told"])
def test_a_signal_that_comes_when_the_command_has_gone_costs_nothing(tmp_path, monkeypatch, moment):
    """A signal for the whole group may come when the command is reaped, or while its end is told: the end is kept."""
    from metrics import events
    from metrics.collector import command_recorder as module

    wait4, keep = os.wait4, events.SpoolRecorder.record

    def late(*arguments):
        found = wait4(*arguments)
        if moment == "reaped":
            signal.raise_signal(signal.SIGTERM)
        return found

    def telling(recorder, event, **how):
        if moment == "told":
            signal.raise_signal(signal.SIGTERM)
        keep(recorder, event, **how)

    def ends(number, _):
        raise AssertionError(f"signal {number} reached the recorder itself")

    monkeypatch.setattr(os, "wait4", late)
    monkeypatch.setattr(events.SpoolRecorder, "record", telling)
    before = signal.signal(signal.SIGTERM, ends)
    try:
        told = module.RecordedCommand(system="monolith", level=0, partner="AA", feed="f")
        command = ["sh", "-c", "kill -15 $$"]
        assert module.record(told, command, tmp_path, lambda: datetime.now(UTC), print) == 143
        assert signal.getsignal(signal.SIGTERM) is ends
    finally:
        signal.signal(signal.SIGTERM, before)
    (file,) = tmp_path.iterdir()
    start, end = map(json.loads, file.read_bytes().splitlines())
    assert (start["outcome"], end["outcome"], end["error_type"]) == ("running", "failed", "signal 15")


def test_a_signal_for_the_group_ends_the_command_and_is_told(workspace):
    """Recorder and command get it at once, as from a supervisor: 143, and the end is kept."""
    arguments = recorder(workspace, "--", "sh", "-c", "echo ready; exec sleep 5")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment, process_group=0) as running:
        assert running.stdout.readline() == b"ready\n"
        os.killpg(running.pid, signal.SIGTERM)
        assert running.wait(20) == 143
    assert told(workspace)[-1]["error_type"] == "signal 15"


def test_names_that_are_not_utf_8_are_runs_all_the_same(workspace):
    """A file, an exchange and a command whose names are other bytes are counted, each as itself."""
    for byte in (0xFE, 0xFF):
        name = f"x{chr(0xDC00 + byte)}"
        (workspace / name).write_text("a")
        done = record(workspace, "--input", workspace / name, "--exchange", name, "--attempt", 1, "--", f"no-{name}")
        assert done.returncode == 127
    with closing(open_store(workspace / "m.db", "live")) as db:
        collect(workspace / "var/spool/live", db, time.time_ns() // 1000)
        found = db.execute("SELECT file, exchange_id, outcome FROM run ORDER BY file").fetchall()
    assert found == [(rf"x\x{byte}", rf"x\x{byte}", "failed") for byte in ("fe", "ff")]


@pytest.mark.parametrize(("leaves", "code"), [("", 41), ("import os; os.setpgid(0, 0)\n", 40)])
def test_ctrl_c_on_a_terminal_is_the_terminals_to_pass_on(workspace, leaves, code):
    """It reaches the command as if nobody recorded it: once, and not at all where it has left the foreground."""
    waits = COUNTS.replace("[signal.sigwait(numbers)]", "[]") if leaves else COUNTS
    terminal = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))"
    told = recorder(workspace, "--", sys.executable, "-c", leaves + waits)
    arguments = [sys.executable, "-c", terminal, *told]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(arguments, stdin=pipe, stdout=pipe, env=environment, bufsize=0) as running:
        seen = b""
        while b"ready" not in seen:
            seen += running.stdout.read(100)
        running.stdin.write(b"\x03")
        assert running.wait(20) == code


def test_what_was_ignored_before_is_ignored_by_the_command(workspace):
    """A recorder started with Ctrl-C ignored, as `nohup` and `&` do, hands that on."""
    script = 'trap "" INT; exec "$@"'
    inner = ["sh", "-c", "kill -INT $$; echo alive"]
    arguments = ["sh", "-c", script, "sh", *recorder(workspace, "--", *inner)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(arguments, capture_output=True, env=environment, check=False)
    assert (done.stdout, done.returncode) == (b"alive\n", 0)


def test_a_killed_recorder_shows_as_abandoned(workspace):
    """A start without an end is a failure of unknown length, once it has been given time to end."""
    arguments = recorder(workspace, "--records", 7, "--", "sh", "-c", "echo ready; exec sleep 5")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment, process_group=0) as running:
        assert running.stdout.readline() == b"ready\n"
        running.kill()
        running.wait()
        os.killpg(running.pid, signal.SIGKILL)
    with closing(open_store(workspace / "m.db", "live")) as db:
        begun_us = told(workspace)[0]["started_at_us"]
        collect(workspace / "var/spool/live", db, begun_us + ABANDONED_AFTER_US + 1)
        assert list(db.query("SELECT outcome, duration_ns, records FROM run")) == [
            {"outcome": "abandoned", "duration_ns": None, "records": 7}
        ]
        assert db.execute("SELECT still_failed FROM run_block").fetchone() == (1,)


def test_attempts_of_one_exchange_are_one_exchange(workspace):
    """A retry is named by what all attempts have in common; otherwise each call is an exchange of its own."""
    for attempt, command in ((1, "false"), (2, "true")):
        record(workspace, "--exchange", "job 7", "--attempt", attempt, "--records", 3, "--", command)
    record(workspace, "--", "true")
    with closing(open_store(workspace / "m.db", "live")) as db:
        collect(workspace / "var/spool/live", db, time.time_ns() // 1000)
        sql = "SELECT attempts, exchanges, first_failed, still_failed FROM run_block ORDER BY band"
        assert db.execute(sql).fetchall() == [(1, 1, 0, 0), (2, 1, 1, 0)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--system", "servise@1"], "unknown subject 'servise@1'; choose"),
        (["--attempt", "2"], "--exchange and --attempt go together"),
        (["--partner", "A/B"], "'A/B' is not a name"),
    ],
)
def test_a_mistake_in_the_call_is_told_before_the_command_runs(workspace, arguments, said):
    """A name or number that cannot be is an error of two, and nothing has run."""
    done = record(workspace, *arguments, "--", "touch", workspace / "ran")
    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert not (workspace / "ran").exists()


@pytest.mark.parametrize("count", ["", "-1", "12.5", "1e3", "wc: orders.csv: No such file", "9" * 30])
def test_a_count_that_came_to_nothing_keeps_no_command_from_running(workspace, count):
    """What counts the records may fail; the exchange goes on, the trouble is said, and nobody counted."""
    done = record(workspace, "--records", count, "--", "echo", "sent")
    assert (done.returncode, done.stdout) == (0, b"sent\n")
    assert b"its records are not counted" in done.stderr
    *_, end = told(workspace)
    assert (end["records"], end["rows"], end["calls"], end["operator_touch"]) == (None, {}, None, None)
