"""Start programs by forking a template: a process that has imported the program's modules once.

A start of the service takes most of a second of processor time, nearly all of it for imports; a fork takes a few
milliseconds. There are two kinds of templates:

- One that has imported the whole program, for programs whose time and memory are not judged. A forked process lacks the
  background threads of its memory allocator, so that its times and its peak are not those of the program in production.
- One that has imported only what starts no thread (`FIRST_IMPORTS`), for judged programs, those of both sides. The
  forked process imports the rest itself, and has the threads, memory and garbage collector of one started anew.

`python -m metrics.replay.program_template MODULE [FIRST ...]` is the template. Its standard input is a Unix socket.
Each message is the arguments of one start as a JSON array, with the file descriptors of the program's standard input
and output. The template answers with the process's id. It ends with its standard input; the processes go on until their
own input ends.
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
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from metrics.errors import SubjectFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Bytes of a message: the arguments are a few paths.
MESSAGE_BYTES = 65_536

#: What judged programs import in their template; the rest, such as polars, starts threads, which no fork inherits.
FIRST_IMPORTS = {
    "poc.monolith": ("poc.monolith.exchange",),
    "poc.service.line_protocol": (
        "metrics.terminal",
        "poc.config.workspace",
        "poc.contract.datetime_formats",
        "poc.contract.schema",
        "poc.contract.xml_patterns",
        "poc.delivery.request_delivery",
        "poc.exchanges.attempt",
        "poc.exchanges.pass_file",
        "poc.formats.cells",
        "poc.formats.compression",
        "poc.formats.csv_grammar",
        "poc.formats.json_values",
        "poc.formats.parse_ahead",
        "poc.ledger.ledger",
        "poc.ledger.lookup",
        "poc.pipeline.stage_timer",
        "poc.prefetch",
        "poc.quarantine.store",
        "poc.service.run_event",
        "poc.stages.deliver_file",
        "poc.stages.deliver_once",
        "poc.stages.refuse",
        "poc.stages.retry",
        "poc.transports.folder",
        "poc.transports.http",
    ),
}

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
    """The templates of a replay, one for each module, started when it is first needed; for several threads.

    Args:
        first_imports: by module, what a template imports; without it, a template imports the whole program.
    """

    def __init__(self, first_imports: Mapping[str, Sequence[str]] | None = None) -> None:
        self._first_imports = first_imports or {}
        self._lock = threading.Lock()
        self._templates: dict[str, tuple[subprocess.Popen[bytes], socket.socket]] = {}

    def prepare(self) -> None:
        """Start the templates of all modules with first imports, so that they import while other work is done."""
        with self._lock:
            for module in self._first_imports if CAN_FORK else ():
                self._begin(module)

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
                [sys.executable, "-m", "metrics.replay.program_template", module, *self._first_imports.get(module, ())],
                stdin=theirs.fileno(),
                umask=0o077,  # the programs' files are below `var`, for their owner only
                process_group=0,  # Ctrl-C is for this process
            )
        self._templates[module] = (template, ours)
        return self._templates[module]

    def close(self) -> None:
        """End the templates; programs that they have started go on."""
        for _, ours in self._templates.values():
            ours.close()
        for template, _ in self._templates.values():
            template.wait()


def main() -> int:
    """Import the module, or what comes first of it, and fork for each message until the input ends."""
    module, *first_imports = sys.argv[1:]
    for name in first_imports or [module]:
        importlib.import_module(name)
    if not first_imports:
        gc.freeze()  # no collection touches, and so copies, what is shared
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking beside the threads of a memory allocator
    elif len(list(Path("/proc/self/task").iterdir())) > 1:
        raise SystemExit(f"{module}: one of its first imports starts threads, which no fork inherits")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # ended programs leave no entry behind
    requests = socket.socket(fileno=0)
    while True:
        message, descriptors, _, _ = socket.recv_fds(requests, MESSAGE_BYTES, 2)
        if not message:
            os._exit(0)  # at once: there is nothing to finish
        pid = os.fork()
        if not pid:
            run_program(module, json.loads(message), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        requests.send(str(pid).encode())


def run_program(name: str, arguments: list[str], stdin: int, stdout: int) -> None:
    """Run a module in this process, with these descriptors as its standard input and output, and end."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for descriptor, place in ((stdin, 0), (stdout, 1)):
            os.dup2(descriptor, place)
            os.close(descriptor)
        sys.stdin, sys.stdout = open(0, encoding="utf-8"), open(1, "w", encoding="utf-8")  # noqa: SIM115 (to its end)
        module: Any = importlib.import_module(name)
        if hasattr(module, "__path__"):
            module = importlib.import_module(f"{name}.__main__")
        code = module.main(arguments)
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 (the traceback is all that is left of it)
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
