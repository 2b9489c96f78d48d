"""The records of a file that lies anywhere: CSV with a header, JSON Lines, JSON, Parquet or a workbook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from poc.capture.bodies import SentBody, read_bodies
from poc.config.formats.dialect import Dialect
from poc.config.map_field import MapField
from poc.config.partner import Feed
from poc.contract.contract import load_contract
from poc.errors import BadInput, ContractBreach
from poc.formats.csv_grammar import csv_grammar
from poc.formats.encodings import byte_order_mark, file_codec
from poc.formats.header import HeaderFields, list_labels, unusable_labels
from poc.formats.registry import make_reader
from poc.parity.read_records import fault_text, feed_records, table_records, text_rows
from poc.parity.records import HELD_BYTES, HeldRecords, SentRecords

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import polars as pl

    from poc.batch import Batch
    from poc.config.workspace import Workspace
    from poc.parity.records import RecordSource

#: Formats of files with typed columns by the end of their names.
TABLES: dict[str, Literal["parquet", "xlsx"]] = {".parquet": "parquet", ".xlsx": "xlsx"}

#: Formats of uncompressed texts by the end of their names; all others are CSV.
FORMATS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json"}

Compression: TypeAlias = Literal["none", "gzip", "zip"]

#: Compressions by the end of a name.
COMPRESSIONS: dict[str, Compression] = {".gz": "gzip", ".zip": "zip"}


def open_records(path: Path, encoding: str = "utf-8", delimiter: str = ",", name: str = "") -> RecordSource:
    """Return the records of a file, in the format that the end of its name says.

    Raises:
        BadInput: there is no such file, or its encoding or delimiter cannot be used.
    """
    _check_file(path)
    suffixes = [suffix.lower() for suffix in path.suffixes]
    compression: Compression = COMPRESSIONS.get(suffixes[-1] if suffixes else "", "none")
    ending = suffixes[-1 if compression == "none" else -2 :][:1]
    body_format = FORMATS.get(ending[0] if ending else "")
    size_bytes = path.stat().st_size
    source: RecordSource
    if ending and ending[0] in TABLES:
        if compression != "none":
            raise BadInput(f"{path}: a compressed {TABLES[ending[0]]} file is not read here; unpack it")
        source = table_records(path, TABLES[ending[0]], name or str(path))
    elif body_format is not None:
        if compression == "zip":
            raise BadInput(f"{path}: JSON in a zip archive is not read here; unpack it, or compress it with gzip")
        body = SentBody(path, "jsonl" if body_format == "jsonl" else "json", "gzip" if compression == "gzip" else "")
        source = SentRecords(name or str(path), lambda: read_bodies([body]) if size_bytes else (), size_bytes)
    else:
        source = CsvRecords(path, encoding, delimiter, compression, name or str(path))
    return HeldRecords(source) if size_bytes <= HELD_BYTES and compression == "none" else source


def open_feed_records(workspace: Workspace, name: str, path: Path) -> RecordSource:
    """Return the records of a file that came for the feed PARTNER/FEED. Raises BadInput."""
    _check_file(path)
    partner, _, feed_id = name.partition("/")
    _, feed = workspace.get_feed(partner, feed_id)
    contract = load_contract(workspace.contract(feed), json_values=feed.has_json_values)
    source = feed_records(path, feed, contract)
    return HeldRecords(source) if source.size_bytes <= HELD_BYTES and feed.compression == "none" else source


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise BadInput(f"{path}: {'a folder, not a file' if path.is_dir() else 'no such file'}")


class CsvRecords:
    """The records of a CSV file with a header. A row that is no record is in `UNREADABLE`."""

    def __init__(self, path: Path, encoding: str, delimiter: str, compression: Compression, name: str) -> None:
        self.name = name
        self.size_bytes = path.stat().st_size
        self._path = path
        try:
            dialect = Dialect(encoding=encoding, delimiter=delimiter)
            self._feed = Feed(
                contract="-", dialect=dialect, map=(MapField(to="-", value="-"),), compression=compression
            )
        except ValueError as error:
            reason = str(error.errors()[0]["msg"]) if hasattr(error, "errors") else str(error)  # pydantic's
            raise BadInput(f"{path}: {reason.removeprefix('Value error, ')}") from error
        self._labels: tuple[str, ...] | None = None

    def fields(self) -> tuple[str, ...]:
        """Return the header. Raises BadInput where it names no columns."""
        if self._labels is None:
            self._labels = self._read_labels() if self.size_bytes else ()
        return self._labels

    def frames(self) -> Iterator[pl.DataFrame]:
        """Yield the records. Raises BadInput where no row can be read."""
        names = self.fields()
        if not names:
            return
        records, first_fault = 0, ""
        for batch in self._batches(names):
            records += batch.rows.height
            if batch.rejected:
                first_fault = first_fault or fault_text(batch)
            yield text_rows(batch, names, self._feed.dialect.encoding)
        if first_fault and not records:
            raise BadInput(f"{self.name}: no row of it can be read as CSV; {first_fault}")

    def _batches(self, names: tuple[str, ...]) -> Iterator[Batch]:
        try:
            with self._path.open("rb") as file:
                yield from make_reader(self._feed, HeaderFields(names)).read(file)
        except ContractBreach as error:
            raise BadInput(f"{self.name}: it cannot be read as CSV: {error}") from error

    def _read_labels(self) -> tuple[str, ...]:
        dialect = self._feed.dialect
        try:
            with self._path.open("rb") as file:
                head = make_reader(self._feed, HeaderFields(("-",))).head(file)
        except ContractBreach as error:
            raise BadInput(f"{self.name}: {error}") from error
        codec = file_codec(dialect.encoding, head)
        try:
            text = head.removeprefix(byte_order_mark(codec, head)).decode(codec).strip("\r\n")
        except UnicodeDecodeError as error:
            raise BadInput(f"{self.name}: its header is not {dialect.encoding}, so it is no CSV in it") from error
        labels = tuple(cell.decode() for cell in csv_grammar(dialect, "utf-8").split_cells(text.encode()))
        if "\0" in text or not any(label.strip() for label in labels):
            raise BadInput(f"{self.name}: it is no CSV file: its first line names no columns")
        if faults := unusable_labels(labels):
            raise BadInput(f"{self.name}: its header cannot be used: {faults[0].note}; it has {list_labels(labels)}")
        return labels


def check_shared_fields(left: RecordSource, right: RecordSource) -> None:
    """Raise BadInput where two sides that both have fields have none in common: they cannot be compared."""
    names: Sequence[tuple[str, ...]] = (left.fields(), right.fields())
    if all(names) and not set(names[0]) & set(names[1]):
        raise BadInput(
            f"no field is in both: {left.name} has {list_labels(names[0])}; {right.name} has {list_labels(names[1])}"
        )
