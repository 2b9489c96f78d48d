"""Several attempts at one exchange in production: what they cost, and what they delivered, once."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from itertools import permutations

import pytest
from sqlite_utils import Database

from metrics.store.database import open_store, write_transaction
from metrics.store.migrations import migrations
from metrics.store.rollup import mark_abandoned, roll_up
from metrics.store.writer import insert_events


@pytest.fixture
def db(tmp_path):
    """A fresh store on the wall clock."""
    with closing(open_store(tmp_path / "metrics.db", "live")) as found:
        yield found


@pytest.fixture
def live(a_run):
    """A function that makes an attempt at an exchange in production, on the first or second day."""

    def make(exchange="1", attempt=1, outcome="done", day=1, **changes):
        block = {"block": f"2013-01-0{day}", "block_end": f"2013-01-0{day}"}
        run = a_run(attempt=attempt, outcome=outcome, mode="live", **block, **changes)
        return replace(run, key=replace(run.key, exchange_id=exchange, faults="real", series="", round=0))

    return make


def keep(db, *events):
    """Insert as a collector does, in one transaction."""
    with write_transaction(db):
        insert_events(db, events)


def rolled(db, names):
    """Columns of all rollup rows, by day and band."""
    return db.execute(f"SELECT {names} FROM run_block ORDER BY block, band").fetchall()


UNSIZED = {"records": None, "rows": {}}


@pytest.mark.parametrize("at_once", [True, False])
def test_starts_that_do_not_know_their_size_move_together(db, live, at_once):
    """However many runs leave the cell of unknown size at once, each is counted where it belongs, and nowhere else."""
    starts = [("start", live(str(n), **UNSIZED)) for n in range(3)]
    ends = [("run", live(str(n))) for n in range(3)]
    for events in [starts + ends] if at_once else [starts, ends]:
        keep(db, *events)
    assert rolled(db, "band, attempts, held") == [(1, 3, 12)]


@pytest.mark.parametrize("counted", [UNSIZED, {"records": 0, "rows": {"in": 0}}])
def test_a_failure_that_counted_nothing_costs_where_its_file_belongs(db, live, counted):
    """The size is known from another attempt, whichever is told first; the failed one's time is not left out."""
    events = [("run", live("1", outcome="failed", duration_ns=900, **counted)), ("run", live("1", 2, duration_ns=200))]
    for order in permutations(events):
        for event in order:
            keep(db, event)
        assert rolled(db, "band, busy_ns, exchanges, due, held, first_failed") == [(1, 1_100, 1, 4, 4, 1)]


def test_a_retry_on_another_day_moves_the_records_there_and_leaves_the_time(db, live):
    """Records are held once, on the day of the last attempt; each day has the time that was spent on it."""
    part = live("1", outcome="failed", duration_ns=900, rows={"in": 4, "delivered": 3, "failed": 1})
    keep(db, ("run", part))
    assert rolled(db, "block, busy_ns, exchanges, due, held") == [("2013-01-01", 900, 1, 4, 3)]
    keep(db, ("run", live("1", 2, day=2, duration_ns=200)))
    expected = [("2013-01-01", 900, 0, None, 0, 1, 1), ("2013-01-02", 200, 1, 4, 4, 0, 0)]
    assert rolled(db, "block, busy_ns, exchanges, due, held, passing, recovered") == expected


def test_a_run_of_unknown_length_counts_as_long_as_the_longest_of_its_day(db, live):
    """Who was killed took some time; to count none would flatter. The failure itself counts."""
    keep(db, ("start", live("1", **UNSIZED)), ("run", live("2", duration_ns=700)))
    with write_transaction(db):
        mark_abandoned(db, 2_000)
    keep(db, ("run", live("1", 2, duration_ns=300)))
    names = "band, attempts, exchanges, first_failed, still_failed, due, held, busy_ns"
    assert rolled(db, names) == [(1, 3, 2, 1, 0, 8, 8, 1_700)]


