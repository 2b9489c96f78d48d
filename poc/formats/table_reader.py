"""What the readers of all formats share: a file opened, its head, its blocks, and rows numbered into batches."""

from __future__ import annotations

import re
from bisect import bisect_left
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Protocol

import polars as pl

from poc.batch import ROW, Batch, Finding, RejectedRow
from poc.errors import ContractBreach
from poc.formats.compression import open_stream
from poc.formats.encodings import TextEncoding, utf16_codec
from poc.formats.file_head import FileHead, byte_order_mark, take_match
from poc.formats.grammar import LINE_PATTERNS
from poc.formats.record_splitter import ByteBuffer, RecordBlock, RecordSplitter, Sizes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from typing import BinaryIO

    import numpy as np
    from numpy.typing import NDArray

    from poc.config.partner import Feed
    from poc.formats.grammar import Grammar


#: Rows of a batch at the most; bad ones at the most, as each takes many times its bytes.
MAX_BATCH_ROWS, MAX_REJECTED_ROWS = 1 << 16, 8192


#: Bytes of preamble at the most.
MAX_PREAMBLE_BYTES = 16 << 20


#: What a row that is not written as its format says is called, and one whose bytes are no letters.
BROKEN, UNDECODABLE = "source-error", "encoding-error"


Faults = dict[int, list[tuple[str, str, str]]]  # row of a block from 0 -> (code, field, sentence) of each


@dataclass(frozen=True, slots=True)
class ParsedBlock:
    """What a block holds: its good rows as text columns, which rows of it they are (None: all), and what is wrong."""

    frame: pl.DataFrame
    good: NDArray[np.int64] | None
    bad: Faults
    notes: tuple[Finding, ...] = ()

    @property
    def rows(self) -> int:
        """Rows of the block, good and bad."""
        return self.frame.height + len(self.bad)


class RowFormat(Protocol):
    """One format: what its rows look like, and how their cells are read."""

    def header(self) -> re.Pattern[bytes] | None:
        """What a header record is (group 1) with its line end; None for a format without."""

    def grammar(self, header: bytes | None) -> Grammar:
        """What rows are under a header; None for one that cannot be read."""

    def cells(
        self, head: FileHead, letters: TextEncoding
    ) -> tuple[Callable[[RecordBlock], ParsedBlock], tuple[Finding, ...]]:
        """How blocks of a file are read, and notes on its header. Raises ContractBreach: it is not the contract's."""


@dataclass(slots=True)
class BlockLines:
    """The lines of a block, by the number of the row in the file."""

    block: RecordBlock
    first_row: int
    letters: TextEncoding

    def original(self, row: int) -> bytes:
        """The bytes of a row as the file has them, without its line end. Raises KeyError for a row elsewhere."""
        return self.letters.original(self.block.row(row - self.first_row))


@dataclass(slots=True)
class _OpenFile:
    """A file with its head read."""

    tape: ByteBuffer
    letters: TextEncoding
    head: FileHead
    cutter: RecordSplitter = field(init=False)


