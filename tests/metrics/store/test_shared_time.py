"""Attempts of one process that run at the same time share the time: none of it counts twice."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.store.shared_time import Attempt, share_time

#: Start in microseconds, duration in nanoseconds and the blocked part of attempts.
SPANS = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 500), st.floats(0, 1)), max_size=12)


@pytest.fixture
def db(a_store):
    """A fresh store on the live clock."""
    return a_store("live")


@pytest.fixture
def busy(db):
    """A function that returns the busy nanoseconds of all rollups."""
    return lambda: db.execute("SELECT SUM(busy_ns) FROM run_block").fetchone()[0]


@pytest.fixture
def lane_run(a_live_run):
    """A function that makes a run of a process: its exchange, start and length in microseconds."""

    def make(exchange, start_us, length_us, process="serve-1", **changes):
        run = a_live_run(exchange, started_at_us=start_us, duration_ns=length_us * 1000, **changes)
        return ("run", run, process)

    return make


def attempts(*spans):
    """Attempts of (start in us, duration in us, blocked in us)."""
    return [
        Attempt(i, start, length * 1000, blocked * 1000, None, 1) for i, (start, length, blocked) in enumerate(spans)
    ]


@pytest.mark.parametrize(
    ("spans", "shares_us"),
    [
        ([(0, 10, 0), (10, 10, 0)], [None, None]),
        ([(0, 10, 4)], [None]),
        ([(0, 10, 0), (0, 10, 0)], [5, 5]),
        ([(0, 10, 0), (5, 10, 0)], [7.5, 7.5]),
        ([(0, 12, 0), (0, 12, 0), (0, 12, 0)], [4, 4, 4]),
        ([(0, 10, 0), (2, 4, 0)], [8, 2]),
        ([(0, 10, 10), (0, 10, 0)], [0, 10]),
        ([(0, 10, 5), (0, 10, 5)], [5, 5]),
        ([(0, 10, 0), (20, 10, 0), (25, 10, 0)], [None, 7.5, 7.5]),
        ([(0, 10, 0), (5, 0, 0)], [None, None]),
    ],
)
def test_each_instant_is_shared_equally(spans, shares_us):
    """A blocked attempt takes nothing from the others, and an attempt that ran alone keeps its own time."""
    shares = share_time(attempts(*spans)).values()
    assert list(shares) == [None if share is None else share * 1000 for share in shares_us]


@given(SPANS)
def test_the_shares_add_up_to_the_wall_time(spans):
    """Without blocked time the sum over attempts is the length of all instants at which any ran."""
    runs = [Attempt(i, start, length * 1000, 0, None, 1) for i, (start, length, _) in enumerate(spans)]
    total = sum(
        run.duration_ns if share is None else share for run, share in zip(runs, share_time(runs).values(), strict=True)
    )
    instants = {us for start, length, _ in spans for us in range(start, start + length)}
    assert total == pytest.approx(len(instants) * 1000, abs=len(spans))


@given(SPANS)
def test_a_share_is_never_more_than_the_time_of_the_attempt(spans):
    """Nor is it negative, nor is the sum more than the wall time, whatever was blocked."""
    runs = [
        Attempt(i, start, length * 1000, int(length * 1000 * part), None, 1)
        for i, (start, length, part) in enumerate(spans)
    ]
    own = {run.id: run.duration_ns - run.blocked_ns for run in runs}
    shares = {i: own[i] if share is None else share for i, share in share_time(runs).items()}
    assert all(0 <= shares[i] <= own[i] + 1 for i in own)
    instants = {us for start, length, _ in spans for us in range(start, start + length)}
    assert sum(shares.values()) <= len(instants) * 1000 + len(spans)


def test_two_lanes_never_count_one_second_twice(db, insert, busy, lane_run):
    """Runs of one process that overlap count the wall time; those of two processes count each."""
    insert(db, lane_run("1", 0, 100), lane_run("2", 50, 100, partner="B6"))
    assert busy() == 150_000
    insert(db, lane_run("3", 0, 100, process="run-2"))
    assert busy() == 250_000


@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
def test_the_order_in_which_runs_are_collected_does_not_matter(db, insert, busy, lane_run, order):
    """Earlier runs of other feeds and days are shared and rolled up again."""
    runs = [lane_run("1", 0, 100), lane_run("2", 50, 100, partner="B6"), lane_run("3", 140, 20, day=2),
            lane_run("4", 1000, 10)]  # fmt: skip
    for number in order:
        insert(db, runs[number])
    shares = dict(db.execute("SELECT exchange_id, shared_ns FROM run").fetchall())
    assert shares == {"1": 75_000, "2": 70_000, "3": 15_000, "4": None}
    assert busy() == 170_000


def test_runs_without_a_process_or_of_a_replay_keep_their_time(db, a_store, insert, busy, lane_run, a_run, a_holding):
    """Imported runs have no process, and a replay measures one exchange after another."""
    insert(db, *(lane_run(name, 0, 100)[:2] for name in "12"))
    assert busy() == 200_000
    replay = a_store("replay", "replay.db")
    insert(replay, ("run", a_run(1), "p"), ("run", a_run(2), "p"), a_holding)
    assert replay.execute("SELECT SUM(busy_ns) FROM run_block").fetchone() == (200,)


def test_a_start_and_a_killed_run_share_nothing(db, insert, busy, lane_run):
    """Their duration is unknown; the end that comes later is shared."""
    start = lane_run("1", 0, 100)
    insert(db, ("start", *start[1:]), lane_run("2", 0, 100))
    assert busy() == 100_000
    insert(db, start)
    assert busy() == 100_000
    assert db.execute("SELECT SUM(shared_ns) FROM run").fetchone() == (100_000,)
