"""What the scale bench runs on: a workspace of 16 partners, workers that can be killed, and a partner that counts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from poc.config.scaffold import create_workspace

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

PARTNERS = [f"P{number:02}" for number in range(16)]
FEEDS = [f"f{number}" for number in range(4)]

#: A server that answers after some seconds and honours keys; it appends each request to a file: time, partner,
#: feed, file, and whether it had its key before. It ends with its standard input.
PARTNER = """
import json, os, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
delay_s, out = float(sys.argv[1]), open(sys.argv[2], "a", buffering=1)
lock, keys, ended = threading.Lock(), set(), threading.Event()
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        _, partner, feed = self.path.split("/")
        key = self.headers["Idempotency-Key"]
        with lock:
            out.write(json.dumps([time.time(), partner, feed, self.headers["Milepost-File"], key in keys]) + "\\n")
            keys.add(key)
        ended.wait(delay_s)
        self.wfile.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
    def log_message(self, *_):
        pass
class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    def handle_error(self, *_):
        pass
server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
ended.set()
"""


class Request(NamedTuple):
    """A request that the partner got; the rows of a file are one request."""

    at_s: float
    partner: str
    feed: str
    file: str
    is_repeated: bool


class Machine:
    """A workspace, its partner and its workers; leaving the block of the stack ends all of them.

    Args:
        folder: an empty folder.
        stack: ends what was started.
        ledger: the URL of the ledger; empty for a file of the workspace.
        delay_s: seconds that the partner takes for an answer.
        rate: the rate that each partner has agreed to, such as `5/s`.
    """

    def __init__(self, folder: Path, stack: ExitStack, ledger: str = "", delay_s: float = 0.0, rate: str = "") -> None:
        self.root = folder / "w"
        self.ledger = ledger
        self._stack = stack
        self._log = folder / "requests.jsonl"
        partner = subprocess.Popen(
            [sys.executable, "-c", PARTNER, str(delay_s), str(self._log)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        stack.callback(end, partner)
        assert partner.stdout is not None
        url = f"http://127.0.0.1:{partner.stdout.readline().strip()}"
        create_workspace(self.root, "scale", "live", dict.fromkeys(PARTNERS, "A partner"), "")
        settings = self.root / "milepost.toml"
        if ledger:
            settings.write_text(settings.read_text().replace("schema = 1\n", f'schema = 1\nledger = "{ledger}"\n', 1))
        for name in PARTNERS:
            path = self.root / "partners" / f"{name}.toml"
            head, _, tail = path.read_text().partition("[endpoint]\n")
            head += f'rate = "{rate}"\n' if rate else ""
            feed = tail[tail.index("[feed.flights]\n") :].replace("settle_s = 2.0", "settle_s = 0.0")
            feeds = "\n".join(feed.replace("[feed.flights]", f"[feed.{one}]") for one in FEEDS)
            path.write_text(f'{head}[endpoint]\nurl = "{url}/{name}"\nhonours_keys = true\ntimeout_s = 30\n\n{feeds}')
            for one in FEEDS:
                (self.root / "var/inbox" / name / one).mkdir(parents=True, exist_ok=True)
        self.workers: list[subprocess.Popen[bytes]] = []

    def start_worker(self) -> subprocess.Popen[bytes]:
        """Start one more worker."""
        command = [sys.executable, "-m", "milepost", "-w", str(self.root), "work", "--log-level", "error"]
        with (self.root.parent / "workers.log").open("ab") as log:
            worker = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._stack.callback(end, worker)
        self.workers.append(worker)
        return worker

    def put(self, partner: str, feed: str, name: str, data: bytes) -> None:
        """Put a file into an inbox, whole at once."""
        inbox = self.root / "var/inbox" / partner / feed
        part = inbox / f"{name}.part"
        part.write_bytes(data)
        part.rename(inbox / name)

    def requests(self) -> list[Request]:
        """Return what the partner got, in its order."""
        if not self._log.exists():
            return []
        return [Request(*json.loads(line)) for line in self._log.read_text().splitlines()]

    def archived(self) -> int:
        """Return the number of files whose exchange has ended."""
        return sum(len(files) for _, _, files in os.walk(self.root / "var/archive"))

    def wait_for(self, files: int, limit_s: float) -> None:
        """Wait until so many files are exchanged. Raises TimeoutError."""
        until_s = time.monotonic() + limit_s
        while self.archived() < files:
            if time.monotonic() > until_s or all(worker.poll() is not None for worker in self.workers):
                raise TimeoutError(f"{self.archived()} of {files} files after {limit_s} s: {self.tail()}")
            time.sleep(0.02)

    def tail(self) -> str:
        """Return the end of what the workers printed."""
        return (self.root.parent / "workers.log").read_text(errors="replace")[-2000:]


def end(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """End a process that was started here."""
    if process.stdin is not None:
        process.stdin.close()
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
    process.kill()
    process.wait()
    if process.stdout is not None:
        process.stdout.close()


def processor_s(pids: Sequence[int], *, with_children: bool = False) -> float:
    """Return the processor time of processes, and of their children, those that have ended included."""
    total = 0
    for pid in pids:
        with suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11 : 15 if with_children else 13]))
    if with_children:
        children = [int(path.name) for path in Path("/proc").glob("[0-9]*") if parent_of(path) in pids]
        return total / os.sysconf("SC_CLK_TCK") + processor_s(children)
    return total / os.sysconf("SC_CLK_TCK")


def parent_of(folder: Path) -> int:
    """Return the parent of a process by its folder in /proc; 0 where it has ended."""
    with suppress(OSError):
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    return 0
