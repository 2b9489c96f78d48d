"""Read one HTTP/1.1 answer, strictly: what it says, and whether it came to its end (RFC 9110, RFC 9112).

Interim answers (1xx) are skipped and counted. Framing decides where an answer ends, so that any doubt about it makes
the answer malformed; a header line that cannot be read and does not concern framing is ignored.

No library that we know of does this: the standard one takes status lines such as `2_00` and gives interim answers for
final ones, and h11 refuses a whole answer, its status included, for one header line that cannot be read, refuses
transfer codings other than `chunked`, and needs quadratic time for a long line, which no deadline can end.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from poc.config.endpoint import HEADER_NAME

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: The most bytes of one answer, with everything around its body.
MAX_ANSWER_BYTES = 16 << 20

#: The most bytes of one line, and of all header lines of an answer.
MAX_HEAD_BYTES = 64 * 1024

#: The most interim answers before the final one.
MAX_INTERIM = 1000

#: A status line: the version, and a status of three ASCII digits (RFC 9112, section 4).
STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: [^\r\n\0]*)?")

CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?")

#: The headers that say where an answer ends.
FRAMING_HEADERS = ("content-length", "transfer-encoding")

SWITCHING_PROTOCOLS, NO_CONTENT, NOT_MODIFIED = 101, 204, 304


class MalformedAnswer(Exception):
    """The bytes are no answer of HTTP/1.1; the message says why."""


class EndOfStream(Exception):
    """The peer closed the connection."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A final answer.

    `headers` have lower-case names; a repeated one has all its values, separated by commas. `body` is the beginning of
    the body, without its transfer coding. `ending` says how the body ended: `complete`; `cut` where the connection
    closed before; `late` where the deadline came before; `malformed`, or `long` beyond `MAX_ANSWER_BYTES`. The
    connection can carry another request if `keep_alive` is true. `interim` counts the answers that were skipped.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    ending: Literal["complete", "cut", "late", "malformed", "long"]
    keep_alive: bool
    interim: int


