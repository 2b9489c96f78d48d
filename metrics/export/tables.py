"""A table of the metrics database as CSV or Parquet, in bounded memory: batches of a cursor through Arrow's writers."""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from metrics.errors import BadInput
from metrics.output import resolve_target

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_utils import Database

#: Rows that are held at a time.
BATCH = 10_000

#: How SQLite's strict types are written.
ARROW_TYPES = {"INTEGER": pa.int64(), "TEXT": pa.string(), "REAL": pa.float64(), "BLOB": pa.binary()}

#: The column that says which day a row is of, the first that a table has: stamps, or ISO dates.
DAY_COLUMNS = ("started_at_us", "block", "as_of", "created_at_us")


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What leaves: a table, and the days it is cut to, both inclusive; None is open."""

    table: str
    since: date | None = None
    until: date | None = None


def export_file(db: Database, cut: ExportRequest, kind: str, path: Path) -> int:
    """Write a file whole or not at all; one of that name is replaced. Returns the rows.

    Raises:
        BadInput: an unknown table, one without days, or a place that cannot be written.
    """
    _query(db, cut)  # a mistake in the question is told before anything is made
    place = resolve_target(path)
    try:
        fd, name = tempfile.mkstemp(prefix=f".{place.name}.", dir=place.parent)
        try:
            with os.fdopen(fd, "wb") as sink:
                rows = write_table(db, cut, kind, sink)
                sink.flush()
                os.fsync(sink.fileno())
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(name, 0o666 & ~umask)  # noqa: PTH101 (as any new file would have it)
            os.replace(name, place)  # noqa: PTH105
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name)  # noqa: PTH108
            raise
    except OSError as error:
        raise BadInput(f"{path}: cannot be written: {error.strerror or error}") from error
    return rows


def write_table(db: Database, cut: ExportRequest, kind: str, sink: IO[bytes]) -> int:
    """Write a table to an open file as `csv` or `parquet`; returns the rows.

    In CSV an empty cell is a value that is not there, and an empty text is `""`.

    Raises:
        BadInput: an unknown table, or one that has no days to be cut by.
    """
    sql, values, schema = _query(db, cut)
    cursor = db.execute(sql, values)
    maker: Any = pa.csv.CSVWriter if kind == "csv" else pa.parquet.ParquetWriter
    count = 0
    with maker(sink, schema) as writer:
        while batch := cursor.fetchmany(BATCH):
            count += len(batch)
            columns = zip(*batch, strict=True)
            arrays = [pa.array(cells, field.type) for cells, field in zip(columns, schema, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
    return count


def exportable_tables(db: Database) -> list[str]:
    """The tables that can leave."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) != 'sqlite_' ORDER BY name"
    return [str(name) for (name,) in db.execute(sql)]


def _query(db: Database, cut: ExportRequest) -> tuple[str, list[Any], Any]:
    there = exportable_tables(db)
    if cut.table not in there:
        raise BadInput(f"no table {cut.table!r}; choose one of {', '.join(there)}")
    columns = {str(row[1]): str(row[2]) for row in db.execute(f"PRAGMA table_info([{cut.table}])")}
    conditions: list[str] = []
    values: list[Any] = []
    day = next((name for name in DAY_COLUMNS if name in columns), None)
    if (cut.since or cut.until) and day is None:
        raise BadInput(f"table {cut.table} has no days; leave --since and --until out")
    if cut.since and cut.until and cut.since > cut.until:
        raise BadInput(f"--since {cut.since} lies after --until {cut.until}; exchange them")
    if cut.since:
        conditions.append(f"{day} >= ?")
        values.append(_day_start(cut.since, str(day)))
    if cut.until and cut.until < date.max:  # nothing comes after the last day there is
        conditions.append(f"{day} < ?")
        values.append(_day_start(cut.until + timedelta(days=1), str(day)))
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    schema = pa.schema([(name, ARROW_TYPES.get(kind, pa.string())) for name, kind in columns.items()])
    names = ", ".join(f"[{name}]" for name in columns)
    order = f"{day}, rowid" if conditions else "rowid"
    sql = f"SELECT {names} FROM [{cut.table}]{where} ORDER BY {order}"  # noqa: S608 (names are the database's own)
    return sql, values, schema


def _day_start(day: date, column: str) -> int | str:
    """The beginning of a day, as a column has it."""
    if not column.endswith("_us"):
        return day.isoformat()
    return int(datetime.combine(day, time(), UTC).timestamp()) * 1_000_000
