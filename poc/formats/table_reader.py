"""Reader of all formats: open a file, read its head, split it into blocks, and number the rows into batches."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from poc.batch import Finding
from poc.errors import ContractBreach
from poc.formats.block_batches import MAX_BATCH_ROWS, BlockLines, block_batches
from poc.formats.compression import open_stream
from poc.formats.encodings import TextEncoding, byte_order_mark, file_codec
from poc.formats.file_head import FileHead, take_match
from poc.formats.grammar import LINE_PATTERNS
from poc.formats.header import list_labels
from poc.formats.parse_ahead import parse_ahead
from poc.formats.parsed_block import BROKEN
from poc.formats.record_block import RecordBlock
from poc.formats.record_splitter import ByteBuffer, Sizes
from poc.formats.suspect_encoding import look_for_suspects, may_have_suspects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

    from poc.batch import Batch
    from poc.config.partner import Feed
    from poc.formats.control_records import ControlCheck, ControlRecords
    from poc.formats.grammar import Grammar
    from poc.formats.parsed_block import ParsedBlock

#: The most bytes of a preamble.
MAX_PREAMBLE_BYTES = 16 << 20


class RowFormat(Protocol):
    """One format: the grammar of its rows, and how a block is parsed."""

    def header(self) -> re.Pattern[bytes] | None:
        """Return the pattern of a header and its line end; group 1 is the header. None for a format without one."""

    def grammar(self, header: bytes | None) -> Grammar:
        """Return the grammar of rows under a header; `header` is None for one that cannot be read."""

    def blocks(self, buffer: ByteBuffer, header: bytes | None) -> Iterator[RecordBlock]:
        """Yield the blocks of a file under a header. Raises ContractBreach for a damaged file."""

    def explain_header(self, header: bytes, end: bytes) -> str:
        """Explain why a header cannot be read; `end` is its line end."""

    def block_parser(
        self, head: FileHead, encoding: TextEncoding
    ) -> tuple[Callable[[RecordBlock], ParsedBlock], tuple[Finding, ...]]:
        """Return the parser of a file's blocks, and notes on its header. Raises ContractBreach for another header."""


@dataclass(slots=True)
class _OpenFile:
    """A file whose head has been read."""

    buffer: ByteBuffer
    encoding: TextEncoding
    head: FileHead
    passed_over: list[str]
    blocks: Iterator[RecordBlock] = field(init=False)

    def notes(self) -> tuple[Finding, ...]:
        """Return notes on how the file is compressed and encoded."""
        names = list_labels([repr(name) for name in self.passed_over])
        notes = [Finding(0, "archive-note", "", f"the archive also holds {names}; not read")] if names else []
        if self.encoding.order_note:
            notes.append(Finding(0, "encoding-note", "", self.encoding.order_note))
        return tuple(notes)


