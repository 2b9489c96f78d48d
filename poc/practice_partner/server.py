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

import json
import math
import re
import socket
import struct
import time
from email.utils import formatdate, parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from waitress.channel import HTTPChannel
from waitress.task import WSGITask

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from poc.practice_partner.state import PartnerState


#: Seconds that a request is held at the most, for a sender that waits without end.
MAX_WAIT_S = 10.0


#: Where deliveries go: a namespace, a partner and a feed, each a plain name.
DELIVERY_PATH = re.compile(
    r"/[A-Za-z0-9@#_-][A-Za-z0-9@#._-]*/[A-Za-z0-9_-][A-Za-z0-9._-]*/[A-Za-z0-9_-][A-Za-z0-9._-]*"
)


#: What an `Idempotency-Key` may be: a string in quotes, as its draft has it, or a bare word.
IDEMPOTENCY_KEY = re.compile(r'"[ !#-~]{1,255}"|[!#-~]{1,255}')


#: Faults that are a plain answer, and no more.
ERROR_RESPONSES = {
    "unavailable": ("503 Service Unavailable", "the partner is down"),
    "error": ("500 Internal Server Error", "the partner failed"),
    "bad-request": ("400 Bad Request", "the partner does not understand this"),
    "gone": ("410 Gone", "nothing is taken here any more"),
}


#: Name of the file that stands in a namespace's folder while a sender is to be killed; removed once it is dead.
KILL_MARK = "under-way"


class PartnerTask(WSGITask):
    """A request whose application may drop the connection."""

    def get_environment(self) -> dict[str, Any]:
        """The WSGI environment, with a way to leave the sender without an answer."""
        environment: dict[str, Any] = super().get_environment()
        environment["partner_double.drop"] = self.channel.drop
        return environment


class PartnerChannel(HTTPChannel):
    """A connection that can break while a body is coming in."""

    task_class = PartnerTask

    def received(self, data: bytes) -> bool:
        """Take bytes in; where the plan says so, reset the connection once the head is there and the body is not."""
        took = bool(super().received(data))
        request: Any = self.request  # type: ignore[has-type] # still coming in; None once it is whole
        if request is not None and request.headers_finished and not request.completed:
            partner: PartnerState = self.server.partner
            file, slot = unquote(request.headers.get("MILEPOST_FILE", "")), request.headers.get("MILEPOST_SLOT", "0")
            if (
                DELIVERY_PATH.fullmatch(request.path)
                and partner.fault(request.path, file, slot, count=False) == "reset"
            ):
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


class PartnerApplication:
    """The partner's WSGI door; as little work a request as can be."""

    def __init__(self, partner: PartnerState) -> None:
        self.partner = partner

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Take a delivery, or set the day."""
        path, body = environ["PATH_INFO"], environ["wsgi.input"].read()
        if path == "/-/today" and environ["REQUEST_METHOD"] == "PUT":
            self.partner.today = body.decode()
            return respond(start_response, "200 OK")
        if environ["REQUEST_METHOD"] != "POST" or not DELIVERY_PATH.fullmatch(path):
            return respond(start_response, "404 Not Found", title="deliver with POST /NAMESPACE/PARTNER/FEED")
        file, slot = unquote(environ.get("HTTP_MILEPOST_FILE", "")), environ.get("HTTP_MILEPOST_SLOT", "0")
        fault = self.partner.fault(path, file, slot, count=True)
        if fault in ERROR_RESPONSES:
            status, title = ERROR_RESPONSES[fault]
            return respond(start_response, status, title=title)
        if fault in {"wait-seconds", "wait-date"}:
            until = [("Retry-After", self._wait(fault, environ))]
            return respond(start_response, "429 Too Many Requests", until, "too many requests")
        if fault in {"hang", "reset"}:
            if fault == "reset":
                environ["partner_double.drop"](reset=True)
            wait_until(
                environ["waitress.client_disconnected"]
            )  # the connection's own thread closes it, before any answer
            return respond(start_response, "503 Service Unavailable", title="too late")
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
        if key and not IDEMPOTENCY_KEY.fullmatch(key):
            return respond(start_response, "400 Bad Request", title="Idempotency-Key is no string of 1 to 255 signs")
        suffix = ".csv" if environ.get("CONTENT_TYPE", "").startswith("text/csv") else ".jsonl"
        if not self.partner.take(path, body, suffix, key.strip('"')):
            return respond(start_response, "422 Unprocessable Content", title="this Idempotency-Key had another body")
        if fault == "answer-lost":
            environ["partner_double.drop"](reset=False)
        if fault == "kill":
            mark = self.partner.keep / path.split("/")[1] / KILL_MARK
            mark.touch()
            wait_until(lambda: not mark.exists())
        return respond(start_response, "200 OK")


def sender_time_s(told: str) -> float:
    """Seconds since 1970 by the sender's `Date`; by the clock where it tells none."""
    try:
        return parsedate_to_datetime(told).timestamp()
    except (ValueError, TypeError):
        return time.time()


def respond(
    start_response: Callable[..., Any], status: str, headers: list[tuple[str, str]] | None = None, title: str = ""
) -> list[bytes]:
    """An answer; what went wrong as RFC 9457 problem+json. It tells its length, so that the connection is kept."""
    body = json.dumps({"title": title, "status": int(status[:3])}).encode() if title else b""
    kind = [("Content-Type", "application/problem+json")] if title else []
    start_response(status, [*kind, ("Content-Length", str(len(body))), *(headers or [])])
    return [body]


def wait_until(over: Callable[[], bool]) -> None:
    """Wait until something is over, ten seconds at the most."""
    until = time.monotonic() + MAX_WAIT_S
    while not over() and time.monotonic() < until:
        time.sleep(0.005)
