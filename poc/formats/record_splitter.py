"""Split a file into blocks of whole rows; each row is either well-formed or broken, and a broken row harms no other.

For speed, a block without quotes and with line ends as declared is only cut at its last line end; the positions of its
rows are computed when one is requested. In other blocks, runs of lines without a quote are still accepted as a whole,
and one regular expression accepts some kilobytes of the other lines at a time. Rows are examined one by one only near a
broken one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from poc.formats.bad_quotes import take_bad_quotes
from poc.formats.record_block import RecordBlock

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from poc.formats.encodings import TextEncoding
    from poc.formats.grammar import Grammar

#: In a block with quotes: the most bytes accepted at once of lines without a quote, and of lines with one.
MAX_PLAIN_BYTES, MAX_QUOTED_BYTES = 64 * 1024, 4 * 1024

#: The most broken rows of a block, as each takes many times its bytes in memory, and the most rows.
MAX_BROKEN_ROWS, MAX_BLOCK_ROWS = 8192, 1 << 16


@dataclass(frozen=True, slots=True)
class Sizes:
    """Limits of memory: bytes read at once, and bytes of the longest row with its line end."""

    block_bytes: int = 1 << 20
    record_bytes: int = 1 << 20


class ByteBuffer:
    """Buffer of a file's bytes: `data` from `position` on is unread; `ended` says whether the file holds no more."""

    def __init__(self, encoding: TextEncoding, sizes: Sizes) -> None:
        self._encoding = encoding
        self.sizes = sizes
        self.data = b""
        self.position = 0
        self.ended = False

    def read_more(self) -> None:
        """Drop what was consumed and append another block of bytes. Raises ContractBreach for a damaged file."""
        pieces, wanted = [self.data[self.position :]], self.sizes.block_bytes
        while wanted > 0 and not self.ended:
            piece = self._encoding.read(wanted)
            pieces.append(piece)
            wanted -= len(piece)
            self.ended = not piece
        self.data, self.position = b"".join(pieces), 0


