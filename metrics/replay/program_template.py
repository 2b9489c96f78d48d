"""Start programs by forking a template: a process that has imported the program's modules once.

A start of the service takes most of a second of processor time, nearly all of it for imports; a fork takes a few
milliseconds. Only programs whose time and memory are not judged are started like this. A forked process shares pages
with the template and lacks the background threads of its memory allocator, so that its times and its peak are not those
of the program in production.

`python -m metrics.replay.program_template MODULE` is the template. Its standard input is a Unix socket. Each message is
the arguments of one start as a JSON array, with the file descriptors of the program's standard input and output. The
template answers with the process's id. It ends with its standard input; the processes go on until their own input ends.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import traceback
import warnings
from typing import IO, TYPE_CHECKING, Any

from metrics.errors import SubjectFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Bytes of a message: the arguments are a few paths.
MESSAGE_BYTES = 65_536

#: Whether programs can be forked here; elsewhere each is started anew. A process's descriptor exists in Linux only.
CAN_FORK = hasattr(os, "pidfd_open")


class ForkedProgram:
    """A process forked from a template, with what `subprocess.Popen` offers of it."""

    def __init__(self, arguments: Sequence[str], pid: int, stdin: IO[bytes], stdout: IO[bytes]) -> None:
        self.args = arguments
        self.pid = pid
        self.stdin = stdin
        self.stdout = stdout
        try:
            self._pidfd = os.pidfd_open(pid)
        except OSError as error:
            stdin.close()
            stdout.close()
            raise SubjectFailed(f"{' '.join(arguments[1:5])}: ended as soon as it started") from error

    def kill(self) -> None:
        """Kill the process, unless it has ended."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait until the process has ended; its exit code is not known, as it is the template's child.

        Raises:
            subprocess.TimeoutExpired: it has not ended in `timeout` seconds.
        """
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        if not poll.poll(None if timeout is None else timeout * 1_000):
            raise subprocess.TimeoutExpired(list(self.args), timeout or 0.0)
        return None

    def __del__(self) -> None:
        """Close the process's descriptor."""
        with contextlib.suppress(AttributeError, OSError):
            os.close(self._pidfd)


class ProgramTemplates:
    """The templates of a replay, one for each module, started when it is first needed; for several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._templates: dict[str, tuple[subprocess.Popen[bytes], socket.socket]] = {}

    def start(self, arguments: Sequence[str]) -> ForkedProgram:
        """Start `python -m MODULE ...` by forking. Raises SubjectFailed."""
        module = arguments[arguments.index("-m") + 1]
        stdin, our_stdin = os.pipe()
        our_stdout, stdout = os.pipe()
        message = json.dumps(list(arguments[arguments.index("-m") + 2 :])).encode()
        try:
            with self._lock:
                _, ours = self._templates.get(module) or self._begin(module)
                socket.send_fds(ours, [message], [stdin, stdout])
                answer = ours.recv(32)
        except OSError as error:
            raise SubjectFailed(f"{module}: its template does not answer: {error}") from error
        finally:
            os.close(stdin)
            os.close(stdout)
        if not answer:
            raise SubjectFailed(f"{module}: its template has ended; its own output is above")
        return ForkedProgram(arguments, int(answer), os.fdopen(our_stdin, "wb"), os.fdopen(our_stdout, "rb"))

    def _begin(self, module: str) -> tuple[subprocess.Popen[bytes], socket.socket]:
        ours, theirs = socket.socketpair()
        with theirs:
            template = subprocess.Popen(  # noqa: S603 (our own programs)
                [sys.executable, "-m", "metrics.replay.program_template", module],
                stdin=theirs.fileno(),
                umask=0o077,  # the programs' files are below `var`, for their owner only
                process_group=0,  # Ctrl-C is for this process
            )
        self._templates[module] = (template, ours)
        return self._templates[module]

    def close(self) -> None:
        """End the templates; programs that they have started go on."""
        for template, ours in self._templates.values():
            ours.close()
            template.wait()


def main() -> int:
    """Import the module, and fork it for each message until the input ends."""
    module = importlib.import_module(sys.argv[1])
    gc.freeze()  # no collection touches, and so copies, what is shared
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended programs leave no entry behind
    warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside the threads of a memory allocator
    requests = socket.socket(fileno=0)
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, MESSAGE_BYTES, 2)
        if not message:
            return 0
        pid = os.fork()
        if not pid:
            run_program(module, json.loads(message), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        requests.send(str(pid).encode())


def run_program(module: Any, arguments: list[str], stdin: int, stdout: int) -> None:
    """Run the program in this process, with these descriptors as its standard input and output, and end."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor, place in ((stdin, 0), (stdout, 1)):
            os.dup2(descriptor, place)
            os.close(descriptor)
        sys.stdin, sys.stdout = open(0, encoding="utf-8"), open(1, "w", encoding="utf-8")  # noqa: SIM115 (to its end)
        code = module.main(arguments)
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 (the traceback is all that is left of it)
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
