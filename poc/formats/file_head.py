"""The head of a file: its byte order mark, preamble and header record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from poc.formats.record_splitter import ByteBuffer, character_end

if TYPE_CHECKING:
    import re


@dataclass(slots=True)
class FileHead:
    """What precedes the first row: preamble and blank lines in `before`, then the header record, as read.

    `complete` is false for a file that ends before its header; `fault` says why a header cannot be read. `record` is
    the header record in `before`, for feeds that have one.
    """

    before: bytes = b""
    header: bytes = b""
    header_line_end: bytes = b""
    complete: bool = False
    fault: str = ""
    record: bytes = b""


def take_match(buffer: ByteBuffer, pattern: re.Pattern[bytes], fallback: re.Pattern[bytes] | None = None) -> bytes:
    """Consume the bytes that match a pattern, or else its fallback; if neither matches, as many as a row may have."""
    while True:
        start, limit = buffer.position, buffer.sizes.record_bytes
        end = min(start + limit, len(buffer.data))
        at_file_end = buffer.ended and end == len(buffer.data)
        can_read_more = not buffer.ended and len(buffer.data) - start <= limit
        for candidate in (pattern,) if can_read_more or fallback is None else (pattern, fallback):
            match = candidate.match(buffer.data, start, end)
            # a match up to the last byte read so far may be longer in the file
            if match is not None and (match.end() < end or at_file_end):
                buffer.position = match.end()
                return match.group()
        if not can_read_more:
            buffer.position = character_end(buffer.data, start, end)
            return buffer.data[start : buffer.position]
        buffer.read_more()
