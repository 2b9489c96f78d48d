"""Records of files that readers of `poc.formats` read: by the settings of a feed, or by the columns of the file."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from io import BufferedReader
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, BinaryIO, cast

import polars as pl

from poc.capture.bodies import open_contents
from poc.config.formats.fixed_width import FixedWidth, Span
from poc.config.formats.written import PLACEHOLDER
from poc.config.map_field import MapField
from poc.config.partner import Feed
from poc.errors import BadInput, ContractBreach
from poc.formats.excel_reader import ExcelSource
from poc.formats.header import HeaderFields, list_labels, unusable_labels
from poc.formats.parquet_reader import ParquetSource
from poc.formats.registry import make_reader
from poc.parity.records import UNREADABLE
from poc.text import plain_texts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from io import RawIOBase
    from pathlib import Path
    from typing import Literal

    from poc.batch import Batch
    from poc.capture.bodies import SentBody
    from poc.formats.header import ExpectedFields

#: The most bytes of rows without their header and trailer that are held in memory.
SPOOLED_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ReadRecords:
    """Records of files in the format of a feed; `contents` opens the files anew at each call, one after the other."""

    name: str
    size_bytes: int
    feed: Feed
    expected: ExpectedFields
    contents: Callable[[], Iterable[BinaryIO]]

    def fields(self) -> tuple[str, ...]:
        """Return the fields of the contract, or the columns of the file."""
        return tuple(self.expected.names)

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the records. Raises BadInput where no row can be read."""
        records, first_fault = 0, ""
        try:
            reader = make_reader(self.feed, self.expected)
            for file in self.contents():
                if not file.seek(0, 2):
                    continue
                for batch in reader.read(file):
                    records += batch.rows.height
                    if batch.rejected:
                        first_fault = first_fault or fault_text(batch)
                    yield self._plain(text_rows(batch, self.fields(), self.feed.dialect.encoding))
        except (ContractBreach, OSError, EOFError, ValueError, zlib.error) as error:
            raise BadInput(f"{self.name}: it cannot be read as {self.feed.format}: {error}") from error
        if first_fault and not records:
            raise BadInput(f"{self.name}: no row of it can be read as {self.feed.format}; {first_fault}")

    def _plain(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Return rows with JSON values, which those of any type are, as plain texts."""
        if not self.feed.has_json_values:
            return rows
        literals = [name for name in self.fields() if self.expected.types.get(name) == "any"]
        return rows.with_columns(
            pl.Series(name, plain_texts(rows.get_column(name)), dtype=pl.String) for name in literals
        )


def feed_records(path: Path, feed: Feed, expected: ExpectedFields, name: str = "") -> ReadRecords:
    """Return the records of a file that a sender made for a feed, with the fields of its contract."""
    return ReadRecords(name or str(path), path.stat().st_size, feed, expected, lambda: _open(path))


def table_records(path: Path, table_format: Literal["parquet", "xlsx"], name: str) -> ReadRecords:
    """Return the records of a Parquet file, or of a workbook of one sheet, with its own columns. Raises BadInput."""
    feed = Feed(contract="-", format=table_format, map=(MapField(to="-", value="-"),))
    no_fields = HeaderFields(())
    source = ParquetSource(no_fields) if table_format == "parquet" else ExcelSource(feed, no_fields)
    try:
        with path.open("rb") as file:
            labels = source.open(file).labels
    except ContractBreach as error:
        raise BadInput(f"{name}: it cannot be read as {table_format}: {error}") from error
    if faults := unusable_labels(labels):
        raise BadInput(f"{name}: its columns cannot be used: {faults[0].note}; it has {list_labels(labels)}")
    return feed_records(path, feed, HeaderFields(labels), name)


def written_records(name: str, bodies: Sequence[SentBody], feed: Feed) -> ReadRecords | None:
    """Return the records of bodies that were written in the feed's `out`, if that is `fixed` or `parquet`.

    Bodies whose own format is set are None.
    """
    names = tuple(field.to for field in feed.map)
    layout: dict[str, object]
    if not bodies or any(body.format != "auto" for body in bodies):
        return None
    if feed.out == "parquet":
        layout = {"format": "parquet"}
    elif feed.out_columns is not None:
        spans, start = {}, 1
        for column in names:
            spans[column] = Span(start=start, width=feed.out_columns[column].width)
            start += feed.out_columns[column].width
        layout = {"format": "fixed", "fixed": FixedWidth(columns=spans, short_rows="pad")}
    else:
        return None
    written = Feed.model_validate({"contract": "-", "map": (MapField(to="-", value="-"),), **layout})
    size_bytes = sum(body.path.stat().st_size for body in bodies)

    def contents() -> Iterator[BinaryIO]:
        for body in bodies:
            yield from cast("Iterator[BinaryIO]", open_rows(body, feed))

    return ReadRecords(name, size_bytes, written, HeaderFields(names), contents)


def open_rows(body: SentBody, feed: Feed) -> Iterator[BufferedReader]:
    """Yield the contents of a body without the lines that the feed's `out_header` and `out_trailer` add to the rows.

    A first or last line that is another one stays: it is a difference. Raises what `open_contents` raises.
    """
    for content in open_contents(body):
        if feed.out_header or feed.out_trailer:
            with SpooledTemporaryFile(max_size=SPOOLED_BYTES) as rows:
                copy_rows(content, rows, feed.out_header.encode(), trailer_pattern(feed.out_trailer))
                rows.seek(0)
                yield BufferedReader(cast("RawIOBase", rows))
        else:
            yield content


def copy_rows(lines: Iterable[bytes], rows: IO[bytes], header: bytes, trailer: re.Pattern[bytes]) -> None:
    """Write all lines but the header, and the trailer, which only blank lines may follow."""
    held: list[bytes] = []
    for number, line in enumerate(lines):
        if number == 0 and header and line.rstrip(b"\r\n") == header:
            continue
        if line.strip():
            rows.writelines(held)
            held = []
        held.append(line)
    if not held or not trailer.fullmatch(held[0].rstrip(b"\r\n")):
        rows.writelines(held)


def trailer_pattern(template: str) -> re.Pattern[bytes]:
    """Return what a trailer line looks like, with any number for each placeholder; for none, a pattern of no line."""
    texts = PLACEHOLDER.split(template)[:: PLACEHOLDER.groups + 1]
    return re.compile(rb" *-?[0-9.]+".join(re.escape(text.encode()) for text in texts) if template else rb"(?!)")


def text_rows(batch: Batch, names: Sequence[str], encoding: str) -> pl.DataFrame:
    """Return the fields of a batch; a row that is no record has its text in the column `UNREADABLE`."""
    rows = pl.DataFrame([batch.rows.get_column(name) for name in names])
    if not batch.rejected:
        return rows
    texts = [row.original.decode(encoding, "replace") for row in batch.rejected]
    return pl.concat([rows, pl.DataFrame({UNREADABLE: texts}, schema={UNREADABLE: pl.String})], how="diagonal")


def fault_text(batch: Batch) -> str:
    """Return what is wrong with the first rejected row of a batch."""
    return f"row {batch.rejected[0].row}: {batch.rejected[0].findings[0].text()}"


def _open(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as file:
        yield file
