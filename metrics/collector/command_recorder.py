"""Run any command and record it as a run: its duration, processor time, memory and outcome go to the spool.

The command uses our standard input, output and error, and its exit code becomes ours. Recording never prevents it from
running: a recording problem is one line of warning, and the command runs anyway.
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

#: Signals that are forwarded to the command. A terminal sends the first three to the command itself.
FROM_TERMINAL = (signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)
FORWARDED = (*FROM_TERMINAL, signal.SIGTERM)

#: A shell's exit codes for a command that does not exist, and for one that cannot be started.
NOT_FOUND, CANNOT_START = 127, 126


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCommand:
    """Identity of a command's run, known before it starts. `records` is None if unknown."""

    system: str
    level: int
    partner: str
    feed: str
    records: int | None = None
    input: Path | None = None  #: the file that the command exchanges
    exchange_id: str | None = None  #: None: the run is an exchange of its own
    attempt: int = 1


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended: the exit code that a shell would give, and the resources it used.

    `peak_rss_bytes` is that of the largest process among it and its children. It is None if it stayed below our own
    peak, as the kernel also counts the memory of a process before it became the command.
    """

    code: int
    duration_ns: int
    cpu_ns: int | None = None
    peak_rss_bytes: int | None = None
    error_type: str = ""  #: "exit code 3", "signal 9", "not started"; empty after success
    error: str = ""


def record(
    identity: RecordedCommand,
    command: Sequence[str],
    spool: Path | None,
    clock: Callable[[], datetime],
    warn: Callable[[str], None],
) -> int:
    """Run a command, and record its start and its end in the spool.

    Args:
        identity: which system, feed and exchange the run belongs to.
        command: the program and its arguments.
        spool: the spool folder; None: nothing is recorded.
        clock: returns the time now, in UTC.
        warn: called with one line about a problem.

    Returns:
        The command's exit code; 128 + n if signal n ended it, 127 if it does not exist, 126 if it cannot be started.
    """
    size_bytes, sha256, due_at_us = _inspect_input(identity.input, warn)
    now = clock()
    started_at_us = int(now.timestamp() * 1_000_000)
    exchange_id = identity.exchange_id or f"{identity.partner}/{identity.feed}/{uuid.uuid4().hex}"
    begun = RunEvent(
        key=RunKey(
            system=identity.system, level=identity.level, mode="live", faults="real", series="", round=0,
            exchange_id=exchange_id, attempt=identity.attempt,
        ),
        release="", partner=identity.partner, feed=identity.feed, file=identity.input.name if identity.input else "",
        block=now.astimezone(UTC).date().isoformat(), block_end=now.astimezone(UTC).date().isoformat(),
        due_at_us=started_at_us if due_at_us is None else due_at_us, started_at_us=started_at_us, duration_ns=None,
        outcome="running", records=identity.records, rows={}, bytes_in=size_bytes, bytes_out=None, input_sha256=sha256,
        calls=None, operator_touch=None,
    )  # fmt: skip
    recorder = SpoolRecorder(spool) if spool is not None else None
    with forward_signals() as child:  # covers both events: a signal never leaves a start without its end
        if recorder is not None:
            recorder.record(begun, started=True)
        ended = run_measured(command, child)
        if recorder is not None:
            recorder.record(_end_event(begun, ended))
            recorder.close()
    if ended.error:
        warn(ended.error)
    if recorder is not None and recorder.problem:
        warn(f"{recorder.problem}; the command ran, but not all of its run was recorded")
    return ended.code


@dataclass(slots=True)
class ChildProcess:
    """The process that signals are forwarded to."""

    pid: int = 0  #: 0 before it has started and after it has ended
    early: list[int] = field(default_factory=list)  #: signals that came before it had started


@contextmanager
def forward_signals() -> Iterator[ChildProcess]:
    """Forward signals to the child during the block; they end this process only through the child."""
    child = ChildProcess()

    def on_signal(number: int, _: FrameType | None) -> None:
        if not child.pid:
            child.early.append(number)
        elif number == signal.SIGTERM or not _in_foreground():
            os.kill(child.pid, number)

    # a signal that was ignored when this process started, as under nohup, stays ignored for the command
    handled = [number for number in FORWARDED if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, on_signal) for number in handled}
    try:
        yield child
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def run_measured(command: Sequence[str], child: ChildProcess) -> CommandResult:
    """Run a command to its end as `child`, and measure it from outside. Its duration is monotonic wall time."""
    own_bytes = _own_peak_bytes()
    began_ns = time.monotonic_ns()
    try:
        # Python ignores these two signals; the command must not inherit that
        restored = (signal.SIGPIPE, signal.SIGXFSZ)
        child.pid = os.posix_spawnp(command[0], list(command), os.environ, setsigdef=restored)
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        code = NOT_FOUND if missing else CANNOT_START
        message = f"{command[0]}: cannot be started: {why}"
        return CommandResult(code, time.monotonic_ns() - began_ns, error_type="not started", error=message)
    for number in child.early:
        os.kill(child.pid, number)
    # until it is reaped the pid is its own and may get signals; after that the pid may belong to another process
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
    succeeded = ended.code == 0
    row_outcome = "delivered" if succeeded else "failed"
    return replace(
        begun,
        duration_ns=ended.duration_ns,
        cpu_ns=ended.cpu_ns,
        peak_rss_bytes=ended.peak_rss_bytes,
        outcome="done" if succeeded else "failed",
        error_type=ended.error_type,
        error=ended.error,
        rows={} if begun.records is None else {"in": begun.records, row_outcome: begun.records},
    )


def _inspect_input(path: Path | None, warn: Callable[[str], None]) -> tuple[int | None, str, int | None]:
    """Return size in bytes, SHA-256 and time of last change in microseconds; empty values for an unreadable file."""
    if path is None:
        return None, "", None
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            stat = os.fstat(file.fileno())
    except OSError as error:
        warn(f"{path}: cannot be read: {error.strerror}; the run is recorded without its size and hash")
        return None, "", None
    return stat.st_size, sha256, stat.st_mtime_ns // 1000


def _in_foreground() -> bool:
    """Tell whether a terminal has this process in its foreground, so that its signals reach the command too."""
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
    """Return the peak memory of this process: the peak of a command is visible only above it."""
    try:
        status = Path("/proc/self/status").read_bytes()
        return int(status[status.index(b"VmHWM:") + 6 :].split(maxsplit=1)[0]) * 1024
    except (OSError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
