"""Run any command as a run of one side: its time, processor, memory and end go to the spool; all else passes through.

The command has our standard input, output and error, and its exit code becomes ours. Recording never keeps it from
running: what cannot be recorded is said in one line, and the command runs all the same.
"""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import time
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from metrics.events import RunEvent, RunKey, SpoolRecorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

#: Signals that are passed on. A terminal sends the first three to the command itself.
FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
FORWARDED = (*FROM_TERMINAL, signal.SIGTERM)

#: What a shell answers for a command that is not there, and for one that cannot be started.
NOT_FOUND, CANNOT_START = 127, 126


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCommand:
    """What is told of a command beforehand. `records` is None where nobody counted."""

    system: str
    level: int
    partner: str
    feed: str
    records: int | None = None
    input: Path | None = None  #: the file that it exchanges
    exchange_id: str | None = None  #: None: an exchange of its own
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended: the exit code that a shell would give, and what it used.

    `peak_rss_bytes` is the largest process of it and its children; None where it stayed below our own size, for the
    kernel counts what a process was before it became the command.
    """

    code: int
    duration_ns: int
    cpu_ns: int | None = None
    peak_rss_bytes: int | None = None
    error_type: str = ""  #: "exit code 3", "signal 9", "not started"; empty where it ended well
    error: str = ""


def record(
    told: RecordedCommand,
    command: Sequence[str],
    spool: Path | None,
    clock: Callable[[], datetime],
    say: Callable[[str], None],
) -> int:
    """Run a command and tell its start and its end to the spool.

    Args:
        told: whose run it is.
        command: the program and its arguments.
        spool: where runs are told; None: nowhere.
        clock: the time now, in UTC.
        say: told in one line what could not be done.

    Returns:
        The command's exit code; 128 + n where signal n ended it, 127 where it is not there, 126 where it cannot start.
    """
    size_bytes, sha256, due_at_us = _inspect_input(told.input, say)
    now = clock()
    started_at_us = int(now.timestamp() * 1_000_000)
    begun = RunEvent(
        key=RunKey(
            system=told.system, level=told.level, mode="live", faults="real", series="", round=0,
            exchange_id=told.exchange_id or f"{told.partner}/{told.feed}/{uuid.uuid4().hex}", attempt=told.attempt,
        ),
        release="", partner=told.partner, feed=told.feed, file=told.input.name if told.input else "",
        block=now.astimezone(UTC).date().isoformat(), block_end=now.astimezone(UTC).date().isoformat(),
        due_at_us=started_at_us if due_at_us is None else due_at_us, started_at_us=started_at_us, duration_ns=None,
        outcome="running", records=told.records, rows={}, bytes_in=size_bytes, bytes_out=None, input_sha256=sha256,
        calls=None, operator_touch=None,
    )  # fmt: skip
    recorder = SpoolRecorder(spool) if spool is not None else None
    with forward_signals() as child:  # from the start's event to the end's: neither is told without the other
        if recorder is not None:
            recorder.record(begun, started=True)
        ended = run_measured(command, child)
        if recorder is not None:
            recorder.record(_end_event(begun, ended))
            recorder.close()
    if ended.error:
        say(ended.error)
    if recorder is not None and recorder.problem:
        say(f"{recorder.problem}; the command ran, but not all of its run was recorded")
    return ended.code


@dataclass(slots=True)
class ChildProcess:
    """The process that signals are passed on to: 0 before it is there and when it is gone; and what came before it."""

    pid: int = 0
    early: list[int] = field(default_factory=list)


@contextmanager
def forward_signals() -> Iterator[ChildProcess]:
    """While this lasts, signals are the child's, and end us only through it."""
    child = ChildProcess()

    def on_signal(number: int, _: FrameType | None) -> None:
        if not child.pid:
            child.early.append(number)
        elif number == signal.SIGTERM or not _in_foreground():
            os.kill(child.pid, number)

    # whoever started us with a signal ignored, as nohup does, wants it ignored by the command too
    heeded = [number for number in FORWARDED if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, on_signal) for number in heeded}
    try:
        yield child
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_measured(command: Sequence[str], child: ChildProcess) -> CommandResult:
    """Run a command to its end as `child`, and measure it from outside. Wall time is monotonic."""
    own_bytes = _own_peak_bytes()
    began_ns = time.monotonic_ns()
    try:
        # Python ignores these two, and a command is not to inherit that
        usual = (signal.SIGPIPE, signal.SIGXFSZ)
        child.pid = os.posix_spawnp(command[0], list(command), os.environ, setsigdef=usual)
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        code = NOT_FOUND if missing else CANNOT_START
        said = f"{command[0]}: cannot be started: {why}"
        return CommandResult(code, time.monotonic_ns() - began_ns, error_type="not started", error=said)
    for number in child.early:
        os.kill(child.pid, number)
    # until it is reaped its number is its own, and a signal for it harms nobody; after that it may be another's
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    took_ns = time.monotonic_ns() - began_ns
    ended, child.pid = child.pid, 0
    _, status, used = os.wait4(ended, 0)
    code = os.waitstatus_to_exitcode(status)
    peak_bytes = used.ru_maxrss * 1024
    return CommandResult(
        128 - code if code < 0 else code,
        took_ns,
        round((used.ru_utime + used.ru_stime) * 1e9),
        peak_bytes if peak_bytes > own_bytes else None,
        f"signal {-code}" if code < 0 else f"exit code {code}" if code else "",
    )


def _end_event(begun: RunEvent, ended: CommandResult) -> RunEvent:
    good = ended.code == 0
    where = "delivered" if good else "failed"
    return replace(
        begun,
        duration_ns=ended.duration_ns,
        cpu_ns=ended.cpu_ns,
        peak_rss_bytes=ended.peak_rss_bytes,
        outcome="done" if good else "failed",
        error_type=ended.error_type,
        error=ended.error,
        rows={} if begun.records is None else {"in": begun.records, where: begun.records},
    )


def _inspect_input(path: Path | None, say: Callable[[str], None]) -> tuple[int | None, str, int | None]:
    """Size in bytes, sha256, and when it was last changed, in microseconds; of a file that cannot be read, nothing."""
    if path is None:
        return None, "", None
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            stat = os.fstat(file.fileno())
    except OSError as error:
        say(f"{path}: cannot be read: {error.strerror}; the run is recorded without its size and hash")
        return None, "", None
    return stat.st_size, sha256, stat.st_mtime_ns // 1000


def _in_foreground() -> bool:
    """Whether a terminal has us in its foreground, so that what is typed there reaches the command too."""
    try:
        fd = os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY)
    except OSError:
        return False
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return False
    finally:
        os.close(fd)


def _own_peak_bytes() -> int:
    """The most memory we have had: a command's own peak shows only above it."""
    try:
        status = Path("/proc/self/status").read_bytes()
        return int(status[status.index(b"VmHWM:") + 6 :].split(maxsplit=1)[0]) * 1024
    except (OSError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
