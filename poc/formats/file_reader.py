"""What every reader of a feed's files can do, whatever their format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO

    from poc.batch import Batch, Finding
    from poc.formats.block_batches import BlockLines
    from poc.formats.encodings import TextEncoding
    from poc.formats.file_head import FileHead
    from poc.formats.parsed_block import ParsedBlock
    from poc.formats.record_block import RecordBlock


class FileReader(Protocol):
    """Reader of the files of one feed."""

    def read(self, source: BinaryIO) -> Iterator[Batch]:
        """Yield batches of text columns and `_row`. Raises ContractBreach."""

    def only_block(self, source: BinaryIO) -> tuple[RecordBlock, FileHead, TextEncoding] | None:
        """Return the block of a file that has one only, its head and its encoding; None for any other file."""

    def block_parser(
        self, head: FileHead, encoding: TextEncoding
    ) -> tuple[Callable[[RecordBlock], ParsedBlock], tuple[Finding, ...]]:
        """Return the parser of blocks under a head, and notes on it. Raises ContractBreach for another header."""

    def batches(self, parsed: ParsedBlock, lines: BlockLines, notes: tuple[Finding, ...]) -> Iterator[Batch]:
        """Yield the batches of a parsed block."""

    def rows(self, source: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """Yield the number and original bytes of every row, even if the header or cells are invalid."""

    def head(self, source: BinaryIO) -> bytes:
        """Return byte order mark, preamble and header. Raises ContractBreach."""

    def rebuild(self, head: bytes, rows: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the pieces of an uncompressed file made of a head and original rows."""