class TableReader:
    """Reader of the files of one feed. Reuse it: whatever does not change from file to file is compiled once.

    Rows are numbered from 1; preamble, header and blank lines are not rows. `read` and `rows` split a file alike, so a
    number means the same row in both.
    """

    def __init__(
        self,
        feed: Feed,
        row_format: RowFormat,
        sizes: Sizes | None = None,
        batch_rows: int = MAX_BATCH_ROWS,
        controls: ControlRecords | None = None,
    ) -> None:
        self._feed = feed
        self._format = row_format
        self._sizes = sizes or Sizes()
        self._batch_rows = batch_rows
        self._controls = controls
        line_end = feed.dialect.line_end if feed.format == "csv" else "lf"
        self._line, self._blank_lines = re.compile(LINE_PATTERNS[line_end]), re.compile(rb"[\r\n]*+")

    def read(self, source: BinaryIO) -> Iterator[Batch]:
        """Read a file as batches of text columns and `_row`; null where a value is missing.

        Args:
            source: a seekable file; it is read from its start.

        Yields:
            Batches in the order of the file, each with its broken rows in `rejected`; none for a file without rows.
            The first batch has the notes on the header.

        Raises:
            ContractBreach: the header differs from the contract, or the file cannot be read to its end.
        """
        file = self._open(source)
        if not file.head.complete:
            reason = "the file ends before its header" if file.head.before else "the file is empty: there is no header"
            raise ContractBreach(BROKEN, reason)
        if file.head.fault:
            raise ContractBreach(BROKEN, f"the header cannot be read: {file.head.fault}")
        parse, notes_on_header = self.block_parser(file.head, file.encoding)
        first_row, notes = 1, (*file.notes(), *notes_on_header)
        suspects = look_for_suspects(self._feed, file.encoding)
        check = None if self._controls is None else self._controls.check_of(file.head.record, file.encoding)
        for block, parsed in parse_ahead(self._blocks(file, check), parse):
            if suspects is not None:
                parsed = suspects.check(block, parsed, first_row)  # noqa: PLW2901 - the same block
            if check is not None:
                check.add(parsed)
            lines = BlockLines(block, first_row, file.encoding)
            yield from self.batches(parsed, lines, (*notes, *parsed.notes))
            first_row, notes = first_row + parsed.rows, ()
        if check is not None:
            notes = (*notes, *check.finish(first_row - 1))
        if first_row == 1 and not file.head.header:
            notes = (*notes, Finding(0, "empty-file", "", "the file is empty: it has no row"))
        if notes:  # without rows, they come with a batch of no rows, which has the columns of any other
            block = RecordBlock(b"", self._format.grammar(file.head.header), [], [])
            yield from self.batches(parse(block), BlockLines(block, first_row, file.encoding), notes)

    def only_block(self, source: BinaryIO) -> tuple[RecordBlock, FileHead, TextEncoding] | None:
        """Return the block, head and encoding of a well-formed file of one block; None for any other file."""
        if self._controls is not None:
            return None
        file = self._open(source)
        if not file.head.complete or file.head.fault or file.notes():
            return None
        block = next(file.blocks, None)
        if block is None or block.broken or next(file.blocks, None) is not None:
            return None
        if may_have_suspects(self._feed, file.encoding, block):
            return None
        return block, file.head, file.encoding

    def block_parser(
        self, head: FileHead, encoding: TextEncoding
    ) -> tuple[Callable[[RecordBlock], ParsedBlock], tuple[Finding, ...]]:
        """Return the parser of blocks under a head, and notes on it. Raises ContractBreach for another header."""
        return self._format.block_parser(head, encoding)

    def rows(self, source: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """Yield the number and original bytes of every row, in bounded memory, even if header or cells are invalid.

        Raises:
            ContractBreach: the file is a damaged archive. The rows before the damage are yielded first.
        """
        file = self._open(source)
        check = None if self._controls is None else self._controls.check_of(b"", file.encoding, strict=False)
        lines = chain.from_iterable(block.rows() for block in self._blocks(file, check))
        for row, line in enumerate(lines, 1):
            yield row, file.encoding.original(line)

    def head(self, source: BinaryIO) -> bytes:
        """Return the bytes before the first row: byte order mark, preamble and header, with line ends.

        Raises:
            ContractBreach: the file is an archive that cannot be read.
        """
        file = self._open(source)
        head = file.head
        return file.encoding.mark + file.encoding.original(head.before + head.header + head.header_line_end)

    def rebuild(self, head: bytes, rows: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the pieces of an uncompressed file of this feed, made of what `head` and `rows` return.

        The line end is that of the head, or else the declared one.
        """
        declared = {"lf": "\n", "crlf": "\r\n", "cr": "\r"}.get(self._feed.dialect.line_end, "\n")
        codec = file_codec(self._feed.dialect.encoding, head)
        line_ends = [end.encode(codec) for end in ("\r\n", "\n", "\r")]
        of_head = next((end for end in line_ends if head.endswith(end)), None)
        line_end = of_head or declared.encode(codec)
        yield head
        if of_head is None and head.removeprefix(byte_order_mark(codec, head)):
            yield line_end
        for row in rows:
            yield row + line_end

    @staticmethod
    def _blocks(file: _OpenFile, check: ControlCheck | None) -> Iterator[RecordBlock]:
        """Return the blocks of a file, without its trailer."""
        return file.blocks if check is None else check.without_trailer(file.blocks)

    def _open(self, source: BinaryIO) -> _OpenFile:
        passed_over: list[str] = []
        encoding = TextEncoding(self._feed.dialect, open_stream(self._feed, source, passed_over))
        buffer = ByteBuffer(encoding, self._sizes)
        file = _OpenFile(buffer, encoding, FileHead(), passed_over)
        buffer.read_more()
        self._read_head(file.head, buffer)
        readable = file.head.complete and not file.head.fault
        file.blocks = self._format.blocks(buffer, file.head.header if readable else None)
        return file

    def _read_head(self, head: FileHead, buffer: ByteBuffer) -> None:
        before, size_bytes = [], 0
        for _ in range(self._feed.dialect.preamble_lines):
            before.append(take_match(buffer, self._line))
            size_bytes += len(before[-1])
            if size_bytes > MAX_PREAMBLE_BYTES:
                head.fault = f"the preamble has more than {MAX_PREAMBLE_BYTES} bytes"
                break
        if self._controls is not None and self._controls.has_header:
            head.record = take_match(buffer, self._line)
            before.append(head.record)
            head.fault = head.fault or self._controls.header_fault(head.record)
        header = self._format.header()
        if header is None:
            head.before, head.complete = b"".join(before), True
            return
        while skipped := take_match(buffer, self._blank_lines):
            before.append(skipped)
        head.before = b"".join(before)
        record = take_match(buffer, header, self._line)
        match = header.fullmatch(record)
        text = match.group(1) if match else record.rstrip(b"\r\n")
        head.header, head.header_line_end, head.complete = text, record[len(text) :], bool(record)
        if record and not match and not head.fault:
            head.fault = self._format.explain_header(text, head.header_line_end)

    def batches(self, parsed: ParsedBlock, lines: BlockLines, notes: tuple[Finding, ...]) -> Iterator[Batch]:
        """Yield the batches of a parsed block."""
        return block_batches(parsed, lines, notes, self._batch_rows)
