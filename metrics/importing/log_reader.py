"""Read the rows of a log one by one, in bounded memory: CSV, JSON Lines or Parquet, by the file's suffix.

Each row comes with its place, so that a person finds it in the file. A line that is not a row (too many cells, or not
JSON) comes with its problem in words and is never dropped; so does a last line of text without a line end, as it may
still be written.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import zlib
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO, TYPE_CHECKING, Any

from metrics.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

#: Formats by suffix; a text file may also end in `.gz`.
SUFFIXES = {
    ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip

#: Rows from which the columns of a file without a header are taken.
HEADER_ROWS = 100

#: Longest line of JSON that is read, in characters; a longer line is not a row of a log.
MAX_LINE_CHARS = 1 << 20

#: Line ends of text.
LINE_ENDS = ("\n", "\r")


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
    columns: Sequence[str],
    delimiter: str,
    encoding: str,
    progress: Callable[[int, int], None],
    *,
    all_columns: bool = True,
) -> Iterator[Iterator[LogRow]]:
    """Open a log and yield its rows.

    Args:
        path: the file.
        columns: the columns that must be there.
        delimiter: the delimiter of a CSV file.
        encoding: the encoding of a text file.
        progress: called with the read and the total number of bytes (of rows, in Parquet).
        all_columns: rows have all their columns; otherwise they may have only the required ones.

    Raises:
        BadInput: it cannot be read, is of an unknown kind, or lacks a column; the message names the existing ones.
    """
    kind = SUFFIXES.get(path.suffixes[-2] if path.suffix == ".gz" and len(path.suffixes) > 1 else path.suffix)
    if kind is None or (kind == "parquet" and path.suffix == ".gz"):
        raise BadInput(
            f"{path}: unknown kind of file; choose one that ends in {', '.join(SUFFIXES)} (text files also with .gz)"
        )
    with ExitStack() as stack:
        try:
            raw = stack.enter_context(path.open("rb"))
            if kind == "parquet":
                yield _parquet_rows(raw, path, columns, all_columns, progress)
                return
            size_bytes = path.stat().st_size
            plain: Any = stack.enter_context(gzip.open(raw)) if path.suffix == ".gz" else raw
            codec = "utf-8-sig" if encoding == "utf-8" else encoding
            text = stack.enter_context(io.TextIOWrapper(plain, codec, errors="surrogateescape", newline=""))
            if kind == "csv":
                rows = _csv_rows(text, path, columns, "\t" if path.suffixes[0] == ".tsv" else delimiter)
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


class _LineTracker:
    """The lines of a text, and whether the last line that was read has a line end."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self.ended = True

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self.ended = line.endswith(LINE_ENDS)
            yield line
        self.ended = False  # a row that needs another line is not finished


def _csv_rows(text: IO[str], path: Path, columns: Sequence[str], delimiter: str) -> Iterator[LogRow]:
    lines = _LineTracker(text)
    reader = csv.reader(lines, delimiter=delimiter)
    try:
        header = next(reader, [])
    except csv.Error as error:
        raise BadInput(f"{path}: no header: {error}") from error
    _require_columns(path, columns, header)

    def rows() -> Iterator[LogRow]:
        while True:
            place = f"line {reader.line_num + 1}"
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield LogRow(place, {}, f"not a CSV row: {error}")
                continue
            if cells is None:
                return
            if not cells:
                continue  # an empty line
            if not lines.ended:
                yield _unfinished_row(place)
                continue
            if len(cells) != len(header):
                yield LogRow(place, {}, f"{len(cells)} cells under a header of {len(header)}")
                continue
            yield LogRow(place, dict(zip(header, cells, strict=True)))

    return rows()


def _json_rows(text: IO[str], path: Path, columns: Sequence[str]) -> Iterator[LogRow]:
    def rows() -> Iterator[LogRow]:
        number = 0
        while line := text.readline(MAX_LINE_CHARS):
            number += 1
            place = f"line {number}"
            if len(line) == MAX_LINE_CHARS and not line.endswith("\n"):
                while (rest := text.readline(MAX_LINE_CHARS)) and not rest.endswith("\n"):
                    pass
                yield LogRow(place, {}, f"longer than {MAX_LINE_CHARS:,} characters")
                continue
            if not line.strip():
                continue
            if not line.endswith(LINE_ENDS):
                yield _unfinished_row(place)
                continue
            try:
                cells = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield LogRow(place, {}, f"not JSON: {error}")
                continue
            is_object = isinstance(cells, dict)
            yield LogRow(place, cells if is_object else {}, "" if is_object else "not a JSON object")

    all_rows = rows()
    first = list(islice(all_rows, HEADER_ROWS))
    if any(not row.problem for row in first):
        _require_columns(path, columns, list(dict.fromkeys(name for row in first for name in row.cells)))
    return chain(first, all_rows)


def _parquet_rows(
    raw: IO[bytes], path: Path, columns: Sequence[str], all_columns: bool, progress: Callable[[int, int], None]
) -> Iterator[LogRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(raw)
    except (pa.ArrowException, OSError) as error:
        raise BadInput(f"{path}: not Parquet: {error}") from error
    _require_columns(path, columns, file.schema_arrow.names)

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