class TableReader:
    """Reads the files of one feed. Keep it: what does not change from file to file is made once.

    Rows are numbered from 1; preamble, header and blank lines are no rows. `read` and `rows` cut a file alike, so a
    number means the same row in both.
    """

    def __init__(
        self, feed: Feed, form: RowFormat, sizes: Sizes | None = None, batch_rows: int = MAX_BATCH_ROWS
    ) -> None:
        self._feed = feed
        self._form = form
        self._sizes = sizes or Sizes()
        self._batch_rows = batch_rows

    def read(self, source: BinaryIO) -> Iterator[Batch]:
        """Read a file as batches of text columns and `_row`; null where a value is missing.

        Args:
            source: a seekable file; it is read from its start.

        Yields:
            Batches in the file's order, each with its rows that are broken in `bad`; none for a file of no rows. Notes
            on the header are in the first.

        Raises:
            ContractBreach: the header is not the contract's, or the file cannot be read to its end.
        """
        file = self._open(source)
        if not file.head.found:
            told = "the file ends before its header" if file.head.before else "the file is empty: there is no header"
            raise ContractBreach(BROKEN, told)
        if file.head.fault:
            raise ContractBreach(BROKEN, f"the header cannot be read: {file.head.fault}")
        cells, notes = self._form.cells(file.head, file.letters)
        row = 1
        for block, read in cells_ahead(file.cutter.blocks(), cells):
            lines = BlockLines(block, row, file.letters)
            yield from self._batches(read, lines, (*notes, *read.notes))
            row, notes = row + read.rows, ()
        if notes:
            nothing = pl.DataFrame(schema={ROW: pl.get_index_type()})
            yield Batch(nothing, notes=notes)

    def rows(self, source: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """Every row's number and bytes as the file has them, in bounded memory, whatever is wrong with header or cells.

        Raises:
            ContractBreach: it is in an archive that cannot be read to its end. Rows before the damage come first.
        """
        file = self._open(source)
        every = chain.from_iterable(block.rows() for block in file.cutter.blocks())
        for row, line in enumerate(every, 1):
            yield row, file.letters.original(line)

    def head(self, source: BinaryIO) -> bytes:
        """What stands before the first row, as the file has it: byte order mark, preamble, header, with line ends.

        Raises:
            ContractBreach: it is in an archive that cannot be read.
        """
        file = self._open(source)
        return file.letters.mark + file.letters.original(file.head.before + file.head.header + file.head.end)

    def rebuild(self, head: bytes, rows: Iterable[bytes]) -> Iterator[bytes]:
        """A file of this feed, not compressed, in pieces: a head and original rows, as `head` and `rows` give them."""
        declared = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}.get(self._feed.dialect.line_end, "\n")
        codec = utf16_codec(head) if self._feed.dialect.encoding == "utf-16" else "ascii"
        ends = [end.encode(codec) for end in ("\r\n", "\n", "\r")]
        own = next((end for end in ends if head.endswith(end)), None)
        end = own or declared.encode(codec)
        yield head
        if own is None and head.removeprefix(byte_order_mark(codec, head)):
            yield end
        for row in rows:
            yield row + end

    def _open(self, source: BinaryIO) -> _OpenFile:
        letters = TextEncoding(self._feed.dialect.encoding, open_stream(self._feed, source))
        tape = ByteBuffer(letters, self._sizes)
        file = _OpenFile(tape, letters, FileHead())
        tape.more()
        self._read_head(file)
        known = file.head.found and not file.head.fault
        file.cutter = RecordSplitter(tape, self._form.grammar(file.head.header if known else None))
        return file

    def _read_head(self, file: _OpenFile) -> None:
        """Take the head off the tape."""
        head, tape = file.head, file.tape
        line_end = self._feed.dialect.line_end if self._feed.format == "csv" else "lf"
        line = re.compile(LINE_PATTERNS[line_end])
        before, size_bytes = [], 0
        for _ in range(self._feed.dialect.preamble_lines):
            before.append(take_match(tape, line))
            size_bytes += len(before[-1])
            if size_bytes > MAX_PREAMBLE_BYTES:
                head.fault = f"the preamble has more than {MAX_PREAMBLE_BYTES} bytes"
                break
        header = self._form.header()
        if header is None:
            head.before, head.found = b"".join(before), True
            return
        blank = re.compile(rb"[\r\n]*+")
        while skipped := take_match(tape, blank):
            before.append(skipped)
        head.before = b"".join(before)
        whole = take_match(tape, header, line)
        match = header.fullmatch(whole)
        text = match.group(1) if match else whole.rstrip(b"\r\n")
        head.header, head.end, head.found = text, whole[len(text) :], bool(whole)
        if whole and not match and not head.fault:
            head.fault = self._form.grammar(None).fault(text, head.end)

    def _batches(self, cells: ParsedBlock, lines: BlockLines, notes: tuple[Finding, ...]) -> Iterator[Batch]:
        first, frame = lines.first_row, cells.frame
        if cells.good is None:
            numbers = pl.int_range(first, first + frame.height, dtype=pl.get_index_type(), eager=True).alias(ROW)
        else:
            numbers = pl.Series(ROW, cells.good + first, dtype=pl.get_index_type())
        frame.insert_column(0, numbers)
        bad = sorted(cells.bad)
        most = min(self._batch_rows, MAX_REJECTED_ROWS) if len(bad) > MAX_REJECTED_ROWS else self._batch_rows
        if cells.rows <= most:
            yield Batch(frame, lines, tuple(rejected_rows(bad, cells.bad, lines)), notes)
            return
        for start in range(0, cells.rows, most):
            here = bad[bisect_left(bad, start) : bisect_left(bad, start + most)]
            part = frame.slice(*slice_bounds(numbers, first + start, first + start + most))
            yield Batch(part, lines, tuple(rejected_rows(here, cells.bad, lines)), notes if start == 0 else ())


def rejected_rows(rows: Sequence[int], faults: Faults, lines: BlockLines) -> Iterator[RejectedRow]:
    """Broken rows of a block, as they came."""
    for row in rows:
        number = lines.first_row + row
        told = tuple(Finding(number, code, name, note) for code, name, note in faults[row])
        yield RejectedRow(number, lines.original(number), told)


def slice_bounds(numbers: pl.Series, start: int, end: int) -> tuple[int, int]:
    """Where the numbers from `start` to before `end` begin in ascending numbers, and how many they are."""
    first, last = (numbers.search_sorted(number, side="left") for number in (start, end))
    return first, last - first


def cells_ahead(
    blocks: Iterator[RecordBlock], cells: Callable[[RecordBlock], ParsedBlock]
) -> Iterator[tuple[RecordBlock, ParsedBlock]]:
    """Each block and its cells. Of a file of several blocks, one is read while the one before is worked on."""
    first = next(blocks, None)
    if first is None:
        return
    second = next(blocks, None)
    if second is None:
        yield first, cells(first)
        return
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader") as pool:
        waiting: list[tuple[RecordBlock, Future[ParsedBlock]]] = [(first, pool.submit(cells, first))]
        following: RecordBlock | None = second
        while following is not None:
            waiting.append((following, pool.submit(cells, following)))
            block, done = waiting.pop(0)
            yield block, done.result()
            following = next(blocks, None)
        for block, done in waiting:
            yield block, done.result()
