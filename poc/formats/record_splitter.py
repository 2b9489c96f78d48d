"""A file cut into blocks of whole rows, each row of them either strict or set aside alone.

What made it quick: a block without quotes, its line ends as declared, is cut at its last line end and nothing else is
computed; where its rows lie is found out only when somebody asks for one. In other blocks lines without a quote are
still taken by the stretch, and one regular expression takes some kilobytes of the others at a time. Rows are looked at
one by one only where one of them is broken.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.formats.encodings import TextEncoding
    from poc.formats.grammar import Grammar, Spans


#: Where rows need care: lines without a quote are taken up to so many bytes at once, others up to so many.
MAX_PLAIN_BYTES, MAX_QUOTED_BYTES = 64 * 1024, 4 * 1024

#: Broken rows of a block at the most, and rows: each broken one takes many times its bytes.
MAX_BROKEN_ROWS, MAX_BLOCK_ROWS = 8192, 1 << 16


@dataclass(frozen=True, slots=True)
class Sizes:
    """What bounds memory: bytes taken at once, and bytes of the longest row with its line end."""

    block_bytes: int = 1 << 20
    record_bytes: int = 1 << 20


@dataclass(slots=True)
class RecordBlock:
    """Whole consecutive rows of a file: `stretches` of strict ones, and broken ones (start, end, sentence) between."""

    data: bytes
    grammar: Grammar
    stretches: list[tuple[int, int]]
    broken: list[tuple[int, int, str]]
    _spans: Spans | None = field(default=None, init=False)

    def strict(self) -> bytes | memoryview:
        """The strict rows with their line ends."""
        if len(self.stretches) == 1:
            start, end = self.stretches[0]
            return memoryview(self.data)[start:end] if end - start < len(self.data) else self.data
        return b"".join(self.data[start:end] for start, end in self.stretches)

    def spans(self) -> Spans:
        """Where each row starts and ends, without line end, broken ones among them."""
        if self._spans is None:
            parts = [self.grammar.spans(self.data, start, end) for start, end in self.stretches]
            if self.broken:
                parts.append((np.array([b[0] for b in self.broken]), np.array([b[1] for b in self.broken])))
            starts, ends = (np.concatenate(side) for side in zip(*parts, strict=True))
            order = np.argsort(starts, kind="stable")
            self._spans = starts[order], ends[order]
        return self._spans

    def rows(self) -> Iterator[bytes]:
        """Each row as read, in order."""
        for start, end in zip(*(side.tolist() for side in self.spans()), strict=True):
            yield self.data[start:end]

    def row(self, index: int) -> bytes:
        """One row as read. Raises KeyError for one that is not here."""
        starts, ends = self.spans()
        if not 0 <= index < len(starts):
            raise KeyError(index)
        return self.data[starts[index] : ends[index]]

    def broken_rows(self) -> dict[int, str]:
        """Which rows are broken, and why."""
        if not self.broken:
            return {}
        places = np.searchsorted(self.spans()[0], [start for start, _, _ in self.broken])
        return dict(zip(places.tolist(), (note for _, _, note in self.broken), strict=True))


class ByteBuffer:
    """A file's bytes on their way through memory; what has not been used stays in front of what comes next."""

    def __init__(self, letters: TextEncoding, sizes: Sizes) -> None:
        self._letters = letters
        self.sizes = sizes
        self.data = b""
        self.at = 0
        self.ended = False

    def more(self) -> None:
        """Take another block of bytes, or find the end. Raises ContractBreach where they cannot be had."""
        pieces, wanted = [self.data[self.at :]], self.sizes.block_bytes
        while wanted > 0 and not self.ended:
            piece = self._letters.read(wanted)
            pieces.append(piece)
            wanted -= len(piece)
            self.ended = not piece
        self.data, self.at = b"".join(pieces), 0


