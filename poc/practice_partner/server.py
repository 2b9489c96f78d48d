"""The practice partner: a real HTTP server on loopback that stores what it accepts and injects faults by a plan.

`POST /<namespace>/<partner>/<feed>` accepts JSON Lines or CSV (`text/csv`) and appends them unchanged to
`KEEP/<namespace>/<partner>/<feed>.jsonl` or `.csv`. The plan is a JSON file:

    {"faults": {"AA/flights/2013-W05.csv": {"0": {"1": "unavailable"}}}, "down": {"AA": ["2013-03-05"]},
     "ignores_keys": ["AA"], "wait_s": 60}

means: answer 503 the first time a namespace sends slot 0 (rows 1 to 500) of that file; on that day AA accepts nothing;
AA ignores an `Idempotency-Key`; a `Retry-After` is 60 s. The faults:

    unavailable 503 | error 500 | bad-request 400 | gone 410 | wait-seconds, wait-date 429 with Retry-After
    reset           the connection breaks before the body has arrived, and nothing is stored
    hang            no answer until the sender gives up, and nothing is stored
    answer-lost     the body is stored, and the connection closes without an answer
    kill            the body is stored, and the answer waits until the sender has been killed

A request names its file and slot in `Milepost-File` and `Milepost-Slot`. One that carries rows of several files has
`Milepost-Slots` instead, a JSON array in ASCII of file, slot and number of rows:

    Milepost-Slots: [["2014-01-06.csv", 0, 61], ["2014-01-07.csv", 0, 60]]

It meets the first fault that is planned for one of its slots, in their order, and counts as a send of each.

A body with an `Idempotency-Key` is stored once: the same key with the same body is answered 200 again, with the
header `Idempotent-Replayed: true`; with another body 422. A refused request leaves its key unused. A `Date` header is
the sender's time, from which wait-date counts, as a sender may run in a replay. `PUT /-/today` with an ISO date sets
the current day. The server ends when its standard input ends.
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
    from collections.abc import Callable, Iterable, Mapping

    from poc.practice_partner.state import PartnerState


#: Longest wait inside a request, in seconds, for a sender that waits without end.
MAX_WAIT_S = 10.0


#: The path of a delivery: a namespace, a partner and a feed, each a plain name.
DELIVERY_PATH = re.compile(
    r"/[A-Za-z0-9@#_-][A-Za-z0-9@#._-]*/[A-Za-z0-9_-][A-Za-z0-9._-]*/[A-Za-z0-9_-][A-Za-z0-9._-]*"
)


#: A valid `Idempotency-Key`: a string in quotes, as in its draft, or a bare word.
IDEMPOTENCY_KEY = re.compile(r'"[ !#-~]{1,255}"|[!#-~]{1,255}')


#: Header of the answer to a request whose key and body were stored before.
REPEATED = ("Idempotent-Replayed", "true")


#: Faults that are only an answer: status and title.
ERROR_RESPONSES = {
    "unavailable": ("503 Service Unavailable", "the partner is down"),
    "error": ("500 Internal Server Error", "the partner failed"),
    "bad-request": ("400 Bad Request", "the partner does not understand this"),
    "gone": ("410 Gone", "nothing is taken here any more"),
}


#: The file in a namespace's folder while a sender is to be killed; the harness removes it once the sender is dead.
KILL_MARK = "under-way"


class PartnerTask(WSGITask):
    """A request whose application may drop the connection."""

    def get_environment(self) -> dict[str, Any]:
        """Return the WSGI environment, with a function that closes the connection without an answer."""
        environment: dict[str, Any] = super().get_environment()
        environment["practice_partner.drop"] = self.channel.drop
        return environment


class PartnerChannel(HTTPChannel):
    """A connection that can break while a body is arriving."""

    task_class = PartnerTask

    def received(self, data: bytes) -> bool:
        """Receive bytes; if the plan says so, reset the connection after the head and before the end of the body."""
        took = bool(super().received(data))
        request: Any = self.request  # type: ignore[has-type] # still arriving; None once it is complete
        if request is not None and request.headers_finished and not request.completed:
            partner: PartnerState = self.server.partner
            slots = sent_slots(request.headers, "")
            if DELIVERY_PATH.fullmatch(request.path) and partner.fault(request.path, slots, count=False) == "reset":
                partner.fault(request.path, slots, count=True)
                self.request = None
                self.drop(reset=True)
        return took

    def drop(self, *, reset: bool) -> None:
        """Close the connection without an answer: by a TCP reset, or in the ordinary way."""
        connection: Any = self.socket
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.will_close = True
            self.server.pull_trigger()
        else:
            connection.shutdown(socket.SHUT_RDWR)


class PartnerApplication:
    """The partner's WSGI application, with as little work per request as possible."""

    def __init__(self, partner: PartnerState) -> None:
        self.partner = partner

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Handle a delivery, or set the day."""
        path, body = environ["PATH_INFO"], environ["wsgi.input"].read()
        if path == "/-/today" and environ["REQUEST_METHOD"] == "PUT":
            self.partner.today = body.decode()
            return respond(start_response, "200 OK")
        if environ["REQUEST_METHOD"] != "POST" or not DELIVERY_PATH.fullmatch(path):
            return respond(start_response, "404 Not Found", title="deliver with POST /NAMESPACE/PARTNER/FEED")
        slots = sent_slots(environ, "HTTP_")
        if not slots:
            title = "Milepost-Slots is not a JSON array of [file, slot, rows]"
            return respond(start_response, "400 Bad Request", title=title)
        fault = self.partner.fault(path, slots, count=True)
        if fault in ERROR_RESPONSES:
            status, title = ERROR_RESPONSES[fault]
            return respond(start_response, status, title=title)
        if fault in {"wait-seconds", "wait-date"}:
            headers = [("Retry-After", self._retry_after(fault, environ))]
            return respond(start_response, "429 Too Many Requests", headers, "too many requests")
        if fault in {"hang", "reset"}:
            if fault == "reset":
                environ["practice_partner.drop"](reset=True)
            wait_until(
                environ["waitress.client_disconnected"]
            )  # the connection's own thread closes it, before any answer
            return respond(start_response, "503 Service Unavailable", title="too late")
        return self._store(path, body, fault, environ, start_response)

    def _retry_after(self, fault: str, environ: dict[str, Any]) -> str:
        if fault == "wait-seconds":
            return f"{self.partner.wait_s:.0f}"
        began_s = sender_time_s(environ.get("HTTP_DATE", ""))
        return formatdate(math.ceil(began_s + self.partner.wait_s), usegmt=True)

    def _store(
        self, path: str, body: bytes, fault: str, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        key = environ.get("HTTP_IDEMPOTENCY_KEY", "")
        if key and not IDEMPOTENCY_KEY.fullmatch(key):
            return respond(
                start_response, "400 Bad Request", title="Idempotency-Key is not a string of 1 to 255 characters"
            )
        suffix = ".csv" if environ.get("CONTENT_TYPE", "").startswith("text/csv") else ".jsonl"
        result = self.partner.take(path, body, suffix, key.strip('"'))
        if result == "conflict":
            return respond(start_response, "422 Unprocessable Content", title="this Idempotency-Key had another body")
        if fault == "answer-lost":
            environ["practice_partner.drop"](reset=False)
        if fault == "kill":
            mark = self.partner.keep / path.split("/")[1] / KILL_MARK
            mark.touch()
            wait_until(lambda: not mark.exists())
        return respond(start_response, "200 OK", [REPEATED] if result == "repeated" else [])


def sent_slots(headers: Mapping[str, str], prefix: str) -> list[tuple[str, str]]:
    """Return the file and slot of each part of a request; none if its `Milepost-Slots` is invalid.

    `prefix` stands before the names of the headers, which are in capitals with underscores.
    """
    text = headers.get(f"{prefix}MILEPOST_SLOTS")
    if text is None:
        return [(unquote(headers.get(f"{prefix}MILEPOST_FILE", "")), headers.get(f"{prefix}MILEPOST_SLOT", "0"))]
    try:
        return [(str(file), str(slot)) for file, slot, _ in json.loads(text)]
    except (ValueError, TypeError):
        return []


def sender_time_s(date_header: str) -> float:
    """Return the sender's time in seconds since 1970; the current time without a valid `Date` header."""
    try:
        return parsedate_to_datetime(date_header).timestamp()
    except (ValueError, TypeError):
        return time.time()


def respond(
    start_response: Callable[..., Any], status: str, headers: list[tuple[str, str]] | None = None, title: str = ""
) -> list[bytes]:
    """Send an answer, an error as RFC 9457 problem+json. It has a Content-Length, so that the connection stays open."""
    body = json.dumps({"title": title, "status": int(status[:3])}).encode() if title else b""
    content_type = [("Content-Type", "application/problem+json")] if title else []
    start_response(status, [*content_type, ("Content-Length", str(len(body))), *(headers or [])])
    return [body]


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait until a condition holds, at most `MAX_WAIT_S`."""
    deadline = time.monotonic() + MAX_WAIT_S
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
