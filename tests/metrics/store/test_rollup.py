"""The rollup sums attempts, failures, recoveries and records of a block, side and stratum."""

from dataclasses import replace

import pytest

from metrics.store.rollup import mark_abandoned


@pytest.fixture
def db(a_store):
    """A fresh store on the replayed clock."""
    return a_store("replay")


def test_busy_time_is_that_of_all_attempts_without_blocked_time(db, a_run, a_holding, insert):
    """Failed attempts cost time; time-outs are separate; records count once, however many copies are held."""
    failed = a_run(outcome="failed", duration_ns=1_000, blocked_ns=900)
    insert(db, failed, a_run(attempt=2, duration_ns=50), a_holding)
    (row,) = db.query("SELECT * FROM run_block")
    assert (row["busy_ns"], row["blocked_ns"], row["attempts"], row["exchanges"]) == (150, 900, 2, 1)
    assert (row["due"], row["held"], row["twice"]) == (4, 4, 2)
    assert (row["first_failed"], row["still_failed"]) == (1, 0)
    assert (row["rows_in"], row["rows_delivered"], row["rows_failed"]) == (4, 4, 0)


@pytest.mark.parametrize("outcome", ["failed", "refused", "abandoned", "due", "ambiguous"])
def test_every_incomplete_outcome_is_a_failure(db, a_run, insert, outcome, rollup):
    """It counts as failed at the first attempt, and at the last until a later one succeeds."""
    insert(db, a_run(outcome=outcome, mode="live"))
    assert rollup(db, "first_failed, still_failed") == (1, 1)
    insert(db, a_run(attempt=2, mode="live"))
    assert rollup(db, "first_failed, still_failed") == (1, 0)


@pytest.mark.parametrize(
    ("attempts", "passing", "recovered"),
    [
        ([("done", 0)], 0, 0),
        ([("due", 0), ("done", 0)], 1, 1),
        ([("due", 0), ("due", 0), ("already_received", 0)], 1, 1),
        ([("failed", 0), ("done", 1)], 1, 0),
        ([("due", 0), ("failed", 0), ("done", 1)], 1, 0),
        ([("abandoned", 0), ("done", 1)], 1, 0),
        ([("due", 0)], 1, 0),
        ([("ambiguous", 0)], 1, 0),
        ([("refused", 0), ("done", 1)], 0, 0),
        ([("refused", 0), ("failed", 1), ("done", 1)], 0, 0),
    ],
)
def test_an_exchange_recovers_if_completed_without_a_touch(db, a_run, insert, attempts, passing, recovered, rollup):
    """Its first failure was passing, it was completed, and no person started an attempt."""
    events = [
        a_run(attempt=n, outcome=outcome, operator_touch=touch, mode="live")
        for n, (outcome, touch) in enumerate(attempts, 1)
    ]
    insert(db, *events)
    assert rollup(db, "passing, recovered") == (passing, recovered)


def test_recoveries_are_counted_by_exchange_and_round(db, a_run, a_holding, insert, rollup):
    """An exchange that recovered in one of two rounds is two exchanges, one of them recovered."""
    runs = [a_run(1, "due"), a_run(2), a_run(1, "due", number=2), a_run(2, number=2, operator_touch=1)]
    insert(db, *runs, *(replace(a_holding, round=n) for n in (1, 2)))
    assert rollup(db, "passing, recovered") == (2, 1)


def test_due_rows_beside_broken_rows_are_counted(db, a_run, a_holding, insert, rollup):
    """A file without broken rows adds none; good quarantined rows are summed over all files."""
    other = replace(a_holding, file="b.csv", due=5, held=4, broken=2, good_aside=1)
    insert(db, a_run(), replace(a_holding, good_aside=2), other)
    names = "due, held, broken, broken_due, broken_held, good_aside"
    assert rollup(db, names) == (9, 8, 2, 5, 4, 3)


def test_a_copy_of_a_received_file_is_an_exchange(db, a_run, insert):
    """It counts as one exchange, like a file that is delivered again."""
    again = a_run(mode="live", outcome="already_received", rows={"in": 0})
    insert(db, a_run(mode="live"), replace(again, key=replace(again.key, exchange_id="AA/f/b.csv")))
    (row,) = db.query("SELECT exchanges, first_failed, rows_in, rows_delivered FROM run_block")
    assert row == {"exchanges": 2, "first_failed": 0, "rows_in": 4, "rows_delivered": 4}


def test_percentiles_are_nearest_rank(db, a_run, insert):
    """The median and the 95th percentile are durations of measured runs."""
    insert(db, *(a_run(attempt=n, duration_ns=n * 10, mode="live") for n in range(1, 21)))
    (row,) = db.query("SELECT duration_p50_ns, duration_p95_ns FROM run_block")
    assert row == {"duration_p50_ns": 100, "duration_p95_ns": 190}


def test_a_run_without_an_end_is_abandoned_after_the_limit(db, a_run, insert):
    """An older start is a failure of unknown duration; a younger one is left."""
    first = a_run(started_at_us=10, mode="live", records=0)
    insert(db, ("start", first), ("start", a_run(attempt=2, started_at_us=20, mode="live")))
    mark_abandoned(db, 15)
    assert [row["outcome"] for row in db.query("SELECT outcome FROM run ORDER BY attempt")] == ["abandoned", "running"]
    (row,) = db.query("SELECT attempts, first_failed, duration_p50_ns FROM run_block")
    assert row == {"attempts": 1, "first_failed": 1, "duration_p50_ns": None}


def test_a_late_end_replaces_an_abandoned_run(db, a_run, insert):
    """The run counts as it ended, in the stratum of its rows and in no other."""
    insert(db, ("start", a_run(started_at_us=10, mode="live", records=0)))
    mark_abandoned(db, 15)
    insert(db, a_run(started_at_us=10, mode="live", records=500, duration_ns=7_000))
    rows = list(db.query("SELECT band, attempts, first_failed, busy_ns FROM run_block"))
    assert rows == [{"band": 4, "attempts": 1, "first_failed": 0, "busy_ns": 7_000}]


def test_an_interrupted_round_does_not_count(db, a_run, a_holding, insert):
    """Runs of a round without holdings add no time; they do once the holdings are stored."""
    insert(db, a_run(), a_holding, a_run(number=2, duration_ns=9_000))
    assert [tuple(row.values()) for row in db.query("SELECT rounds, busy_ns, held FROM run_block")] == [(1, 100, 4)]
    insert(db, replace(a_holding, round=2))
    assert [tuple(row.values()) for row in db.query("SELECT rounds, busy_ns, held FROM run_block")] == [(2, 9_100, 8)]
