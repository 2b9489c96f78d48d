"""The rows of a log, one after the other in bounded memory: CSV, JSON Lines or Parquet, by the file's suffix.

Each row comes with its place, so that what cannot be read of it can be found. What is no row at all (a line of too
many cells, or one that is not JSON) comes as trouble in words and is never skipped; so does a last line of text without
its line end, for it may still be written.
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

#: What a suffix says of a file; text may have `.gz` behind it.
SUFFIXES = {
    ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet", ".pq": "parquet",
}  # fmt: skip

#: Rows that are looked at to learn which columns there are, where the file has no header.
HEADER_ROWS = 100

#: The longest line of JSON that is read, in characters; a longer one is no row of a log.
MAX_LINE_CHARS = 1 << 20

#: What ends a line of text.
LINE_ENDS = ("\n", "\r")


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row: where it stands, and its cells by column; or why it is none."""

    place: str  #: "line 3" of text, "row 3" of Parquet, both from 1
    cells: Mapping[str, Any]
    trouble: str = ""
    reason: str = "not a row"  #: for the trouble, in words that are the same for all such rows


def _unfinished_row(place: str) -> LogRow:
    """A last line that may still be written: half of a row must not become a run, nor the whole of it another."""
    return LogRow(place, {}, "has no line end; it is left until it has", "no line end")


@contextmanager
def open_log(
    path: Path,
    columns: Sequence[str],
    delimiter: str,
    encoding: str,
    progress: Callable[[int, int], None],
    *,
    whole: bool = True,
) -> Iterator[Iterator[LogRow]]:
    """The rows of a log.

    Args:
        path: the file.
        columns: those that are wanted.
        delimiter: between the cells of a CSV file.
        encoding: of a text file.
        progress: told how many of how many bytes (rows of Parquet) have been read.
        whole: rows come with all their columns; else it may be with those that are wanted alone.

    Raises:
        BadInput: it cannot be read, is of an unknown kind, or lacks a column; the message names those there are.
    """
    kind = SUFFIXES.get(path.suffixes[-2] if path.suffix == ".gz" and len(path.suffixes) > 1 else path.suffix)
    if kind is None or (kind == "parquet" and path.suffix == ".gz"):
        raise BadInput(f"{path}: kind is not known; choose a file that ends in {', '.join(SUFFIXES)} (text: or .gz)")
    with ExitStack() as stack:
        try:
            raw = stack.enter_context(path.open("rb"))
            if kind == "parquet":
                yield _parquet(raw, path, columns, whole, progress)
                return
            size_bytes = path.stat().st_size
            plain: Any = stack.enter_context(gzip.open(raw)) if path.suffix == ".gz" else raw
            named = "utf-8-sig" if encoding == "utf-8" else encoding
            text = stack.enter_context(io.TextIOWrapper(plain, named, errors="surrogateescape", newline=""))
            if kind == "csv":
                rows = _csv(text, path, columns, "\t" if path.suffixes[0] == ".tsv" else delimiter)
            else:
                rows = _json_lines(text, path, columns)
            yield _report_progress(rows, lambda: progress(raw.tell(), size_bytes))
        except (OSError, EOFError, zlib.error) as error:
            raise BadInput(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _report_progress(rows: Iterator[LogRow], tell: Callable[[], None]) -> Iterator[LogRow]:
    for number, row in enumerate(rows):
        if number % 1000 == 0:
            tell()
        yield row


class _LineTracker:
    """The lines of a text, and whether the last one that was given has its line end."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self.ended = True

    def __iter__(self) -> Iterator[str]:
        for line in self._text:
            self.ended = line.endswith(LINE_ENDS)
            yield line
        self.ended = False  # a row that asked for one line more is open


def _csv(text: IO[str], path: Path, columns: Sequence[str], delimiter: str) -> Iterator[LogRow]:
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
                yield LogRow(place, {}, f"no row of CSV: {error}")
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


def _json_lines(text: IO[str], path: Path, columns: Sequence[str]) -> Iterator[LogRow]:
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

    found = rows()
    first = list(islice(found, HEADER_ROWS))
    if any(not row.trouble for row in first):
        _require_columns(path, columns, list(dict.fromkeys(name for row in first for name in row.cells)))
    return chain(first, found)


def _parquet(
    raw: IO[bytes], path: Path, columns: Sequence[str], whole: bool, progress: Callable[[int, int], None]
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
            for batch in file.iter_batches(batch_size=10_000, columns=None if whole else list(columns)):
                progress(number, total)
                names = batch.schema.names
                for cells in zip(*map(_column_values, batch.columns), strict=True):
                    number += 1
                    row = dict(zip(names, cells, strict=True))
                    bad = next((name for name in columns if isinstance(row[name], UnreadableCell)), None)
                    trouble = f"column {bad!r} cannot be read: {row[bad].why}" if bad else ""
                    yield LogRow(f"row {number}", row, trouble, "a cell that cannot be read")
        except (pa.ArrowException, OSError) as error:
            raise BadInput(f"{path}: damaged after row {number}: {error}") from error

    return rows()


@dataclass(frozen=True, slots=True)
class UnreadableCell:
    """A cell of Parquet that holds what Python has no value for: a date past 9999, or bytes that are no text."""

    why: str


def _column_values(column: Any) -> list[Any]:
    """The cells of an Arrow column as Python's values, or `Unreadable`; what is finer than a microsecond is cut off."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    elif pa.types.is_duration(kind) and kind.unit == "ns":
        column = column.cast(pa.duration("us"), safe=False)
    try:
        return list(column.to_pylist())
    except Exception:  # noqa: BLE001 (of many kinds, such as those of a zone that is not known)
        return [_cell_value(cell) for cell in column]


def _cell_value(cell: Any) -> Any:
    try:
        return cell.as_py()
    except Exception as error:  # noqa: BLE001 (whatever it is, it is told of this row)
        return UnreadableCell(f"{error}" or type(error).__name__)


def _require_columns(path: Path, columns: Sequence[str], there: Sequence[str]) -> None:
    """Refuse a file that lacks a column of the mapping, or has it twice. Raises BadInput."""
    twice = [name for name in columns if there.count(name) > 1]
    if twice:
        raise BadInput(
            f"{path}: column {twice[0]!r} is there {there.count(twice[0])} times; nobody can say which is it"
        )
    missing = [name for name in columns if name not in there]
    if missing:
        raise BadInput(f"{path}: no column {missing[0]!r}; columns there: {', '.join(there) or 'none'}")
