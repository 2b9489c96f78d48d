"""The rollup of runs in production, also of runs that come late, out of order, or with a wrong clock."""

from dataclasses import replace
from hashlib import sha256
from itertools import permutations

import pytest

from metrics.store.rollup import mark_abandoned

HOUR_US = 3_600_000_000


@pytest.fixture
def db(a_store):
    """A fresh store on the live clock."""
    return a_store("live")


def test_in_production_delivered_rows_count_as_held(db, a_live_run, insert, rollup):
    """Due are the known records of each exchange, held the delivered rows of its last attempt; others are unknown."""
    short = {"in": 4, "delivered": 3, "quarantined": 1}
    insert(db, a_live_run("1", outcome="failed"), a_live_run("1", 2), a_live_run("2", rows=short))
    assert rollup(db, "exchanges, due, held, rows_delivered") == (2, 8, 7, 7)
    assert rollup(db, "twice, lost, foreign_held, broken, broken_due, broken_held, good_aside") == (None,) * 7


def test_a_failed_exchange_is_due_and_not_held(db, a_live_run, insert, rollup):
    """Its records were due: leaving them out would favour the subject."""
    insert(db, a_live_run("1"), a_live_run("2", outcome="failed"))
    assert rollup(db, "due, held, busy_ns") == (8, 4, 200)


def test_an_exchange_of_unknown_size_makes_its_cell_unknown(db, a_live_run, insert, rollup):
    """Due and held of its cell are unknown; other cells are not affected."""
    insert(db, a_live_run("1"), a_live_run("2", records=None))
    assert rollup(db, "due, held", "band = 1") == (4, 4)
    assert rollup(db, "due, held, busy_ns, rows_delivered", "band = -1") == (None, None, 100, 4)


def test_an_already_received_file_costs_time_and_adds_no_records(db, a_live_run, insert, rollup):
    """Its records count where it was delivered."""
    insert(db, a_live_run("1"), a_live_run("2", outcome="already_received", rows={"in": 0}, records=4))
    assert rollup(db, "exchanges, busy_ns, due, held") == (2, 200, 4, 4)


def test_in_a_replay_only_counted_holdings_are_held(a_store, a_run, a_holding, insert, rollup):
    """The count at the partner decides, and not the subject's report."""
    db = a_store("replay")
    insert(db, a_run(), replace(a_holding, held=1))
    assert rollup(db, "due, held, rows_delivered") == (4, 1, 4)


def test_imported_runs_are_counted(db, a_live_run, insert, rollup):
    """A block has the number of its runs that come from an imported log."""
    insert(db, a_live_run("1"), a_live_run("2", source="imported"), a_live_run("3", source="imported"))
    assert rollup(db, "attempts, imported") == (3, 2)


def test_the_hash_of_inputs_ignores_order_and_repetition(db, a_live_run, insert, rollup):
    """Two sides with the same files have the same hash."""
    files = [
        a_live_run("1", input_sha256="b" * 64),
        a_live_run("2", input_sha256="a" * 64),
        a_live_run("2", 2, input_sha256="a" * 64),
    ]
    insert(db, *files)
    expected = sha256(f"{'a' * 64} {'b' * 64}".encode()).hexdigest()
    assert rollup(db, "inputs_sha256") == (expected,)
    other = [replace(run, key=replace(run.key, system="monolith", level=0)) for run in (files[1], files[0])]
    insert(db, *other)
    assert rollup(db, "inputs_sha256", "system = 'monolith'") == (expected,)


def test_a_run_without_input_hash_makes_the_inputs_unknown(db, a_live_run, insert, rollup):
    """It is unknown whether both sides had the same files."""
    insert(db, a_live_run("1", input_sha256="a" * 64), a_live_run("2"))
    assert rollup(db, "inputs_sha256") == (None,)


def test_the_delay_ends_with_the_delivery(db, a_live_run, insert, rollup):
    """It lasts from due until the end of the delivering attempt; a failed attempt has none."""
    waited = [a_live_run(str(n), due_at_us=1_000, started_at_us=1_000 + n, duration_ns=5_000) for n in (1, 2, 3)]
    failed = a_live_run("4", outcome="failed", due_at_us=1_000, started_at_us=9_000_000, duration_ns=5_000)
    insert(db, *(run for run in (*waited, failed)))
    assert rollup(db, "delay_p50_us, delay_p95_us") == (7, 8)


def test_a_clock_set_back_changes_no_count(db, a_live_run, insert, rollup):
    """A start before the file was due, or before an earlier attempt, is stored as it came."""
    early = a_live_run("1", outcome="due", due_at_us=5 * HOUR_US, started_at_us=2 * HOUR_US, duration_ns=0)
    earlier = a_live_run("1", 2, due_at_us=5 * HOUR_US, started_at_us=HOUR_US, duration_ns=1_000)
    insert(db, early, earlier)
    names = "attempts, exchanges, first_failed, still_failed, passing, recovered, busy_ns, delay_p50_us"
    assert rollup(db, names) == (2, 1, 1, 0, 1, 1, 1_000, 1 - 4 * HOUR_US)
    assert rollup(db, "first_started_at_us, last_started_at_us") == (HOUR_US, 2 * HOUR_US)


def test_the_order_of_events_makes_no_difference(a_store, a_live_run, insert):
    """Ends before starts, and second attempts before first ones, give the same store."""
    first, second = a_live_run("1", outcome="failed", started_at_us=10), a_live_run("1", 2, started_at_us=20)
    starts = [("start", replace(run, records=None)) for run in (first, second)]
    contents = set()
    for number, order in enumerate(permutations([first, second, *starts])):
        db = a_store("live", f"{number}.db")
        for event in order:
            insert(db, event)
        runs = db.execute("SELECT attempt, outcome, band, duration_ns FROM run ORDER BY attempt").fetchall()
        contents.add((*runs, *db.execute("SELECT * FROM run_block").fetchall()))
    assert len(contents) == 1
    ((*runs, block),) = contents
    assert runs == [(1, "failed", 1, 100), (2, "done", 1, 100)]
    assert block.count("service") == 1


def test_late_events_update_their_old_block(db, a_live_run, insert, rollup):
    """Events that come years late count in their own block; other blocks stay."""
    old = {"block": "2011-05-01", "block_end": "2011-05-01"}
    insert(db, a_live_run("1", **old), a_live_run("2"))
    untouched = db.execute("SELECT * FROM run_block WHERE block != '2011-05-01'").fetchall()
    insert(db, a_live_run("3", **old), a_live_run("1", **old))
    assert rollup(db, "attempts, exchanges, held", "block = '2011-05-01'") == (2, 2, 8)
    assert db.execute("SELECT * FROM run_block WHERE block != '2011-05-01'").fetchall() == untouched


def test_the_cell_that_a_run_leaves_is_rolled_up_too(db, a_live_run, insert, rollup):
    """A run that was abandoned in one stratum and ends in another counts only in the second."""
    insert(db, ("start", a_live_run("1", started_at_us=10, records=None)), a_live_run("2", records=None))
    mark_abandoned(db, 15)
    assert rollup(db, "attempts", "band = -1") == (2,)
    insert(db, a_live_run("1", started_at_us=10))
    assert rollup(db, "attempts, still_failed", "band = -1") == (1, 0)
    assert rollup(db, "attempts, still_failed", "band = 1") == (1, 0)