class RecordSplitter:
    """Splits the bytes of a buffer into blocks."""

    def __init__(self, buffer: ByteBuffer, grammar: Grammar) -> None:
        self._buffer = buffer
        self._grammar = grammar
        self._record_bytes = buffer.sizes.record_bytes
        self._broken: re.Match[bytes] | None = None  # the next record, if it is known to be broken, and where
        self._fault_at = -1
        self._in_long_line = False  # a piece of a line that is too long has been rejected, and the line goes on

    def blocks(self) -> Iterator[RecordBlock]:
        """Yield the file's blocks in order. Raises ContractBreach for a damaged file."""
        buffer = self._buffer
        while not buffer.ended or buffer.position < len(buffer.data):
            # a CR may be half of a line end until the next byte is read
            end = len(buffer.data) - (not buffer.ended and buffer.data.endswith(b"\r"))
            limit = limit_lines(buffer.data, buffer.position, end)
            block, at = self._split(buffer.data, buffer.position, limit, ended=buffer.ended and limit == end)
            if at == buffer.position and limit < end:  # all of it may be one row
                limit = end
                block, at = self._split(buffer.data, at, end, ended=buffer.ended)
            buffer.position = at
            if block.runs or block.broken:
                yield block
            if not buffer.ended and limit == end and len(block.broken) < MAX_BROKEN_ROWS:
                buffer.read_more()

    def _split(self, data: bytes, start: int, end: int, *, ended: bool) -> tuple[RecordBlock, int]:
        if not self._in_long_line and self._grammar.is_plain(data, start, end, self._record_bytes):
            to = end if ended else self._grammar.plain_end(data, start, end)
            if to > start:
                return RecordBlock(data, self._grammar, [(start, to)], []), to
        return self._split_carefully(data, start, end, ended=ended)

    def _split_carefully(self, data: bytes, at: int, end: int, *, ended: bool) -> tuple[RecordBlock, int]:
        block = RecordBlock(data, self._grammar, [], [])
        has_cr = data.find(b"\r", at, end) >= 0  # in a tenth of the time of `count`
        ends_with_lf = not has_cr or data.count(b"\r", at, end) == data.count(b"\r\n", at, end)
        has_plain_lines = ends_with_lf and self._grammar.has_plain_lines(data, at, end, self._record_bytes)
        while at < end and len(block.broken) < MAX_BROKEN_ROWS:
            if has_plain_lines and block.broken and self._broken is None and not self._in_long_line:
                room = MAX_BROKEN_ROWS - len(block.broken)
                after = take_bad_quotes(block, at, end, self._record_bytes, room)
                if after > at:
                    at = after
                    continue
            to = before_split_crlf(data, at, min(at + self._record_bytes, end))
            is_decided = self._broken is not None or self._in_long_line
            accepted = at if is_decided else self._accept(data, at, to, last=ended and to == end)
            if accepted > at:
                block.add_run(at, accepted)
                at = accepted
            elif self._broken is None and end - at <= self._record_bytes and not ended:
                break  # more bytes may complete the row
            else:
                at = self._reject_record(block, at, to, last=ended and to == end)
        return block, at

    def _accept(self, data: bytes, at: int, to: int, *, last: bool) -> int:
        """Return where well-formed rows from `at` on end, or `at` if there are none. Need not accept all at once."""
        plain = self._grammar.plain_run_end(
            data, at, before_split_crlf(data, at, min(at + MAX_PLAIN_BYTES, to)), self._record_bytes
        )
        near = before_split_crlf(data, plain, min(plain + MAX_QUOTED_BYTES, to))
        if plain > at and self._is_broken(data, plain, near):
            return plain
        for stop in (near, to):
            rows = self._grammar.rows_pattern.match(data, plain, stop)
            if rows and rows.end() > plain:
                return rows.end()
            if plain > at or self._is_broken(data, plain, stop):
                return plain
        return to if last and self._grammar.last_row_pattern.match(data, at, to) else at

    def _is_broken(self, data: bytes, at: int, stop: int) -> bool:
        """Return whether the record at a place is broken, whatever follows the bytes up to `stop`, and remember it."""
        cells = self._grammar.prefix_pattern.match(data, at, stop)
        if cells is None or cells.end() == stop or data[cells.end()] in b"\r\n":
            return False
        broken = self._grammar.broken_row_pattern.match(data, at, stop)
        if broken is None or any(broken.groups()[1:]) or not broken.end(1) < broken.end() < stop:
            return False
        is_in_record = cells.end() < broken.end(1)  # not in a line after it, which a quote that is never closed took in
        self._broken, self._fault_at = broken, cells.end() - at if is_in_record else -1
        return True

    def _reject_record(self, block: RecordBlock, at: int, to: int, *, last: bool) -> int:
        """Reject a record, or a piece of a line that is too long; return where the next begins."""
        line, self._broken, fault_at = self._broken, None, self._fault_at if self._broken else -1
        if line is None and not self._in_long_line:
            line = self._grammar.broken_row_pattern.match(block.data, at, to)
        if line is None or (line.end() == to and line.end(1) == to and not last):
            line = self._grammar.line_pattern.match(block.data, at, to)
        is_row = self._grammar.blank_is_row and not self._in_long_line
        if line is None and not last:
            to = character_end(block.data, at, to)
            note = f"a line of more than {self._record_bytes} bytes, rejected in pieces"
        elif self._in_long_line:
            note = "the end of a line that is too long"
        else:
            text = line.group(1) if line else block.data[at:to]
            note = self._grammar.explain_fault(text, line.group()[len(text) :] if line else b"", fault_at)
        stop, after = (line.end(1), line.end()) if line else (to, to)
        self._in_long_line = line is None and not last
        if stop > at or is_row:
            block.broken.append((at, stop, note))
        return after


def before_split_crlf(data: bytes, start: int, end: int) -> int:
    """Return `end`, or one byte less if it would separate a CR from a following LF."""
    return end - (end < len(data) and end - 1 > start and data[end - 1] == 13)


def limit_lines(data: bytes, start: int, end: int) -> int:
    """Return `end`, or the end of as many lines as a block may have, whether they are rows or not."""
    if end - start <= 2 * MAX_BLOCK_ROWS:  # a row has at least one character and a line end
        return end
    codes = np.frombuffer(data, np.uint8, end - start, start)
    present = [char for char in (b"\n", b"\r") if data.find(char, start, end) >= 0]
    if sum(np.count_nonzero(codes == char[0]) for char in present) <= MAX_BLOCK_ROWS:
        return end
    breaks = np.flatnonzero(np.isin(codes, (10, 13)))
    return before_split_crlf(data, start, start + int(breaks[MAX_BLOCK_ROWS - 1]) + 1)


def character_end(data: bytes, start: int, end: int) -> int:
    """Return `end`, or a little less if it would split a UTF-8 character."""
    while start < end - 1 and end < len(data) and data[end] & 0xC0 == 0x80:
        end -= 1
    return end
