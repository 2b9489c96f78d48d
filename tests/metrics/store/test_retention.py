"""Old runs are removed, and what was computed from them stays."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from metrics.store.database import write_transaction
from metrics.store.retention import remove_old_runs
from metrics.store.rollup import mark_abandoned

DAY_US = 86_400_000_000


@pytest.fixture
def db(a_store, a_live_run, insert):
    """A store on the live clock with runs of two days: two of the first one, a failed and a good one, and one later."""
    db = a_store("live")
    insert(db, a_live_run("1", outcome="failed"), a_live_run("1", 2), on_day(a_live_run("2"), 10))
    return db


def on_day(run, days):
    """Return a run of a block some days later."""
    day = date.fromisoformat(run.block) + timedelta(days=days)
    return replace(
        run,
        block=day.isoformat(),
        block_end=day.isoformat(),
        due_at_us=run.due_at_us + days * DAY_US,
        started_at_us=run.started_at_us + days * DAY_US,
    )


def rollups(db):
    """All rows that milestones are judged by."""
    return db.execute("SELECT * FROM run_block ORDER BY block").fetchall()


def runs(db):
    """The exchanges and attempts of the runs in the store."""
    return db.execute("SELECT exchange_id, attempt FROM run ORDER BY started_at_us, attempt").fetchall()


def kept_from(db):
    """The day after the first block."""
    ((day,),) = db.execute("SELECT MIN(block_end) FROM run").fetchall()
    return date.fromordinal(date.fromisoformat(day).toordinal() + 1)


def test_old_runs_go_and_their_rollup_stays(db):
    """Both attempts of the first day are removed, also from the counts of lists; the verdicts' numbers are the same."""
    before, day = rollups(db), kept_from(db)
    assert len(before) == 2
    assert remove_old_runs(db, day, dry_run=True) == 2
    assert len(runs(db)) == 3
    assert remove_old_runs(db, day, dry_run=False) == 2
    assert runs(db) == [("2", 1)]
    assert rollups(db) == before
    assert db.execute("SELECT SUM(runs) FROM tally").fetchone() == (1,)
    assert remove_old_runs(db, day, dry_run=False) == 0


def test_a_late_run_of_a_removed_day_does_not_replace_its_rollup(db, a_live_run, insert):
    """It is listed; the runs that it would be counted with are gone."""
    before, day = rollups(db), kept_from(db)
    remove_old_runs(db, day, dry_run=False)
    insert(db, a_live_run("3"), on_day(a_live_run("4"), 10))
    assert rollups(db)[0] == before[0]
    assert rollups(db)[1] != before[1]
    assert [key for key, _ in runs(db)] == ["3", "2", "4"]


def test_a_day_with_a_run_under_way_stays(db, a_live_run, insert):
    """Its end is still to come; once it counts as abandoned, it is removed."""
    day = kept_from(db)
    insert(db, a_live_run("5", outcome="running"))
    assert remove_old_runs(db, day, dry_run=False) == 0
    with write_transaction(db):
        mark_abandoned(db, 1 << 62)
    assert remove_old_runs(db, day, dry_run=False) == 3
