"""The measured programs as child processes, driven over the line protocol and timed from outside."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from metrics.errors import SubjectFailed
from metrics.events import parse_subject
from metrics.replay.program_template import CAN_FORK

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from metrics.replay.program_template import ProgramTemplates

#: Seconds that a program may take to start, and to answer one request, before it counts as failed.
START_S = 60.0
ANSWER_S = 300.0

#: Seconds between two checks of whether a run must be killed.
POLL_S = 0.001

#: The lowest bits of the id of a process's processor clock in Linux; the bits above are the complement of its pid.
CPU_CLOCK = 2


def subject_command(subject: str) -> list[str]:
    """Return the command that starts a subject."""
    system, level = parse_subject(subject)
    if system == "service":
        return [sys.executable, "-m", "poc.service.line_protocol", "--level", str(level)]
    return [sys.executable, "-m", "poc.monolith"]


def start_program(arguments: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start a program with pipes as its standard input and output."""
    return subprocess.Popen(  # noqa: S603 (our own programs)
        arguments,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        umask=0o077,  # its files are below `var`, for their owner only
        process_group=0,  # Ctrl-C is for this process; the child ends with its input
    )


class SubjectProcess:
    """A child process that sends a JSON line when it is ready, then answers each JSON line with one."""

    def __init__(self, arguments: Sequence[str], templates: ProgramTemplates | None = None) -> None:
        """Start a program; with `templates`, fork it, where that is possible."""
        forks = templates is not None and CAN_FORK and "-m" in arguments
        self._process = templates.start(arguments) if templates and forks else start_program(arguments)
        assert self._process.stdin is not None  # noqa: S101 (for the type checker)
        assert self._process.stdout is not None  # noqa: S101
        self._in: IO[bytes] = self._process.stdin
        self._out: IO[bytes] = self._process.stdout
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._out, selectors.EVENT_READ)
        self.pid = self._process.pid
        try:
            self.ready = self._read(time.monotonic() + START_S)
        except SubjectFailed:
            self.end()
            raise

    def send(self, request: dict[str, Any]) -> None:
        """Send one request."""
        self._in.write(json.dumps(request, separators=(",", ":")).encode() + b"\n")
        self._in.flush()

    def receive(self) -> dict[str, Any]:
        """Wait for one answer. Raises SubjectFailed."""
        return self._read(time.monotonic() + ANSWER_S)

    def receive_or_kill(self, must_die: Callable[[], bool]) -> dict[str, Any] | None:
        """Wait for one answer, or kill the program as soon as `must_die()`, and return None. Raises SubjectFailed."""
        until = time.monotonic() + ANSWER_S
        while not self._selector.select(POLL_S):
            if must_die():
                self._process.kill()
                self._process.wait()
                return None
            if time.monotonic() > until:
                break
        return self._read(until)

    def _read(self, until: float) -> dict[str, Any]:
        # select does not see buffered data, but a program sends one line and then waits for the next request
        if not self._selector.select(max(until - time.monotonic(), 0)):
            raise SubjectFailed(f"{self.name}: no answer in time; it was ended")
        line = self._out.readline()
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError as error:
            reason = f"it sent {line[:200]!r}" if line else f"it ended{self._exit_code()}"
            raise SubjectFailed(f"{self.name}: no answer: {reason}; its own output is above") from error
        return answer

    def _exit_code(self) -> str:
        code = self._process.wait(5)
        return "" if code is None else f" with code {code}"

    @property
    def name(self) -> str:
        """Shortened command."""
        return " ".join(str(part) for part in self._process.args[1:5])  # type: ignore[index]

    def end(self) -> None:
        """Close the input, which ends the program; kill it if it does not end."""
        self._selector.close()
        with contextlib.suppress(OSError):
            self._in.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._out.close()


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """Processor time in ns, and peak resident memory since the last reset in bytes; None if unknown."""

    cpu_ns: int | None
    peak_rss_bytes: int | None

    def since(self, before: ProcessUsage) -> ProcessUsage:
        """Return the usage since an earlier reading."""
        if self.cpu_ns is None or before.cpu_ns is None:
            return self
        return ProcessUsage(self.cpu_ns - before.cpu_ns, self.peak_rss_bytes)


def read_usage(pid: int, *, reset_peak: bool) -> ProcessUsage:
    """Read the usage of a process from Linux; unknown elsewhere.

    The processor time is that of all its threads, from its clock: see clock_getcpuclockid(3). The peak is from procfs:
    see proc(5), `status` and `clear_refs`.
    """
    folder = Path("/proc") / str(pid)
    try:
        cpu_ns = time.clock_gettime_ns(~pid << 3 | CPU_CLOCK)
        status = (folder / "status").read_bytes()
        peak = int(status[status.index(b"VmHWM:") + 6 :].split(maxsplit=1)[0]) * 1024
        if reset_peak:
            fd = os.open(folder / "clear_refs", os.O_WRONLY)
            os.write(fd, b"5")
            os.close(fd)
    except (OSError, ValueError):
        return ProcessUsage(None, None)
    return ProcessUsage(cpu_ns, peak)