def test_in_whatever_order_attempts_come_they_are_counted_alike(db, live):
    """A first attempt told after the second still brings it to the size and the count that belong to it."""
    first, second = ("run", live("1", day=1)), ("run", live("1", 2, "refused", day=2, **UNSIZED))
    names = "block, band, attempts, exchanges, still_failed, held"
    expected = [("2013-01-01", 1, 1, 0, 0, 0), ("2013-01-02", 1, 1, 1, 1, 0)]
    keep(db, second)
    keep(db, first)
    assert rolled(db, names) == expected


def test_rolling_up_again_changes_nothing(db, live):
    """What one batch came to is what all of it comes to at once, late ends of given-up runs included."""
    keep(db, ("start", live("1", **UNSIZED)))
    with write_transaction(db):
        mark_abandoned(db, 2_000)
    keep(db, ("run", live("1", 2, "failed", day=2, **UNSIZED)))
    keep(db, ("run", live("1", day=1)))
    before = rolled(db, "*")
    with write_transaction(db):
        roll_up(db, [cell for (cell,) in db.execute("SELECT id FROM cell").fetchall()])
    assert rolled(db, "*") == before


@pytest.fixture
def carried_over(db, tmp_path):
    """A function that keeps events as a release without cells did, and opens its store with this one."""

    def carry(*events):
        keep(db, *events)
        names = [step.name for step in migrations.pending(Database(memory=True))]
        with closing(Database(sqlite3.connect(tmp_path / "old.db"))) as old:
            migrations.apply(old, stop_before=names[names.index("add_cells")])
            old["meta"].insert({"key": "clock", "value": "live"})
            old.execute("ATTACH ? AS new", (str(tmp_path / "metrics.db"),))
            with old.conn:
                for table in ("run", "run_block"):
                    columns = ", ".join(column.name for column in old[table].columns)
                    old.execute(f"INSERT INTO {table} ({columns}) SELECT {columns} FROM new.{table}")
                # no records were a small file, each day stood alone, and every attempt had its own records due
                old.execute("UPDATE run SET band = 0 WHERE records = 0")
                old.execute("UPDATE run_block SET band = 0, due = 99 WHERE block = '2013-01-01'")
        return open_store(tmp_path / "old.db", "live")

    return carry


def test_a_store_without_cells_is_sorted_as_if_it_were_new(db, live, carried_over):
    """Attempts of one exchange on two days come to its file's size, time on each day, and records on the last."""
    nothing = {"records": 0, "rows": {"in": 0}}
    events = [
        ("run", live("1", outcome="failed", duration_ns=900, **nothing)),
        ("run", live("1", 2, day=2, duration_ns=200)),
        ("run", live("2", outcome="failed", day=2, duration_ns=50, **nothing)),
    ]
    with closing(carried_over(*events)) as old:
        assert rolled(old, "block, band, busy_ns, exchanges, due, held, first_failed, recovered") == [
            ("2013-01-01", 1, 900, 0, None, 0, 1, 1),
            ("2013-01-02", -1, 50, 1, 0, 0, 1, 0),
            ("2013-01-02", 1, 200, 1, 4, 4, 0, 0),
        ]
        assert rolled(old, "*") == rolled(db, "*")


@pytest.mark.parametrize(
    ("touches", "expected"),
    [((0, 0), (0, 1)), ((0, 1), (1, 0)), ((0, None), (None, None)), ((None, None), (None, None))],
)
def test_nobody_noted_is_not_nobody_came(db, live, touches, expected):
    """Where it was not told who started an attempt, neither touches nor recoveries are known."""
    first, second = touches
    keep(
        db,
        ("run", live("1", outcome="due", operator_touch=first)),
        ("run", live("1", 2, operator_touch=second)),
    )
    assert rolled(db, "operator_touches, recovered") == [expected]
