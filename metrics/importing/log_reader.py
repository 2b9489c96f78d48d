"""Read the rows of a log one by one, in bounded memory: CSV, JSON Lines or Parquet, by the file's suffix.

Each row comes with its place, so that a person finds it in the file. A line that is not a row (badly quoted, too many
cells, or not JSON) comes with its problem in words and is never dropped; so does a last line of text without a line
end, as it may still be written.
"""

from __future__ import annotations

import gzip
import io
import json
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO, TYPE_CHECKING, Any

from metrics.errors import BadInput
from metrics.importing.csv_records import LINE_ENDS, CsvSplitter, Line
from metrics.importing.mapping import TimestampField

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from metrics.importing.mapping import LogMapping

#: Formats by suffix; a text file may also end in `.gz`.
SUFFIXES = {
    ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip

#: Rows from which the columns of a file without a header are taken.
HEADER_ROWS = 100

#: Longest row of text that is read, in characters; a longer one is not a row of a log.
MAX_LINE_CHARS = 1 << 20


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row of a log: its place and its cells by column, or why it cannot be read."""

    place: str  #: "line 3" of text, "row 3" of Parquet, both from 1
    cells: Mapping[str, Any]
    problem: str = ""
    reason: str = "not a row"  #: the kind of problem, with the same text for all such rows


def _unfinished_row(place: str) -> LogRow:
    """Return a last line that may still be written: half of a row must not become a run, and the whole row another."""
    return LogRow(place, {}, "has no line end yet; it is skipped until it has", "no line end")


@contextmanager
def open_log(
    path: Path,
    mapping: LogMapping,
    progress: Callable[[int, int], None],
    *,
    all_columns: bool = True,
) -> Iterator[Iterator[LogRow]]:
    """Open a log and yield its rows.

    Args:
        path: the file.
        mapping: the columns that must be there, their time zones, the delimiter and the encoding.
        progress: called with the read and the total number of bytes (of rows, in Parquet).
        all_columns: rows have all their columns; otherwise they may have only the required ones.

    Raises:
        BadInput: it cannot be read, is of an unknown kind, or lacks a column (the message names the existing ones); or
            a Parquet column has times of an unknown zone.
    """
    columns = mapping.columns
    *_, before_last, last = ("", "", *(suffix.lower() for suffix in path.suffixes))
    suffix, is_gzip = (before_last, True) if last == ".gz" else (last, False)
    kind = SUFFIXES.get(suffix)
    if kind is None or (kind == "parquet" and is_gzip):
        raise BadInput(
            f"{path}: unknown kind of file; choose one that ends in {', '.join(SUFFIXES)} (text files also with .gz)"
        )
    with ExitStack() as stack:
        try:
            raw = stack.enter_context(path.open("rb"))
            if kind == "parquet":
                yield _parquet_rows(raw, path, mapping, all_columns, progress)
                return
            size_bytes = path.stat().st_size
            plain: Any = stack.enter_context(gzip.open(raw)) if is_gzip else raw
            codec = "utf-8-sig" if mapping.encoding == "utf-8" else mapping.encoding
            text = stack.enter_context(io.TextIOWrapper(plain, codec, errors="surrogateescape", newline=""))
            if kind == "csv":
                is_tsv = suffix == ".tsv" and "delimiter" not in mapping.model_fields_set
                rows = _csv_rows(text, path, columns, "\t" if is_tsv else mapping.delimiter)
            else:
                rows = _json_rows(text, path, columns)
            yield _report_progress(rows, lambda: progress(raw.tell(), size_bytes))
        except (OSError, EOFError, zlib.error) as error:
            raise BadInput(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _report_progress(rows: Iterator[LogRow], report: Callable[[], None]) -> Iterator[LogRow]:
    for number, row in enumerate(rows):
        if number % 1000 == 0:
            report()
        yield row


def _read_lines(text: IO[str]) -> Iterator[Line]:
    """Yield the lines of a text; of a line that is too long, only its number."""
    number = 0
    while line := text.readline(MAX_LINE_CHARS):
        number += 1
        if len(line) == MAX_LINE_CHARS and not line.endswith(LINE_ENDS):
            while (rest := text.readline(MAX_LINE_CHARS)) and not rest.endswith(LINE_ENDS):
                pass
            yield Line(number, None)
        else:
            yield Line(number, line)


def _csv_rows(text: IO[str], path: Path, columns: Sequence[str], delimiter: str) -> Iterator[LogRow]:
    splitter = CsvSplitter(_read_lines(text), delimiter, MAX_LINE_CHARS)
    first = splitter.header()
    if first.problem:
        raise BadInput(f"{path}: no header: {first.problem}")
    header = first.cells
    _require_columns(path, columns, header)

    def rows() -> Iterator[LogRow]:
        for record in splitter.records(len(header)):
            place = f"line {record.number}"
            if not record.ended:
                yield _unfinished_row(place)
            elif record.problem:
                yield LogRow(place, {}, record.problem)
            else:
                yield LogRow(place, dict(zip(header, record.cells, strict=True)))

    return rows()


def _json_rows(text: IO[str], path: Path, columns: Sequence[str]) -> Iterator[LogRow]:
    def rows() -> Iterator[LogRow]:
        for line in _read_lines(text):
            place = f"line {line.number}"
            if line.text is None:
                yield LogRow(place, {}, f"longer than {MAX_LINE_CHARS:,} characters")
            elif line.text.strip():
                yield _json_row(place, line.text) if line.ended else _unfinished_row(place)

    all_rows = rows()
    first = list(islice(all_rows, HEADER_ROWS))
    if any(not row.problem for row in first):
        _require_columns(path, columns, list(dict.fromkeys(name for row in first for name in row.cells)))
    return chain(first, all_rows)


def _json_row(place: str, text: str) -> LogRow:
    """Return the object on a line; a line that is no object, or gives two values to one name, has a problem."""
    try:
        cells = json.loads(text, object_pairs_hook=_unique_names)
    except _RepeatedName as error:
        return LogRow(place, {}, f"the name {error.name!r} is there twice, so its value is unknown", "a name twice")
    except (ValueError, RecursionError) as error:
        return LogRow(place, {}, f"not JSON: {error}")
    if not isinstance(cells, dict):
        return LogRow(place, {}, "not a JSON object")
    return LogRow(place, cells)


class _RepeatedName(Exception):
    """A JSON object has one name twice."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object. Raises _RepeatedName."""
    cells = dict(pairs)
    if len(cells) < len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedName(next(name for name in names if names.count(name) > 1))
    return cells


def _parquet_rows(
    raw: IO[bytes], path: Path, mapping: LogMapping, all_columns: bool, progress: Callable[[int, int], None]
) -> Iterator[LogRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = mapping.columns

    try:
        file = pq.ParquetFile(raw)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path}: not Parquet: {error}") from error
    _require_columns(path, columns, file.schema_arrow.names)
    _require_zones(path, mapping, file.schema_arrow)

    def rows() -> Iterator[LogRow]:
        number, total = 0, file.metadata.num_rows
        try:
            for batch in file.iter_batches(batch_size=10_000, columns=None if all_columns else list(columns)):
                progress(number, total)
                names = batch.schema.names
                for cells in zip(*map(_column_values, batch.columns), strict=True):
                    number += 1
                    row = dict(zip(names, cells, strict=True))
                    unreadable = next((name for name in columns if isinstance(row[name], UnreadableCell)), None)
                    problem = f"column {unreadable!r} cannot be read: {row[unreadable].why}" if unreadable else ""
                    yield LogRow(f"row {number}", row, problem, "a cell that cannot be read")
        except (pa.ArrowException, OSError) as error:
            raise BadInput(f"{path}: damaged after row {number}: {error}") from error

    return rows()


@dataclass(frozen=True, slots=True)
class UnreadableCell:
    """A Parquet cell without a Python value: a date after year 9999, or bytes that are not text."""

    why: str

    def __repr__(self) -> str:
        """Return a fixed text: the ids of rows without an id of their own are made from it, and must not change."""
        return f"Unreadable(why={self.why!r})"


def _column_values(column: Any) -> list[Any]:
    """Return the cells of an Arrow column as Python values, or `UnreadableCell`; times are cut to microseconds."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    elif pa.types.is_duration(kind) and kind.unit == "ns":
        column = column.cast(pa.duration("us"), safe=False)
    try:
        return list(column.to_pylist())
    except Exception:  # noqa: BLE001 (of many types, such as an unknown time zone)
        return [_cell_value(cell) for cell in column]


def _cell_value(cell: Any) -> Any:
    try:
        return cell.as_py()
    except Exception as error:  # noqa: BLE001 (any error is reported for this row)
        return UnreadableCell(f"{error}" or type(error).__name__)


def _require_columns(path: Path, columns: Sequence[str], existing: Sequence[str]) -> None:
    """Refuse a file that lacks a column of the mapping, or has it twice. Raises BadInput."""
    repeated = [name for name in columns if existing.count(name) > 1]
    if repeated:
        raise BadInput(
            f"{path}: column {repeated[0]!r} is there {existing.count(repeated[0])} times; it must be there once"
        )
    missing = [name for name in columns if name not in existing]
    if missing:
        raise BadInput(f"{path}: no column {missing[0]!r}; existing columns: {', '.join(existing) or 'none'}")


def _require_zones(path: Path, mapping: LogMapping, schema: Any) -> None:
    """Refuse a Parquet column of times without a zone for which the mapping names none. Raises BadInput."""
    import pyarrow as pa

    for key in type(mapping).model_fields:
        source = getattr(mapping, key)
        if not isinstance(source, TimestampField) or source.zone is not None:
            continue
        kind = schema.field(source.column).type
        if pa.types.is_timestamp(kind) and kind.tz is None:
            raise BadInput(
                f"{path}: column {source.column!r} has times without a zone; name it in [import]: "
                f'{key} = {{ column = "{source.column}", zone = "UTC" }}, or a zone such as "Europe/Berlin"'
            )
