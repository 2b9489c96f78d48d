"""Several attempts at one exchange in production: all their time counts, and their records count once."""

import sqlite3
from contextlib import closing
from itertools import permutations

import pytest
from sqlite_utils import Database

from metrics.store.database import open_store, write_transaction
from metrics.store.migrations import migrations
from metrics.store.rollup import mark_abandoned, roll_up


@pytest.fixture
def db(a_store):
    """A fresh store on the live clock."""
    return a_store("live")


def rollups(db, names):
    """Return columns of all rollup rows, by day and band."""
    return db.execute(f"SELECT {names} FROM run_block ORDER BY block, band").fetchall()


UNSIZED = {"records": None, "rows": {}}


@pytest.mark.parametrize("at_once", [True, False])
def test_starts_of_unknown_size_move_to_the_right_cell(db, a_live_run, insert, at_once):
    """Each run that leaves the cell of unknown size counts in its own cell, and in no other."""
    starts = [("start", a_live_run(str(n), **UNSIZED)) for n in range(3)]
    ends = [a_live_run(str(n)) for n in range(3)]
    for events in [starts + ends] if at_once else [starts, ends]:
        insert(db, *events)
    assert rollups(db, "band, attempts, held") == [(1, 3, 12)]


@pytest.mark.parametrize("counted", [UNSIZED, {"records": 0, "rows": {"in": 0}}])
def test_a_failure_without_a_count_costs_time_in_the_stratum_of_its_file(db, a_live_run, insert, counted):
    """The size is known from another attempt, whichever comes first; the time of the failed one counts."""
    events = [a_live_run("1", outcome="failed", duration_ns=900, **counted), a_live_run("1", 2, duration_ns=200)]
    for order in permutations(events):
        for event in order:
            insert(db, event)
        assert rollups(db, "band, busy_ns, exchanges, due, held, first_failed") == [(1, 1_100, 1, 4, 4, 1)]


def test_a_retry_on_another_day_moves_the_records_and_not_the_time(db, a_live_run, insert):
    """Records are held once, on the day of the last attempt; each day keeps the time spent on it."""
    part = a_live_run("1", outcome="failed", duration_ns=900, rows={"in": 4, "delivered": 3, "failed": 1})
    insert(db, part)
    assert rollups(db, "block, busy_ns, exchanges, due, held") == [("2013-01-01", 900, 1, 4, 3)]
    insert(db, a_live_run("1", 2, day=2, duration_ns=200))
    expected = [("2013-01-01", 900, 0, None, 0, 1, 1), ("2013-01-02", 200, 1, 4, 4, 0, 0)]
    assert rollups(db, "block, busy_ns, exchanges, due, held, passing, recovered") == expected


def test_a_run_of_unknown_duration_counts_as_the_longest_of_its_day(db, a_live_run, insert):
    """To count no time for a killed run would favour the subject. The failure itself counts too."""
    insert(db, ("start", a_live_run("1", **UNSIZED)), a_live_run("2", duration_ns=700))
    with write_transaction(db):
        mark_abandoned(db, 2_000)
    insert(db, a_live_run("1", 2, duration_ns=300))
    names = "band, attempts, exchanges, first_failed, still_failed, due, held, busy_ns"
    assert rollups(db, names) == [(1, 3, 2, 1, 0, 8, 8, 1_700)]


def test_the_order_of_attempts_makes_no_difference(db, a_live_run, insert):
    """A first attempt that comes after the second still gives it its size and its count."""
    first, second = a_live_run("1", day=1), a_live_run("1", 2, "refused", day=2, **UNSIZED)
    names = "block, band, attempts, exchanges, still_failed, held"
    expected = [("2013-01-01", 1, 1, 0, 0, 0), ("2013-01-02", 1, 1, 1, 1, 0)]
    insert(db, second)
    insert(db, first)
    assert rollups(db, names) == expected


def test_rolling_up_again_changes_nothing(db, a_live_run, insert):
    """Batches and a full rebuild give the same rollup, with late ends of abandoned runs too."""
    insert(db, ("start", a_live_run("1", **UNSIZED)))
    with write_transaction(db):
        mark_abandoned(db, 2_000)
    insert(db, a_live_run("1", 2, "failed", day=2, **UNSIZED))
    insert(db, a_live_run("1", day=1))
    before = rollups(db, "*")
    with write_transaction(db):
        roll_up(db, [cell for (cell,) in db.execute("SELECT id FROM cell").fetchall()])
    assert rollups(db, "*") == before


@pytest.fixture
def migrated_store(db, insert, tmp_path):
    """A function that stores events as a release without cells did, and opens that store with this release."""

    def migrate(*events):
        insert(db, *events)
        names = [step.name for step in migrations.pending(Database(memory=True))]
        with closing(Database(sqlite3.connect(tmp_path / "old.db"))) as old:
            migrations.apply(old, stop_before=names[names.index("add_cells")])
            old["meta"].insert({"key": "clock", "value": "live"})
            old.execute("ATTACH ? AS new", (str(tmp_path / "metrics.db"),))
            with old.conn:
                for table in ("run", "run_block"):
                    columns = ", ".join(column.name for column in old[table].columns)
                    old.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM new.{table}")
                # that release put files without records into the smallest band, and counted each day separately
                old.execute("UPDATE run SET band = 0 WHERE records = 0")
                old.execute("UPDATE run_block SET band = 0, due = 99 WHERE block = '2013-01-01'")
        return open_store(tmp_path / "old.db", "live")

    return migrate


def test_a_store_without_cells_is_sorted_like_a_new_one(db, a_live_run, migrated_store):
    """Attempts on two days get the size of their file: time counts on each day, and records on the last."""
    nothing = {"records": 0, "rows": {"in": 0}}
    events = [
        a_live_run("1", outcome="failed", duration_ns=900, **nothing),
        a_live_run("1", 2, day=2, duration_ns=200),
        a_live_run("2", outcome="failed", day=2, duration_ns=50, **nothing),
    ]
    with closing(migrated_store(*events)) as old:
        assert rollups(old, "block, band, busy_ns, exchanges, due, held, first_failed, recovered") == [
            ("2013-01-01", 1, 900, 0, None, 0, 1, 1),
            ("2013-01-02", -1, 50, 1, 0, 0, 1, 0),
            ("2013-01-02", 1, 200, 1, 4, 4, 0, 0),
        ]
        assert rollups(old, "*") == rollups(db, "*")


@pytest.mark.parametrize(
    ("touches", "expected"),
    [((0, 0), (0, 1)), ((0, 1), (1, 0)), ((0, None), (None, None)), ((None, None), (None, None))],
)
def test_an_unknown_touch_is_not_no_touch(db, a_live_run, insert, touches, expected):
    """If it is unknown who started an attempt, touches and recoveries are unknown too."""
    first, second = touches
    insert(
        db,
        a_live_run("1", outcome="due", operator_touch=first),
        a_live_run("1", 2, operator_touch=second),
    )
    assert rollups(db, "operator_touches, recovered") == [expected]
