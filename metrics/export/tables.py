"""Export a table of the metrics database as CSV or Parquet, in bounded memory (batches of a cursor)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import IO, TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from metrics.errors import BadInput
from metrics.file_output import write_atomically

if TYPE_CHECKING:
    from pathlib import Path

    from sqlite_utils import Database

#: Rows held in memory at a time.
BATCH = 10_000

#: Arrow types of SQLite's strict types.
ARROW_TYPES = {"INTEGER": pa.int64(), "TEXT": pa.string(), "REAL": pa.float64(), "BLOB": pa.binary()}

#: Columns with the day of a row, timestamps or ISO dates; the first that a table has is used.
DAY_COLUMNS = ("started_at_us", "block", "as_of", "created_at_us")


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """A table to export, and its first and last day, both inclusive; None means no limit."""

    table: str
    since: date | None = None
    until: date | None = None


def export_file(db: Database, request: ExportRequest, kind: str, path: Path) -> int:
    """Write a table to a file, whole or not at all, and return the number of rows. An existing file is replaced.

    Raises:
        BadInput: the table is unknown or has no days, or the file cannot be written.
    """
    _query(db, request)  # refuse a wrong request before any file is made
    with write_atomically(path) as sink:
        return write_table(db, request, kind, sink)


def write_table(db: Database, request: ExportRequest, kind: str, sink: IO[bytes]) -> int:
    """Write a table to an open file as `csv` or `parquet`, and return the number of rows.

    In CSV an empty cell is NULL, and an empty text is `""`.

    Raises:
        BadInput: the table is unknown, or days are given and it has none.
    """
    sql, values, schema = _query(db, request)
    cursor = db.execute(sql, values)
    writer_class: Any = pa.csv.CSVWriter if kind == "csv" else pa.parquet.ParquetWriter
    count = 0
    with writer_class(sink, schema) as writer:
        while batch := cursor.fetchmany(BATCH):
            count += len(batch)
            columns = zip(*batch, strict=True)
            arrays = [pa.array(cells, field.type) for cells, field in zip(columns, schema, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
    return count


def exportable_tables(db: Database) -> list[str]:
    """Return the names of the tables that can be exported."""
    sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) != 'sqlite_' ORDER BY name"
    return [str(name) for (name,) in db.execute(sql)]


def _query(db: Database, request: ExportRequest) -> tuple[str, list[Any], Any]:
    choices = exportable_tables(db)
    if request.table not in choices:
        raise BadInput(f"no table {request.table!r}; choose one of {', '.join(choices)}")
    columns = {str(row[1]): str(row[2]) for row in db.execute(f"PRAGMA table_info([{request.table}])")}
    conditions: list[str] = []
    values: list[Any] = []
    day = next((name for name in DAY_COLUMNS if name in columns), None)
    if (request.since or request.until) and day is None:
        raise BadInput(f"table {request.table} has no days; omit --since and --until")
    if request.since and request.until and request.since > request.until:
        raise BadInput(f"--since {request.since} is after --until {request.until}; swap them")
    if request.since:
        conditions.append(f"{day} >= ?")
        values.append(_day_start(request.since, str(day)))
    if request.until and request.until < date.max:  # no day comes after date.max
        conditions.append(f"{day} < ?")
        values.append(_day_start(request.until + timedelta(days=1), str(day)))
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    schema = pa.schema([(name, ARROW_TYPES.get(kind, pa.string())) for name, kind in columns.items()])
    names = ", ".join(f"[{name}]" for name in columns)
    order = f"{day}, rowid" if conditions else "rowid"
    sql = f"SELECT {names} FROM [{request.table}]{where} ORDER BY {order}"  # noqa: S608 (names are the database's own)
    return sql, values, schema


def _day_start(day: date, column: str) -> int | str:
    """Return the start of a day in the unit of a column."""
    if not column.endswith("_us"):
        return day.isoformat()
    return int(datetime.combine(day, time(), UTC).timestamp()) * 1_000_000