class AnswerReader:
    """Reads an answer from a function that returns the next bytes, or none at the end of the stream."""

    def __init__(self, receive: Callable[[], bytes]) -> None:
        self.interim = 0
        self._receive = receive
        self._buffer = bytearray()
        self._start = 0  # of the bytes that are not yet used
        self._total_bytes = 0
        self._body = bytearray()
        self._keep_bytes = 0
        self._odd_line = b""
        self._odd_framing = False

    @property
    def beginning(self) -> bytes:
        """The bytes that were received and not understood, for a person to read."""
        return self._odd_line + self._buffer[self._start : self._start + MAX_HEAD_BYTES]

    @property
    def empty(self) -> bool:
        """Whether nothing was received."""
        return self._total_bytes == 0

    def read(self, keep_bytes: int) -> Answer:
        """Return the answer with at most `keep_bytes` bytes of its body.

        Raises:
            MalformedAnswer: no status can be read.
            EndOfStream: the connection closed before the end of the head.
            OSError: from the function, such as TimeoutError, before the end of the head.
        """
        while True:
            minor, status = self._status_line()
            headers = self._headers()
            if status == SWITCHING_PROTOCOLS:
                raise MalformedAnswer("it switched protocols, which was not asked for")
            if status >= 200:
                break
            self.interim += 1
            if self.interim > MAX_INTERIM:
                raise MalformedAnswer(f"more than {MAX_INTERIM} interim answers")
        self._keep_bytes = keep_bytes
        ending: Literal["complete", "cut", "late", "malformed", "long"] = "complete"
        reusable = False
        try:
            reusable = self._read_body(status, headers)
        except TimeoutError:
            ending = "late"
        except (EndOfStream, OSError):
            ending = "cut"
        except MalformedAnswer:
            ending = "long" if self._total_bytes > MAX_ANSWER_BYTES else "malformed"
        left_over = len(self._buffer) > self._start
        keep_alive = reusable and not left_over and stays_open(minor, headers)
        return Answer(status, headers, bytes(self._body), ending, keep_alive, self.interim)

    def _status_line(self) -> tuple[int, int]:
        line = self._line()
        match = STATUS_LINE.fullmatch(line)
        if match is None:
            self._odd_line = line + b"\n"
            raise MalformedAnswer("it does not begin with a status line of HTTP/1.1")
        return int(match[1]), int(match[2])

    def _headers(self) -> dict[str, str]:
        headers: dict[str, str] = {}
        last = ""
        size_bytes = 0
        while line := self._line():
            size_bytes += len(line)
            if size_bytes > MAX_HEAD_BYTES:
                raise MalformedAnswer(f"its head is longer than {MAX_HEAD_BYTES} bytes")
            text = line.decode("latin-1")
            if text[0] in " \t":  # the rest of a folded line
                if last:
                    headers[last] += f" {text.strip()}"
                continue
            name, colon, value = text.partition(":")
            last = name.lower() if colon and HEADER_NAME.fullmatch(name) else ""
            if not last and name.strip().lower().startswith(FRAMING_HEADERS):
                self._odd_framing = True
            if last:
                value = value.strip(" \t")
                headers[last] = f"{headers[last]}, {value}" if last in headers else value
        return headers

    def _read_body(self, status: int, headers: Mapping[str, str]) -> bool:
        """Read the body to its end; return whether another answer can follow on the connection."""
        if status in {NO_CONTENT, NOT_MODIFIED}:
            return not self._odd_framing
        if self._odd_framing:
            raise MalformedAnswer("a header that says where it ends cannot be read")
        codings = headers.get("transfer-encoding")
        if codings is not None:
            if codings.rpartition(",")[2].strip(" \t").lower() == "chunked":
                self._read_chunks()
                return "content-length" not in headers
        elif "content-length" in headers:
            self._take(content_length(headers["content-length"]))
            return True
        try:
            while True:
                self._take(len(self._buffer) - self._start)
                self._fill()
        except EndOfStream:
            return False

    def _read_chunks(self) -> None:
        while True:
            match = CHUNK_SIZE.fullmatch(self._line())
            if match is None:
                raise MalformedAnswer("a chunk has no size")
            size_bytes = int(match[1], 16)
            if not size_bytes:
                break
            self._take(size_bytes)
            if self._line():
                raise MalformedAnswer("a chunk has another size than it says")
        with suppress(EndOfStream):  # the body is complete with its last chunk (RFC 9112, section 8)
            self._headers()  # trailers

    def _take(self, size_bytes: int) -> None:
        """Take bytes of the body, and keep them as far as they are wanted."""
        while size_bytes:
            if self._start == len(self._buffer):
                self._fill()
            piece_bytes = min(size_bytes, len(self._buffer) - self._start)
            if wanted := self._keep_bytes - len(self._body):
                self._body += self._buffer[self._start : self._start + min(piece_bytes, wanted)]
            self._start += piece_bytes
            size_bytes -= piece_bytes

    def _line(self) -> bytes:
        """Take a line, without its end: CR LF, or LF alone (RFC 9112, section 2.2)."""
        searched = self._start
        while (end := self._buffer.find(b"\n", searched)) < 0:
            searched_bytes = len(self._buffer) - self._start
            if searched_bytes > MAX_HEAD_BYTES:
                raise MalformedAnswer(f"a line is longer than {MAX_HEAD_BYTES} bytes")
            self._fill()
            searched = self._start + searched_bytes
        line = bytes(self._buffer[self._start : end])
        self._start = end + 1
        return line.removesuffix(b"\r")

    def _fill(self) -> None:
        """Receive more bytes."""
        if self._start:
            del self._buffer[: self._start]
            self._start = 0
        data = self._receive()
        if not data:
            raise EndOfStream
        self._total_bytes += len(data)
        if self._total_bytes > MAX_ANSWER_BYTES:
            raise MalformedAnswer(f"it is longer than {MAX_ANSWER_BYTES} bytes")
        self._buffer += data


def content_length(text: str) -> int:
    """Return the length of a body, which may be repeated. Raises MalformedAnswer."""
    lengths = {part.strip(" \t") for part in text.split(",")}
    length = lengths.pop()
    if lengths or not (length.isascii() and length.isdigit()) or len(length) > 18:
        raise MalformedAnswer("its Content-Length is not one number")
    return int(length)


def stays_open(minor: int, headers: Mapping[str, str]) -> bool:
    """Return whether the peer keeps the connection after an answer (RFC 9112, section 9.3)."""
    options = {option.strip().lower() for option in headers.get("connection", "").split(",")}
    return "close" not in options and (minor >= 1 or "keep-alive" in options)
