"""Reader of rows that were kept from files whose rows are no lines: quarantined ones, as they came or edited."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from poc.config.formats.dialect import Dialect
from poc.formats.block_batches import BlockLines, block_batches
from poc.formats.encodings import TextEncoding
from poc.formats.file_head import FileHead
from poc.formats.grammar import line_grammar
from poc.formats.record_block import RecordBlock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO, Protocol

    from poc.batch import Batch, Finding
    from poc.formats.block_batches import NumberedLines
    from poc.formats.parsed_block import ParsedBlock

    class RowParser(Protocol):
        """Parser of rows."""

        def block_parser(
            self, head: FileHead, encoding: TextEncoding
        ) -> tuple[Callable[[RecordBlock], ParsedBlock], tuple[Finding, ...]]:
            """Return the parser of blocks, and notes."""


#: Stands after each row: the record separator of ASCII, which neither JSON nor XML may contain as it is.
SEPARATOR = b"\x1e"


class KeptRowReader:
    """Reads rows that were put together by `rebuild`."""

    def __init__(self, parser: RowParser) -> None:
        self._parser = parser

    def read(self, source: BinaryIO) -> Iterator[Batch]:
        """Yield the batches of all rows."""
        block = self._block(source)
        encoding = TextEncoding(Dialect(), BytesIO())
        parse, notes = self.block_parser(FileHead(complete=True), encoding)
        yield from block_batches(parse(block), BlockLines(block, 1, encoding), notes)

    def rows(self, source: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """Yield the number and bytes of every row."""
        yield from enumerate(self._block(source).rows(), 1)

    def head(self, source: BinaryIO) -> bytes:  # noqa: ARG002 - no file has one
        """Return nothing: there is no head."""
        return b""

    def rebuild(self, head: bytes, rows: Iterable[bytes]) -> Iterator[bytes]:
        """Yield rows so that `read` and `rows` can tell them apart."""
        yield head
        for row in rows:
            yield row + SEPARATOR

    def only_block(self, source: BinaryIO) -> None:  # noqa: ARG002 - no file is read in this way
        """Return None: rows that were kept are not split as a small file."""
        return

    def block_parser(
        self, head: FileHead, encoding: TextEncoding
    ) -> tuple[Callable[[RecordBlock], ParsedBlock], tuple[Finding, ...]]:
        """Return the parser of rows, and notes."""
        return self._parser.block_parser(head, encoding)

    def batches(self, parsed: ParsedBlock, lines: NumberedLines, notes: tuple[Finding, ...]) -> Iterator[Batch]:
        """Yield the batches of parsed rows."""
        return block_batches(parsed, lines, notes)

    @staticmethod
    def _block(source: BinaryIO) -> RecordBlock:
        source.seek(0)
        return RecordBlock.of_rows(source.read().split(SEPARATOR)[:-1], line_grammar())
