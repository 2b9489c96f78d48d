"""Uploads: requests whose bodies may be large, once their headers have shown who sends them, and that have time."""

from __future__ import annotations

import copy
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeAlias

from waitress.parser import HTTPRequestParser
from waitress.utilities import Error, RequestEntityTooLarge

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: How the path of an upload begins.
UPLOAD_PATH = "/in/"

#: The most uploads that arrive at the same time; each takes room on disk before it is checked.
MAX_UPLOADS = 16

#: The slowest upload in bytes a second; a slower one is closed.
SLOWEST_BYTES_S = 32 * 1024

#: Returns the most bytes of an upload by its path and headers, which have upper-case names with `_`; or why it is
#: refused: status, title, sentence. 0: its body is bounded as that of a form.
Admission: TypeAlias = "Callable[[str, Mapping[str, str]], int | tuple[int, str, str]]"


class Problem(Error):  # type: ignore[misc] # waitress has no types
    """An answer before the application is asked: a problem of RFC 9457. The connection is closed after it."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.reason, self.title = status, HTTPStatus(status).phrase, title

    def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:  # noqa: ARG002 (of waitress)
        """Return status, headers and body."""
        body = {"type": "about:blank", "title": self.title, "status": self.code, "detail": self.body}
        headers = [("Content-Type", "application/problem+json"), ("X-Content-Type-Options", "nosniff")]
        if self.code == HTTPStatus.UNAUTHORIZED:
            headers.append(("WWW-Authenticate", "Bearer"))
        if self.code == HTTPStatus.SERVICE_UNAVAILABLE:
            headers.append(("Retry-After", "2"))
        return f"{self.code} {self.reason}", headers, json.dumps(body).encode()


class UploadParser(HTTPRequestParser):  # type: ignore[misc] # waitress has no types
    """A parser that admits an upload, or refuses it, once its headers are there and before its body is read."""

    def __init__(self, adj: Any, admit: Admission, count: Callable[[], int]) -> None:
        super().__init__(adj)
        self.adj: Any = adj
        self.error: Any = None
        self._admit, self._count = admit, count
        self._problem: Problem | None = None
        #: Whether this is an upload that was admitted.
        self.is_upload = False

    def parse_header(self, header_plus: bytes) -> None:
        """Parse the headers, and decide on an upload."""
        super().parse_header(header_plus)
        if self.command != "POST" or not self.path.startswith(UPLOAD_PATH):
            return
        answer = self._admit(self.path, self.headers)
        if isinstance(answer, tuple):
            self._problem = Problem(*answer)
        elif answer and self._count() >= MAX_UPLOADS:
            self._problem = Problem(503, "Busy", "Too many files arrive at the moment. Send it again later.")
        elif answer:
            self.is_upload = True
            self.adj = copy.copy(self.adj)
            self.adj.max_request_body_size = answer + 1  # the parser refuses a body of that size, too

    def received(self, data: bytes) -> int:
        """Receive bytes; return how many belong to this request."""
        consumed = int(super().received(data))
        if self._problem is not None and self.headers_finished:  # even where its body is too large as well
            self.error, self.completed = self._problem, True
        if self.is_upload and isinstance(self.error, RequestEntityTooLarge):
            self.error = Problem(413, "Too large", "The file has more bytes than this feed takes.")
        if self.error is not None:
            self.expect_continue = False  # the body is not wanted
        return consumed

    def may_take_s(self) -> float:
        """Return for how many seconds the bytes that have come may have taken, beside the time of a request."""
        return float(self.body_bytes_received / SLOWEST_BYTES_S) if self.is_upload else 0.0
