"""A workspace that is used every day stays as large as `[keep]` says; a bench runs a whole year."""

import sqlite3
from contextlib import closing

from tests.daily_files import DailyFiles
from tests.flights_feed import ROW

PARTNERS, KEEP_DAYS, DAYS = 3, 5, 24


def test_var_stays_within_what_keep_says(tmp_path, start_partner):
    """Files, exchanges and runs are those of the kept days, and what was computed of all days is there.

    The one file whose row is in quarantine since the first day is still there, too: somebody has to repair it.
    """
    days = DailyFiles(tmp_path / "w", start_partner().url, PARTNERS, KEEP_DAYS)
    sizes = []
    for day in range(DAYS):
        days.pass_day(day, rows=20, bad_row="" if day else ROW.format(flight="").replace("2013,1,1", "2013,13,1"))
        sizes.append(days.size_bytes())
    kept_files = PARTNERS * (KEEP_DAYS + 1)
    assert len(days.archived()) == kept_files + 1
    assert days.archived()[-KEEP_DAYS - 2] == "P02/flights/2013-01-07.csv"
    with closing(sqlite3.connect(days.root / "var/ledger.db")) as ledger:
        assert ledger.execute("SELECT COUNT(*) FROM exchange").fetchone() == (kept_files + 1,)
        assert ledger.execute("SELECT state FROM aside").fetchall() == [("held",)]
    with closing(sqlite3.connect(days.root / "var/metrics-live.db")) as store:
        assert store.execute("SELECT COUNT(*) FROM run").fetchone()[0] <= kept_files
        assert store.execute("SELECT SUM(exchanges), COUNT(DISTINCT block) FROM run_block").fetchone() == (
            PARTNERS * DAYS,
            DAYS,
        )
    assert max(sizes[DAYS // 2 :]) < 1.25 * max(sizes[: DAYS // 2])
