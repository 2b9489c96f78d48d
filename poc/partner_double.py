"""A partner to practise on: a real HTTP server on loopback that keeps what it accepts and misbehaves by a plan.

`POST /<namespace>/<partner>/<feed>` takes JSON Lines or CSV (`text/csv`) and appends them as they come to
`KEEP/<namespace>/<partner>/<feed>.jsonl` or `.csv`. The plan is a JSON file:

    {"faults": {"AA/flights/2013-W05.csv": {"0": {"1": "unavailable"}}}, "down": {"AA": ["2013-03-05"]},
     "ignores_keys": ["AA"], "wait_s": 60}

reads: the first time a namespace sends slot 0 (rows 1 to 500) of that file, answer 503; on that day AA takes nothing;
AA does not look at an `Idempotency-Key`; whoever is told to wait is told 60 s. The faults:

    unavailable 503 | error 500 | bad-request 400 | gone 410 | wait-seconds, wait-date 429 with Retry-After
    reset           the connection breaks before the body is in, and nothing is held
    hang            no answer until the sender gives up, and nothing is held
    answer-lost     the body is held, and the connection closes without an answer
    kill            the body is held, and the answer waits until the sender has been killed

A body that came with an `Idempotency-Key` is held once: the same key with the same body is answered 200 again, with
another body 422. A refused request leaves no trace of its key. `Date`, where sent, is the sender's time, by which
wait-date counts, as a sender may live in a replay. `PUT /-/today` with an ISO date says which day it is. The server
ends when its standard input does.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import signal
import socket
import struct
import sys
import threading
import time
from email.utils import formatdate, parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.task import WSGITask

from poc.partner_memory import Partner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

#: Seconds that a request is held at the most, for a sender that waits without end.
HOLD_S = 10.0

#: Where deliveries go: a namespace, a partner and a feed, each a plain name.
PLACE = re.compile(r"/[A-Za-z0-9@#_-][A-Za-z0-9@#._-]*/[A-Za-z0-9_-][A-Za-z0-9._-]*/[A-Za-z0-9_-][A-Za-z0-9._-]*")

#: What an `Idempotency-Key` may be: a string in quotes, as its draft has it, or a bare word.
KEY = re.compile(r'"[ !#-~]{1,255}"|[!#-~]{1,255}')

#: Faults that are a plain answer, and no more.
REFUSALS = {
    "unavailable": ("503 Service Unavailable", "the partner is down"),
    "error": ("500 Internal Server Error", "the partner failed"),
    "bad-request": ("400 Bad Request", "the partner does not understand this"),
    "gone": ("410 Gone", "nothing is taken here any more"),
}

#: Name of the file that stands in a namespace's folder while a sender is to be killed; removed once it is dead.
UNDER_WAY = "under-way"


class Task(WSGITask):
    """A request whose application may drop the connection."""

    def get_environment(self) -> dict[str, Any]:
        """The WSGI environment, with a way to leave the sender without an answer."""
        environment: dict[str, Any] = super().get_environment()
        environment["partner_double.drop"] = self.channel.drop
        return environment


class Channel(HTTPChannel):
    """A connection that can break while a body is coming in."""

    task_class = Task

    def received(self, data: bytes) -> bool:
        """Take bytes in; where the plan says so, reset the connection once the head is there and the body is not."""
        took = bool(super().received(data))
        request: Any = self.request  # type: ignore[has-type] # still coming in; None once it is whole
        if request is not None and request.headers_finished and not request.completed:
            partner: Partner = self.server.partner
            file, slot = unquote(request.headers.get("MILEPOST_FILE", "")), request.headers.get("MILEPOST_SLOT", "0")
            if PLACE.fullmatch(request.path) and partner.fault(request.path, file, slot, count=False) == "reset":
                partner.fault(request.path, file, slot, count=True)
                self.request = None
                self.drop(reset=True)
        return took

    def drop(self, *, reset: bool) -> None:
        """Close the connection without an answer; `reset` makes the other side see it as an error at once."""
        connection: Any = self.socket
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.will_close = True
            self.server.pull_trigger()
        else:
            connection.shutdown(socket.SHUT_RDWR)


class Application:
    """The partner's WSGI door; as little work a request as can be."""

    def __init__(self, partner: Partner) -> None:
        self.partner = partner

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Take a delivery, or set the day."""
        path, body = environ["PATH_INFO"], environ["wsgi.input"].read()
        if path == "/-/today" and environ["REQUEST_METHOD"] == "PUT":
            self.partner.today = body.decode()
            return answer(start_response, "200 OK")
        if environ["REQUEST_METHOD"] != "POST" or not PLACE.fullmatch(path):
            return answer(start_response, "404 Not Found", title="deliver with POST /NAMESPACE/PARTNER/FEED")
        file, slot = unquote(environ.get("HTTP_MILEPOST_FILE", "")), environ.get("HTTP_MILEPOST_SLOT", "0")
        fault = self.partner.fault(path, file, slot, count=True)
        if fault in REFUSALS:
            status, title = REFUSALS[fault]
            return answer(start_response, status, title=title)
        if fault in {"wait-seconds", "wait-date"}:
            until = [("Retry-After", self._wait(fault, environ))]
            return answer(start_response, "429 Too Many Requests", until, "too many requests")
        if fault in {"hang", "reset"}:
            if fault == "reset":
                environ["partner_double.drop"](reset=True)
            wait(environ["waitress.client_disconnected"])  # the connection's own thread closes it, before any answer
            return answer(start_response, "503 Service Unavailable", title="too late")
        return self._take(path, body, fault, environ, start_response)

    def _wait(self, fault: str, environ: dict[str, Any]) -> str:
        if fault == "wait-seconds":
            return f"{self.partner.wait_s:.0f}"
        began_s = sender_time_s(environ.get("HTTP_DATE", ""))
        return formatdate(math.ceil(began_s + self.partner.wait_s), usegmt=True)

    def _take(
        self, path: str, body: bytes, fault: str, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        key = environ.get("HTTP_IDEMPOTENCY_KEY", "")
        if key and not KEY.fullmatch(key):
            return answer(start_response, "400 Bad Request", title="Idempotency-Key is no string of 1 to 255 signs")
        suffix = ".csv" if environ.get("CONTENT_TYPE", "").startswith("text/csv") else ".jsonl"
        if not self.partner.take(path, body, suffix, key.strip('"')):
            return answer(start_response, "422 Unprocessable Content", title="this Idempotency-Key had another body")
        if fault == "answer-lost":
            environ["partner_double.drop"](reset=False)
        if fault == "kill":
            mark = self.partner.keep / path.split("/")[1] / UNDER_WAY
            mark.touch()
            wait(lambda: not mark.exists())
        return answer(start_response, "200 OK")


def sender_time_s(told: str) -> float:
    """Seconds since 1970 by the sender's `Date`; by the clock where it tells none."""
    try:
        return parsedate_to_datetime(told).timestamp()
    except (ValueError, TypeError):
        return time.time()


