"""Run the monolith's command on one file, so that its end is known also where this process dies meanwhile.

A small shell runs the command in a process group and session of its own. It notes that it began, and at the end the
exit code, in the folder of the file; while any of the command's processes lives, a lock is held there. A process that
finds the lock free can tell three cases apart: the command never began, it ended with a code, or it was killed.
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import subprocess
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from metrics.private_files import open_private

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: Notes the begin and the end; a signal that ends the command ends the shell after it. A begin that cannot be noted, on
#: a full disk for instance, is none: the command would run again although it may have sent the file.
SHELL = (
    'folder=$1; shift; trap : TERM; echo $$ > "$folder/began" || exit 125; "$@"; code=$?; '
    'echo "$code" > "$folder/exit.part" && mv "$folder/exit.part" "$folder/exit"; exit "$code"'
)

#: Seconds between the polite signal and the one that kills, after the time-out.
GRACE_S = 5.0

#: Exit codes of a shell for a command that a signal ended: 128 + its number.
KILLED_CODES = range(129, 193)

LOCK, BEGAN, EXIT, OUTPUT = "lock", "began", "exit", "output.log"


@dataclass(frozen=True, slots=True)
class CommandEnd:
    """How a command ended. `exit_code` is that of a shell; None where it is unknown.

    `was_killed`: it was ended by a signal, among others after its time-out, so that what it has done is unknown.
    """

    exit_code: int | None
    was_killed: bool
    why: str  #: in words; empty after success
    duration_ns: int = 0
    cpu_ns: int | None = None
    peak_rss_bytes: int | None = None

    @property
    def outcome(self) -> Literal["done", "failed", "ambiguous"]:
        """What follows for the file."""
        if self.was_killed:
            return "ambiguous"
        return "done" if self.exit_code == 0 else "failed"


@contextmanager
def locked(folder: Path) -> Iterator[int | None]:
    """Lock the folder of a file; yield the open lock, or None while a command that was begun there still lives."""
    fd = open_private(str(folder / LOCK), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield fd
    finally:
        os.close(fd)


def is_command_running(folder: Path) -> bool:
    """Return whether a process of a command that was begun in the folder of a file lives."""
    if not (folder / LOCK).exists():
        return False
    with locked(folder) as lock:
        return lock is None


def forget_last_run(folder: Path) -> None:
    """Remove what an earlier run of the command noted, before the next one."""
    for name in (BEGAN, EXIT, f"{EXIT}.part", OUTPUT):
        (folder / name).unlink(missing_ok=True)


def run_command(command: Sequence[str], folder: Path, working_folder: Path, lock: int, timeout_s: float) -> CommandEnd:
    """Run a command to its end, and measure it; kill its process group after the time-out.

    Args:
        command: the program and its arguments.
        folder: of the file; the command's output is kept there.
        working_folder: in which it runs.
        lock: the lock of the folder; the command's processes hold it.
        timeout_s: seconds after which the command is killed.
    """
    with open(folder / OUTPUT, "wb", opener=open_private) as output:
        began_ns = time.monotonic_ns()
        try:
            process = subprocess.Popen(  # noqa: S603 (the command of the partner's file)
                ["/bin/sh", "-c", SHELL, "milepost", str(folder), *command],
                cwd=working_folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, pass_fds=(lock,),
            )  # fmt: skip
        except (OSError, ValueError) as error:
            why = f"cannot be started: {getattr(error, 'strerror', None) or error}"
            return CommandEnd(127, was_killed=False, why=why, duration_ns=time.monotonic_ns() - began_ns)
    with killed_after(process.pid, timeout_s) as timer:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        duration_ns = time.monotonic_ns() - began_ns
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = code = os.waitstatus_to_exitcode(status)
    if timer.is_over:
        end = CommandEnd(None, was_killed=True, why=f"was killed after {timeout_s:g} s")
    else:
        end = end_of(128 - code if code < 0 else code)
    # the kernel also counts the memory of a process before it became the command: that of this process
    own_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_rss_bytes = used.ru_maxrss * 1024 if used.ru_maxrss > own_kib else None
    cpu_ns = round((used.ru_utime + used.ru_stime) * 1e9)
    return CommandEnd(end.exit_code, end.was_killed, end.why, duration_ns, cpu_ns, peak_rss_bytes)


def end_of(code: int) -> CommandEnd:
    """Return the end that an exit code of a shell stands for."""
    if code in KILLED_CODES:
        return CommandEnd(code, was_killed=True, why=f"was ended by signal {code - 128}")
    return CommandEnd(code, was_killed=False, why=f"ended with exit code {code}" if code else "")


def noted_end(folder: Path) -> CommandEnd | None:
    """Return how a command ended whose process died; None where it never began. Its lock must be free."""
    if not (folder / BEGAN).exists():
        return None
    try:
        return end_of(int((folder / EXIT).read_text()))
    except (OSError, ValueError):
        return CommandEnd(None, was_killed=True, why="was killed, or its machine stopped")


def noted_end_us(folder: Path) -> int | None:
    """Return when a command noted its exit code, in microseconds since 1970."""
    try:
        return (folder / EXIT).stat().st_mtime_ns // 1000
    except OSError:
        return None


def kill_left_command(folder: Path) -> None:
    """Kill the process group of a command whose process died and whose lock is still held."""
    with suppress(OSError, ValueError):
        number = int((folder / BEGAN).read_text())
        if os.getsid(number) == number:
            os.killpg(number, signal.SIGKILL)


@dataclass(slots=True)
class _Timer:
    is_over: bool = False


@contextmanager
def killed_after(pid: int, timeout_s: float) -> Iterator[_Timer]:
    """Kill a process group once the time is over, during the block, in which its leader is not reaped."""
    timer, ended = _Timer(), threading.Event()

    def watch() -> None:
        if ended.wait(timeout_s):
            return
        timer.is_over = True
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGTERM)
        ended.wait(GRACE_S)
        with suppress(ProcessLookupError):  # also what outlived the leader of the group
            os.killpg(pid, signal.SIGKILL)

    thread = threading.Thread(target=watch, name="command time-out", daemon=True)
    thread.start()
    try:
        yield timer
    finally:
        ended.set()
        thread.join()
