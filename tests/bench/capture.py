"""What the capture proxy costs, and what a kill of it loses: `python tests/bench/capture.py [--json]`.

`overhead_p50_ms`: median milliseconds of a request with a body of 16 KiB through the proxy, minus that of the same
request sent directly, over kept connections and in turns; `overhead_new_p50_ms`: with a new connection for each.
`rss_growth`: the most memory of the proxy after a body of `--bytes` in each direction / the most after 64 MiB.
`swallowed`: requests that the monolith saw taken, and the partner has not; `unseen`: those that were not kept as taken;
`invented`: bodies that the partner has more often than the monolith sent them. For these, the proxy is killed with
SIGKILL `--kills` times at random moments while four connections send.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from poc.capture.journal_reader import FIRST_POSITION, capture_folder, journal_end, read_requests
from poc.config.scaffold import create_workspace

ROOT = Path(__file__).parents[2]
BARS = {
    "overhead_p50_ms": "<= 1.5", "overhead_new_p50_ms": "reported", "rss_growth": "<= 1.2", "rss_mib": "reported",
    "gib_per_s": "reported", "kills": "reported", "requests": "reported", "swallowed": "0", "unseen": "0",
    "invented": "0",
}  # fmt: skip
PIECE = bytes(range(256)) * 1024
BODY = PIECE[:16384]
WARM_BYTES = 64 << 20
SENDERS = 4


class Partner(BaseHTTPRequestHandler):
    """Takes every body, notes the hash of small ones, and answers GET /N with N bytes."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        """Take a body."""
        left = int(self.headers["Content-Length"])
        digest = hashlib.sha256()
        while left and (data := self.rfile.read(min(left, len(PIECE)))):
            left -= len(data)
            if self.path == "/note":
                digest.update(data)
        if left:
            self.close_connection = True
            return
        if self.path == "/note":
            sys.stdout.write(digest.hexdigest() + "\n")
            sys.stdout.flush()
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def do_GET(self) -> None:
        """Send as many bytes as the path says."""
        left = int(self.path[1:])
        self.send_response(200)
        self.send_header("Content-Length", str(left))
        self.end_headers()
        while left:
            self.wfile.write(PIECE[:left])
            left -= min(left, len(PIECE))

    def log_message(self, *_: Any) -> None:
        """Write nothing."""


class PartnerServer(ThreadingHTTPServer):
    """A server that does not mind connections that are lost."""

    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Write nothing: the proxy is killed on purpose."""


def serve() -> None:
    """Serve as the partner, in a process of its own; its first line is the port."""
    server = PartnerServer(("127.0.0.1", 0), Partner)
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()