class RecordSplitter:
    """Cuts what is on a tape into blocks."""

    def __init__(self, tape: ByteBuffer, grammar: Grammar) -> None:
        self._tape = tape
        self._grammar = grammar
        self._record_bytes = tape.sizes.record_bytes
        self._inside = False  # in a line that is too long, of which a piece has been set aside

    def blocks(self) -> Iterator[RecordBlock]:
        """The file's blocks in order. Raises ContractBreach where its bytes cannot be had."""
        tape = self._tape
        while not tape.ended or tape.at < len(tape.data):
            # a CR may be half of a line end until the next byte is seen
            end = len(tape.data) - (not tape.ended and tape.data.endswith(b"\r"))
            few = limit_lines(tape.data, tape.at, end)
            block, at = self._cut(tape.data, tape.at, few, ended=tape.ended and few == end)
            if at == tape.at and few < end:  # all of it may be one row
                few = end
                block, at = self._cut(tape.data, at, end, ended=tape.ended)
            tape.at = at
            if block.stretches or block.broken:
                yield block
            if not tape.ended and few == end and len(block.broken) < MAX_BROKEN_ROWS:
                tape.more()

    def _cut(self, data: bytes, start: int, end: int, *, ended: bool) -> tuple[RecordBlock, int]:
        if not self._inside and self._grammar.plain(data, start, end, self._record_bytes):
            to = end if ended else self._grammar.plain_end(data, start, end)
            if to > start:
                return RecordBlock(data, self._grammar, [(start, to)], []), to
        return self._cut_with_care(data, start, end, ended=ended)

    def _cut_with_care(self, data: bytes, at: int, end: int, *, ended: bool) -> tuple[RecordBlock, int]:
        block = RecordBlock(data, self._grammar, [], [])
        while at < end and len(block.broken) < MAX_BROKEN_ROWS:
            to = before_split_crlf(data, at, min(at + self._record_bytes, end))
            taken = at if self._inside else self._strict(data, at, to, last=ended and to == end)
            if taken > at:
                if block.stretches and block.stretches[-1][1] == at:
                    block.stretches[-1] = (block.stretches[-1][0], taken)
                else:
                    block.stretches.append((at, taken))
                at = taken
            elif end - at <= self._record_bytes and not ended:
                break  # more bytes may make a row of it
            else:
                at = self._set_aside(block, at, to, last=ended and to == end)
        return block, at

    def _strict(self, data: bytes, at: int, to: int, *, last: bool) -> int:
        """Where strict rows from `at` on end; `at` where there are none. Not all of them need be taken at once."""
        clear = self._grammar.clear(
            data, at, before_split_crlf(data, at, min(at + MAX_PLAIN_BYTES, to)), self._record_bytes
        )
        if clear > at:
            return clear
        for stop in (before_split_crlf(data, at, min(at + MAX_QUOTED_BYTES, to)), to):
            many = self._grammar.many.match(data, at, stop)
            if many and many.end() > at:
                return many.end()
        return to if last and self._grammar.last.match(data, at, to) else at

    def _set_aside(self, block: RecordBlock, at: int, to: int, *, last: bool) -> int:
        """Set one line aside, or a piece of a line that is too long; where the next begins."""
        line = self._grammar.line.match(block.data, at, to)
        if line is None and not last:
            to = character_end(block.data, at, to)
            note = f"a line of more than {self._record_bytes} bytes, set aside in pieces"
        elif self._inside:
            note = "the end of a line that is too long"
        else:
            text = line.group(1) if line else block.data[at:to]
            note = self._grammar.fault(text, line.group()[len(text) :] if line else b"")
        stop, after = (line.end(1), line.end()) if line else (to, to)
        self._inside = line is None and not last
        if stop > at:
            block.broken.append((at, stop, note))
        return after


def before_split_crlf(data: bytes, start: int, end: int) -> int:
    """The end of a part of the data, or one byte less: not between a CR and what may belong to it."""
    return end - (end < len(data) and end - 1 > start and data[end - 1] == 13)


def limit_lines(data: bytes, start: int, end: int) -> int:
    """The end of a part of the data, or of as many of its lines as a block may have, whether they are rows or not."""
    if end - start <= 2 * MAX_BLOCK_ROWS:  # a row has a letter and a line end at the least
        return end
    letters = np.frombuffer(data, np.uint8, end - start, start)
    signs = [sign for sign in (b"\n", b"\r") if data.find(sign, start, end) >= 0]
    if sum(np.count_nonzero(letters == sign[0]) for sign in signs) <= MAX_BLOCK_ROWS:
        return end
    breaks = np.flatnonzero(np.isin(letters, (10, 13)))
    return before_split_crlf(data, start, start + int(breaks[MAX_BLOCK_ROWS - 1]) + 1)


def character_end(data: bytes, start: int, end: int) -> int:
    """The end of a part of the data, or a little less: not in the middle of a letter."""
    while start < end - 1 and end < len(data) and data[end] & 0xC0 == 0x80:
        end -= 1
    return end
