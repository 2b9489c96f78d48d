"""Files of flights for the exchange bench: unchanged, moved to other years, cut, or with broken rows."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from poc.ledger.opening import open_ledger

if TYPE_CHECKING:
    from pathlib import Path

#: The number of years that `variant` can move flights to.
VARIANTS = 4000


def variant(source: bytes, number: int) -> bytes:
    """Return the same flights in other years, so that no file was received before and no flight occurs twice."""
    # in UTC, the last evening of the year is in the next one
    year = 1000 + 2 * (number % VARIANTS)
    return source.replace(b",2013-", b",%d-" % year).replace(b",2014-", b",%d-" % (year + 1))


def first_rows(source: bytes, rows: int) -> bytes:
    """Return the header and this many rows."""
    return b"\n".join(source.split(b"\n", rows + 1)[: rows + 1]) + b"\n"


def slices(source: bytes, files: int, rows: int) -> list[bytes]:
    """Return the first flights as that many files of as many rows."""
    header, *lines = first_rows(source, files * rows).splitlines()
    return [b"\n".join((header, *lines[start : start + rows], b"")) for start in range(0, files * rows, rows)]


def write_years(path: Path, source: bytes, years: int) -> None:
    """Write one file with that many years of flights."""
    header = source.index(b"\n") + 1
    with path.open("wb") as file:
        file.write(source[:header])
        for number in range(years):
            file.write(variant(source[header:], number))


def with_bad_rows(source: bytes, every: int = 5) -> bytes:
    """The file with each fifth row broken: too short, too long, badly quoted, undecodable, of wrong types or values."""
    header, *rows = source.splitlines()
    for number in range(0, len(rows), every):
        cells = rows[number].split(b",")
        match number // every % 6:
            case 0:
                cells.pop()
            case 1:
                cells.append(b"x")
            case 2:
                cells[3] = b'x"'
            case 3:
                cells[3] = b"\xff"
            case 4:
                cells[0] = b"year"
            case 5:
                cells[1] = b"13"
        rows[number] = b",".join(cells)
    return b"\n".join((header, *rows, b""))


def breaches(source: bytes) -> dict[str, bytes]:
    """Return files that differ from a good one by one breach of the contract, each of another kind."""
    header, *rows = first_rows(source, 50).splitlines()
    columns = header.split(b",")

    def with_cell(name: bytes, value: bytes) -> bytes:
        cells = rows[20].split(b",")
        cells[columns.index(name)] = value
        return b"\n".join((header, *rows[:20], b",".join(cells), *rows[21:], b""))

    return {
        "a month of 13": with_cell(b"month", b"13"),
        "a text for a number": with_cell(b"year", b"year"),
        "a time in another format": with_cell(b"time_hour", b"yesterday"),
        "an unknown carrier": with_cell(b"carrier", b"ZZ"),
        "a tail number of digits": with_cell(b"tailnum", b"12345"),
        "no origin": with_cell(b"origin", b"NA"),
        "a flight twice": b"\n".join((header, *rows, rows[20], b"")),
    }


def full_ledger(folder: Path, entries: int) -> None:
    """Make a ledger with this many exchanged files."""
    with closing(open_ledger(folder / "ledger.db")):
        pass
    with closing(sqlite3.connect(folder / "ledger.db")) as db, db:
        db.execute(
            "INSERT INTO exchange (id, partner, feed, sha256, file, size_bytes, attempt, outcome, opened_at_us,"
            " closed_at_us, rows_in, rows_delivered, whole) "
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "SELECT lower(hex(randomblob(12))), 'UA', 'flights', lower(hex(randomblob(32))), 'f' || i || '.csv', 9000,"
            " 1, 'done', i, i, 100, 100, 1 FROM n",
            (entries,),
        )