def answer(
    start_response: Callable[..., Any], status: str, headers: list[tuple[str, str]] | None = None, title: str = ""
) -> list[bytes]:
    """An answer; what went wrong as RFC 9457 problem+json. It tells its length, so that the connection is kept."""
    body = json.dumps({"title": title, "status": int(status[:3])}).encode() if title else b""
    kind = [("Content-Type", "application/problem+json")] if title else []
    start_response(status, [*kind, ("Content-Length", str(len(body))), *(headers or [])])
    return [body]


def wait(over: Callable[[], bool]) -> None:
    """Wait until something is over, ten seconds at the most."""
    until = time.monotonic() + HOLD_S
    while not over() and time.monotonic() < until:
        time.sleep(0.005)


def main(arguments: list[str] | None = None) -> int:
    """Serve until the standard input ends or SIGTERM comes."""
    parser = argparse.ArgumentParser(prog="python -m poc.partner_double", description="A partner to practise on.")
    parser.add_argument("--plan", type=Path, help="JSON file of faults; without it the partner behaves")
    parser.add_argument("--keep", type=Path, required=True, help="folder for what is accepted")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    options = parser.parse_args(arguments)
    plan = json.loads(options.plan.read_text("utf-8")) if options.plan else {}
    partner = Partner(plan, options.keep)
    try:
        server: Any = create_server(
            Application(partner),
            host="127.0.0.1",
            port=options.port,
            threads=8,
            channel_timeout=3600,
            channel_request_lookahead=1,
            recv_bytes=1 << 16,  # a body in few reads
        )
    except OSError as error:
        print(f"milepost: port {options.port}: {error.strerror}; choose another with --port", file=sys.stderr)  # noqa: T201
        return 2
    server.channel_class = Channel
    server.partner = partner
    print(json.dumps({"ready": f"http://127.0.0.1:{server.effective_port}"}), flush=True)  # noqa: T201
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    threading.Thread(target=_end_with_input, daemon=True).start()
    server.run()
    return 0


def _end_with_input() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
