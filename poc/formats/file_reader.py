"""What every reader of a feed's files can do, whatever their format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import BinaryIO, NoReturn

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


class UnsplitReader:
    """Base of readers whose files are not split as text: such a file has no head, and no blocks of lines.

    Their kept rows are put together and read by the reader of kept rows, so that nothing asks for the rest.
    """

    def head(self, source: BinaryIO) -> bytes:  # noqa: ARG002 - rows are read without it
        """Return nothing: a row stands for itself."""
        return b""

    def rebuild(self, head: bytes, rows: Iterable[bytes]) -> Iterator[bytes]:
        """Raise NotImplementedError: rows of such a file are read by the reader of kept rows."""
        raise NotImplementedError

    def only_block(self, source: BinaryIO) -> None:  # noqa: ARG002 - no such file is split as text
        """Return None: the file is not split as text."""
        return

    def block_parser(self, head: object, encoding: object) -> NoReturn:
        """Raise NotImplementedError: there are no blocks of text."""
        raise NotImplementedError

    def batches(self, parsed: object, lines: object, notes: object) -> NoReturn:
        """Raise NotImplementedError: there are no blocks of text."""
        raise NotImplementedError
