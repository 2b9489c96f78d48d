"""The door to all formats: a feed's reader turns files into batches, its encoder turns rows into bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from poc.formats.csv_reader import CsvFormat
from poc.formats.jsonl_reader import JsonLinesFormat
from poc.formats.table_reader import TableReader
from poc.formats.writers import CsvEncoder, JsonLinesEncoder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import BinaryIO

    import polars as pl

    from poc.batch import Batch
    from poc.config.partner import Feed
    from poc.formats.header import ExpectedFields
    from poc.formats.record_splitter import Sizes


class FileReader(Protocol):
    """Reads the files of one feed; see `TableReader`, which all formats share."""

    def read(self, source: BinaryIO) -> Iterator[Batch]:
        """Batches of text columns and `_row`. Raises ContractBreach."""

    def rows(self, source: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """Every row's number and original bytes, whatever is wrong with the header or the cells."""

    def head(self, source: BinaryIO) -> bytes:
        """Byte order mark, preamble and header. Raises ContractBreach."""

    def rebuild(self, head: bytes, rows: Iterable[bytes]) -> Iterator[bytes]:
        """The pieces of a file made of a head and original rows; it is not compressed."""


class RowEncoder(Protocol):
    """Writes rows."""

    @property
    def media_type(self) -> str:
        """What HTTP calls a body of them."""

    @property
    def row_is_line(self) -> bool:
        """Whether every row is written as exactly one line, so that bytes may be cut at line ends."""

    def head(self, columns: Sequence[str]) -> bytes:
        """What stands once before all rows."""

    def encode(self, rows: pl.DataFrame) -> bytes:
        """Rows without their numbers."""


def make_reader(feed: Feed, contract: ExpectedFields, sizes: Sizes | None = None, *, whole: bool = True) -> FileReader:
    """The reader of a feed's files. Keep it for the next file: it remembers what it has made of the last header.

    Where they are not `whole` files but some rows of one, the first of them is no more than a row: where a format has
    no header, it is not held against the contract in place of one.
    """
    form = CsvFormat(feed, contract) if feed.format == "csv" else JsonLinesFormat(feed, contract, whole=whole)
    return TableReader(feed, form, sizes)


def make_encoder(feed: Feed) -> RowEncoder:
    """The encoder of what a feed's partner gets."""
    return CsvEncoder() if feed.out == "csv" else JsonLinesEncoder()
