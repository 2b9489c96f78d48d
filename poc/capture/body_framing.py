"""Where a body ends, followed piece by piece while its bytes are passed on as they are (RFC 9112, sections 6 and 7)."""

from __future__ import annotations

import re
from typing import Protocol

#: The most bytes of a line between chunks, and of all lines after them.
MAX_LINE_BYTES = 16 * 1024
MAX_TRAILER_BYTES = 64 * 1024

CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\x00-\x08\x0a-\x1f\x7f]*)?")
TRAILER = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\x00-\x08\x0a-\x1f\x7f]*")


class BrokenBody(Exception):
    """The bytes do not follow the framing of the body; the message says why."""


class BodyFraming(Protocol):
    """Follows one body; `done` once it has ended."""

    done: bool

    def feed(self, data: bytes) -> tuple[int, list[bytes]]:
        """Return how many of the bytes belong to the body, and its content in them. Raises BrokenBody."""


class LengthBody:
    """A body of a known length."""

    def __init__(self, length: int) -> None:
        self._left = length
        self.done = length == 0

    def feed(self, data: bytes) -> tuple[int, list[bytes]]:
        """Return how many of the bytes belong to the body, and its content in them."""
        used = min(len(data), self._left)
        self._left -= used
        self.done = self._left == 0
        return used, [data[:used]] if used else []


class EndlessBody:
    """A body that ends with the connection."""

    done = False

    def feed(self, data: bytes) -> tuple[int, list[bytes]]:
        """Return that all bytes are content."""
        return len(data), [data]


class ChunkedBody:
    """A body in chunks, with trailers; `strict` takes no line end but CR LF."""

    def __init__(self, *, strict: bool) -> None:
        self.done = False
        self._strict = strict
        self._line = bytearray()
        self._left = 0  # of the current chunk
        self._expected = "size"
        self._trailer_bytes = 0

    def feed(self, data: bytes) -> tuple[int, list[bytes]]:
        """Return how many of the bytes belong to the body, and its content in them. Raises BrokenBody."""
        at, content = 0, []
        while at < len(data) and not self.done:
            if self._left:
                piece = data[at : at + self._left]
                content.append(piece)
                at += len(piece)
                self._left -= len(piece)
                continue
            end = data.find(b"\n", at)
            self._line += data[at : end + 1 if end >= 0 else len(data)]
            if len(self._line) > MAX_LINE_BYTES:
                raise BrokenBody("a line between chunks is too long")
            if end < 0:
                return len(data), content
            at = end + 1
            line, self._line = bytes(self._line), bytearray()
            self._take_line(line)
        return at, content

    def _take_line(self, line: bytes) -> None:
        if self._strict and not line.endswith(b"\r\n"):
            raise BrokenBody("a line between chunks ends without CR")
        text = line.removesuffix(b"\n").removesuffix(b"\r")
        if self._expected == "size":
            match = CHUNK_SIZE.fullmatch(text)
            if match is None:
                raise BrokenBody("a chunk has no size")
            self._left = int(match[1], 16)
            self._expected = "end" if self._left else "trailer"
        elif self._expected == "end":
            if text:
                raise BrokenBody("a chunk has another size than it says")
            self._expected = "size"
        elif text:
            self._trailer_bytes += len(line)
            if self._trailer_bytes > MAX_TRAILER_BYTES or (self._strict and not TRAILER.fullmatch(text)):
                raise BrokenBody("what follows the last chunk is no header line, or too long")
        else:
            self.done = True
