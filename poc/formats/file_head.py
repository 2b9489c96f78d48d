"""The head of a file: its byte order mark and its first bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from poc.formats.record_splitter import ByteBuffer, character_end

if TYPE_CHECKING:
    import re


@dataclass(slots=True)
class FileHead:
    """What stands before the first row: byte order mark and preamble in `before`, then the header record, as read."""

    before: bytes = b""
    header: bytes = b""
    end: bytes = b""  # the header's line end
    found: bool = False
    fault: str = ""


def byte_order_mark(codec: str, head: bytes) -> bytes:
    """The byte order mark that a head begins with, if any."""
    marks = (b"\xff\xfe", b"\xfe\xff") if codec.startswith("utf-16") else (b"\xef\xbb\xbf",)
    return next((mark for mark in marks if head.startswith(mark)), b"")


def take_match(tape: ByteBuffer, what: re.Pattern[bytes], otherwise: re.Pattern[bytes] | None = None) -> bytes:
    """Take what matches off a tape, or what matches otherwise; where neither does, as much as a row may have."""
    while True:
        at, limit = tape.at, tape.sizes.record_bytes
        to = min(at + limit, len(tape.data))
        whole = tape.ended and to == len(tape.data)
        waiting = not tape.ended and len(tape.data) - at <= limit
        for pattern in (what,) if waiting or otherwise is None else (what, otherwise):
            match = pattern.match(tape.data, at, to)
            # a match that ends where the bytes end for now might go on
            if match is not None and (match.end() < to or whole):
                tape.at = match.end()
                return match.group()
        if not waiting:
            tape.at = character_end(tape.data, at, to)
            return tape.data[at : tape.at]
        tape.more()