class Proxy:
    """The command `milepost capture` before the partner; it can be killed and started again."""

    def __init__(self, root: Path, port: int) -> None:
        create_workspace(root, "bench", "live", {"AA": "American"}, "")
        path = root / "partners" / "AA.toml"
        path.write_text(path.read_text().replace("http://127.0.0.1:8766", f"http://127.0.0.1:{port}"))
        self.root = root
        self.port = 0
        self.start()

    def start(self) -> None:
        """Start it, on the port that it had before."""
        program = [sys.executable, "-m", "milepost", "-w", str(self.root), "capture", "--port", str(self.port)]
        self.process = subprocess.Popen(program, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline().split()[0].rpartition(":")[2])

    def end(self, number: int = signal.SIGTERM) -> None:
        """End it by a signal."""
        self.process.send_signal(number)
        self.process.communicate()

    def most_memory_kib(self) -> int:
        """Return the most memory that it has used."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(text.partition("VmHWM:")[2].split()[0])


def request_ms(connection: http.client.HTTPConnection) -> float:
    """Return the milliseconds of one request."""
    start_s = time.perf_counter()
    connection.request("POST", "/x", BODY)
    connection.getresponse().read()
    return (time.perf_counter() - start_s) * 1000


def overheads(direct: int, proxy: int, requests: int) -> tuple[float, float]:
    """Return the overhead of a request over a kept connection, and over a new one, in milliseconds."""
    kept: dict[int, list[float]] = {direct: [], proxy: []}
    new: dict[int, list[float]] = {direct: [], proxy: []}
    connections = {port: http.client.HTTPConnection("127.0.0.1", port) for port in kept}
    for number in range(requests):
        for port in (direct, proxy) if number % 2 else (proxy, direct):
            kept[port].append(request_ms(connections[port]))
            if number % 5 == 0:
                fresh = http.client.HTTPConnection("127.0.0.1", port)
                new[port].append(request_ms(fresh))
                fresh.close()
    for connection in connections.values():
        connection.close()
    return tuple(statistics.median(each[proxy]) - statistics.median(each[direct]) for each in (kept, new))  # type: ignore[return-value]


def stream(port: int, size_bytes: int) -> float:
    """Send a body and read one of that size; return the seconds."""
    start_s = time.perf_counter()
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.putrequest("POST", "/x")
    connection.putheader("Content-Length", str(size_bytes))
    connection.endheaders()
    for start in range(0, size_bytes, len(PIECE)):
        connection.send(PIECE[: size_bytes - start])
    assert connection.getresponse().read() == b"ok"
    connection.request("GET", f"/{size_bytes}")
    answer = connection.getresponse()
    left = size_bytes
    while left:
        left -= len(answer.read(len(PIECE)))
    connection.close()
    return time.perf_counter() - start_s


def send_until(port: int, stop: threading.Event, number: int, attempts: list[tuple[str, bool]]) -> None:
    """Send bodies of their own until told to stop; note each attempt, and whether it was taken."""
    count = 0
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    while not stop.is_set():
        count += 1
        body = f"{number}/{count}".encode() + BODY[: 1 + count * 997 % 300_000]
        digest = hashlib.sha256(body).hexdigest()
        taken = False
        with suppress(OSError, http.client.HTTPException):
            connection.request("POST", "/note", body)
            answer = connection.getresponse()
            taken = answer.read() == b"ok" and answer.status == 200
        attempts.append((digest, taken))
        if not taken:
            connection.close()
            stop.wait(0.01)


def kill_rounds(proxy: Proxy, kills: int, rng: random.Random) -> list[tuple[str, bool]]:
    """Kill the proxy at random moments while connections send; return all attempts."""
    attempts: list[tuple[str, bool]] = []
    stop = threading.Event()
    senders = [threading.Thread(target=send_until, args=(proxy.port, stop, n, attempts)) for n in range(SENDERS)]
    for sender in senders:
        sender.start()
    for _ in range(kills):
        time.sleep(rng.uniform(0.05, 0.8))
        proxy.end(signal.SIGKILL)
        proxy.start()
    time.sleep(0.3)
    stop.set()
    for sender in senders:
        sender.join()
    return attempts


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return all figures."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=arguments.base)))
        noted = stack.enter_context((folder / "noted").open("w+"))
        program = [sys.executable, __file__, "--serve"]
        partner = subprocess.Popen(program, stdout=noted, text=True, cwd=ROOT)
        stack.callback(partner.wait)
        stack.callback(partner.kill)
        while not (first := (folder / "noted").read_text()).endswith("\n"):
            time.sleep(0.01)
        port = int(first)
        proxy = Proxy(folder / "work", port)
        stack.callback(proxy.end)
        kept_ms, new_ms = overheads(port, proxy.port, arguments.requests)
        stream(proxy.port, WARM_BYTES)
        warm_kib = proxy.most_memory_kib()
        wall_s = stream(proxy.port, arguments.bytes)
        most_kib = proxy.most_memory_kib()
        attempts = kill_rounds(proxy, arguments.kills, random.Random(arguments.seed))
        has = (folder / "noted").read_text().split()[1:]
        captured = capture_folder(proxy.root, "AA")
        requests = read_requests(captured, FIRST_POSITION, journal_end(captured))
        kept = {each.sha256 for each in requests if each.whole and each.status == 200 and each.ended == "complete"}
        taken = [digest for digest, was_taken in attempts if was_taken]
        sent = [digest for digest, _ in attempts]
        return {
            "overhead_p50_ms": round(kept_ms, 3), "overhead_new_p50_ms": round(new_ms, 3),
            "rss_growth": round(most_kib / warm_kib, 3), "rss_mib": round(most_kib / 1024, 1),
            "gib_per_s": round(2 * arguments.bytes / wall_s / (1 << 30), 2), "kills": arguments.kills,
            "requests": len(attempts), "swallowed": len(set(taken) - set(has)), "unseen": len(set(taken) - kept),
            "invented": sum(has.count(digest) > sent.count(digest) for digest in set(has)),
        }  # fmt: skip


def main() -> None:
    """Measure, and print the figures with their bars."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--requests", type=int, default=500)
    parser.add_argument("--bytes", type=int, default=1 << 30)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=17)
    parser.add_argument("--base", type=Path, help="where the temporary folder is made")
    arguments = parser.parse_args()
    if arguments.serve:
        serve()
        return
    figures = measure(arguments)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:22} {value:>12}  {BARS[name]}")


if __name__ == "__main__":
    main()
