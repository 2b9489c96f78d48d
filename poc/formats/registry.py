"""Readers and encoders by format: a reader turns a file into batches, an encoder turns rows into bytes.

Only CSV is imported with this module: the other formats take a tenth of a start of the service, and are imported where
a feed has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from poc.config.formats.control_records import ControlRecord
from poc.formats.control_records import ControlRecords
from poc.formats.csv_reader import CsvFormat
from poc.formats.file_writers import JsonArrayFile, ParquetFile, TextFile
from poc.formats.fixed_writer import FixedWidthEncoder
from poc.formats.record_splitter import Sizes
from poc.formats.table_reader import TableReader
from poc.formats.writers import CsvEncoder, JsonArrayEncoder, JsonLinesEncoder, JsonRowEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from poc.config.partner import Feed
    from poc.formats.file_reader import FileReader
    from poc.formats.file_writers import BodyEncoder, FileWriter
    from poc.formats.header import ExpectedFields
    from poc.formats.table_reader import RowFormat


#: Encoders of JSON by the setting `body`.
JSON_ENCODERS = {"jsonl": JsonLinesEncoder, "json": JsonArrayEncoder, "row": JsonRowEncoder}


class RowEncoder(Protocol):
    """Encoder of rows."""

    @property
    def media_type(self) -> str:
        """The media type of an HTTP body of rows."""

    @property
    def row_is_line(self) -> bool:
        """Whether every row is exactly one line, so that bytes may be split at line ends."""

    def head(self, columns: Sequence[str]) -> bytes:
        """Return the bytes that precede all rows."""

    def encode(self, rows: pl.DataFrame) -> bytes:
        """Return rows as bytes, without their row numbers."""

    def finish(self, body: bytes) -> bytes:
        """Return the body of a request that is made of a head and encoded rows."""

    def cut(self, body: bytes, rows: int) -> tuple[bytes, bytes]:
        """Cut a finished body into two: one with so many rows, and one with the others."""


def make_reader(feed: Feed, contract: ExpectedFields, sizes: Sizes | None = None, *, whole: bool = True) -> FileReader:
    """Return the reader of a feed's files. Reuse it for the next file: it caches what it compiled for the last header.

    Without `whole`, the input is some rows of a file, so that the first row of a format without a header is not
    compared with the contract in place of a header.
    """
    if feed.convert:
        from poc.formats.converted_file import ConvertedReader

        plain = feed.model_copy(update={"convert": (), "compression": "none"})
        return ConvertedReader(feed, make_reader(plain, contract, sizes, whole=whole))
    if feed.format == "xlsx":
        from poc.formats.cell_file import CellFileReader
        from poc.formats.excel_reader import ExcelSource

        return CellFileReader(feed, contract, ExcelSource(feed, contract))
    if feed.xml is not None:
        from poc.formats.xml_reader import XmlReader

        return XmlReader(feed, feed.xml, contract)
    if feed.format == "parquet":
        from poc.formats.cell_file import CellFileReader
        from poc.formats.parquet_reader import ParquetSource

        return CellFileReader(feed, contract, ParquetSource(contract))
    controls = ControlRecords(feed, contract) if feed.header is not None or feed.trailer is not None else None
    if feed.nested is not None and sizes is None:  # its rows are long, and batches of few rows take longer
        sizes = Sizes(block_bytes=4 << 20)
    return TableReader(feed, make_row_format(feed, contract, whole=whole), sizes, controls=controls)


def make_row_format(feed: Feed, contract: ExpectedFields, *, whole: bool) -> RowFormat:
    """Return the format of a feed whose rows are parts of a text."""
    if feed.format == "csv":
        return CsvFormat(feed, contract)
    if feed.fixed is not None:
        from poc.formats.fixed_reader import FixedWidthFormat

        return FixedWidthFormat(feed, feed.fixed, contract)
    if feed.format == "json":
        from poc.formats.json_array import JsonArrayFormat

        return JsonArrayFormat(feed, contract, whole=whole)
    from poc.formats.jsonl_reader import JsonLinesFormat

    return JsonLinesFormat(feed, contract, whole=whole)


def make_row_reader(feed: Feed, contract: ExpectedFields) -> FileReader:
    """Return the reader of rows that were kept, one after the other: without compression, counts and sums."""
    from poc.formats.kept_rows import KeptRowReader

    if feed.xml is not None:
        from poc.formats.xml_rows import XmlRowParser

        return KeptRowReader(XmlRowParser(feed, feed.xml, contract))
    if feed.format in {"xlsx", "parquet"}:
        from poc.formats.cell_rows import CellRowParser

        return KeptRowReader(CellRowParser(feed, contract))
    if feed.format == "json":
        from poc.formats.jsonl_reader import JsonLinesFormat

        return KeptRowReader(JsonLinesFormat(feed, contract, whole=False))
    header = None if feed.header is None else ControlRecord(starts=feed.header.starts)
    rows = {"convert": (), "compression": "none", "trailer": None, "header": header}
    return make_reader(feed.model_copy(update=rows), contract, whole=False)


def make_encoder(feed: Feed, literals: frozenset[str] = frozenset(), body: str = "jsonl") -> RowEncoder:
    """Return the encoder of the format that a feed's partner receives.

    `literals` are columns of JSON text, `body` is what a request of JSON holds.
    """
    if feed.out == "csv":
        return CsvEncoder(literals)
    if feed.out_columns is not None:
        return FixedWidthEncoder(feed.out_columns, literals)
    if feed.out == "json":
        return JsonArrayEncoder(literals)
    return JSON_ENCODERS[body](literals)


def make_file_writer(feed: Feed, encoder: BodyEncoder, literals: frozenset[str]) -> FileWriter:
    """Return the writer of one file for a feed's partner; `encoder` encodes its rows where it is a text."""
    if feed.out == "json":
        return JsonArrayFile(encoder)
    return ParquetFile(encoder, literals) if feed.out == "parquet" else TextFile(encoder, feed, literals)
