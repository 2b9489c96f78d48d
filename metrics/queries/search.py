"""Search for runs by the name of their file, or by the id of their exchange.

Both are found by the beginning of the text, through an index, so that the time does not grow with the number of runs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metrics.queries.run_grid import list_sides

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlite_utils import Database

#: The index of file names; a store that only older releases have written has none.
FILE_INDEX = "run_file"

#: The greatest character: every text that begins with a prefix is at most the prefix and this.
LAST_CHARACTER = "\U0010ffff"

#: Rounds of a series in which exchanges are looked up, the newest first.
MAX_ROUNDS = 50

#: Runs that are looked at for one beginning of an exchange id.
MAX_RUNS = 1_000


@dataclass(frozen=True, slots=True)
class FileMatch:
    """A file of a partner: its name, and its newest run."""

    partner: str
    file: str
    newest_run: int


def has_file_index(db: Database) -> bool:
    """Return whether files can be found by their name."""
    return db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (FILE_INDEX,)).fetchone() is not None


def find_files(db: Database, prefix: str, partners: Sequence[str], limit: int) -> tuple[FileMatch, ...]:
    """Return files whose name begins with a text, in any case, by name; the first `limit` of these partners.

    Names that differ only in case are one file. Each file costs one look-up in the index `run_file`.
    """
    sql = """
    WITH RECURSIVE of_partner (partner, file) AS (
      SELECT value, (SELECT file FROM run WHERE partner = value AND file COLLATE NOCASE >= :first
                     AND file COLLATE NOCASE <= :last ORDER BY file COLLATE NOCASE LIMIT 1) FROM json_each(:partners)
      UNION ALL
      SELECT partner, (SELECT run.file FROM run WHERE run.partner = of_partner.partner
                       AND run.file COLLATE NOCASE > of_partner.file AND run.file COLLATE NOCASE <= :last
                       ORDER BY run.file COLLATE NOCASE LIMIT 1)
      FROM of_partner WHERE file IS NOT NULL
      ORDER BY 2 COLLATE NOCASE LIMIT :most + json_array_length(:partners)  -- each partner ends in NULL, which is first
    )
    SELECT partner, file FROM of_partner WHERE file IS NOT NULL ORDER BY file COLLATE NOCASE, partner LIMIT :most
    """
    values = {
        "first": prefix,
        "last": prefix + LAST_CHARACTER,
        "most": limit,
        "partners": json.dumps(list(partners)),
    }
    newest = "SELECT MAX(id) FROM run WHERE partner = ? AND file = ? COLLATE NOCASE"
    return tuple(
        FileMatch(partner, file, db.execute(newest, (partner, file)).fetchone()[0])
        for partner, file in db.execute(sql, values).fetchall()
    )


def runs_of_file(db: Database, partner: str, file: str, limit: int) -> tuple[int, ...]:
    """Return the ids of the newest runs of a file, in any case of its name, the newest first."""
    sql = (
        "SELECT id FROM run WHERE partner = ? AND file = ? COLLATE NOCASE ORDER BY started_at_us DESC, id DESC LIMIT ?"
    )
    return tuple(number for (number,) in db.execute(sql, (partner, file, limit)).fetchall())


def find_exchanges(db: Database, prefix: str, limit: int) -> tuple[int, ...]:
    """Return the newest attempt of each exchange whose id begins with a text, as ids of runs, by exchange id.

    The unique index of runs has the id after side, faults, series and round, so it is looked up under each of them.
    """
    sides = json.dumps([list(side) for side in list_sides(db)])
    sql = """
    SELECT MAX(id) FROM (
      SELECT run.id, run.exchange_id, run.system, run.level, run.series, run.round FROM json_each(:sides) AS side
      CROSS JOIN series ON series.faults = side.value ->> 2
      CROSS JOIN (WITH RECURSIVE n (k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM n WHERE k < :rounds) SELECT k FROM n)
      CROSS JOIN run
        ON run.system = side.value ->> 0 AND run.level = side.value ->> 1 AND run.mode = series.mode
        AND run.faults = series.faults AND run.series = series.series AND run.round = series.last_round - k
        AND run.exchange_id >= :first AND run.exchange_id <= :last
      WHERE k <= series.last_round LIMIT :looked_at
    )
    GROUP BY exchange_id, system, level, series, round ORDER BY exchange_id, MAX(id) DESC LIMIT :most
    """
    values = {
        "sides": sides,
        "first": prefix,
        "last": prefix + LAST_CHARACTER,
        "rounds": MAX_ROUNDS,
        "looked_at": MAX_RUNS,
        "most": limit,
    }
    return tuple(number for (number,) in db.execute(sql, values).fetchall())
