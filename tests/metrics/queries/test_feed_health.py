"""Health of feeds: each state follows the rule in the docstring of the module."""

from contextlib import closing
from dataclasses import replace

import pytest

from metrics.queries.feed_health import feed_states
from metrics.queries.run_filter import RunFilter
from metrics.queries.runs import count_runs
from metrics.store.database import open_store
from metrics.store.writer import insert_events

DAY_US = 86_400_000_000


@pytest.fixture
def db(tmp_path):
    """A fresh store of production."""
    with closing(open_store(tmp_path / "metrics.db", "live")) as store:
        yield store


@pytest.fixture
def exchanges(a_run):
    """A function that makes exchanges of one feed, one a day from day 0 on, by outcome: `done`, `failed+done`, ..."""

    def make(*outcomes, feed="f", level=1):
        for day, outcome in enumerate(outcomes):
            for attempt, end in enumerate(outcome.split("+"), 1):
                run = a_run(attempt, end, mode="live", feed=feed, file=f"{day}.csv")
                key = replace(run.key, level=level, faults="real", series="", round=0, exchange_id=f"{feed}{day}")
                yield replace(
                    run, key=key, block=f"1970-01-{day + 1:02}", block_end=f"1970-01-{day + 1:02}",
                    due_at_us=day * DAY_US, started_at_us=day * DAY_US + attempt * 3_000_000_000,
                    duration_ns=None if end == "running" else 600_000_000_000,
                )  # fmt: skip

    return make


def state_after(db, events, now_days):
    """Insert events and return the state of the only feed."""
    with db.atomic():
        insert_events(db, [("start" if event.duration_ns is None else "run", event) for event in events])
    (state,) = feed_states(db, "live", "real", int(now_days * DAY_US))
    return state


GOOD = ("done",) * 6


@pytest.mark.parametrize(
    ("outcomes", "now_days", "state", "why"),
    [
        (GOOD, 6, "on_time", "files come as usual"),
        ((*GOOD, "failed+done"), 6.5, "on_time", "files come as usual"),
        ((*GOOD, "refused"), 6.5, "action_needed", "6.csv ended refused; none has gone through since"),
        ((*GOOD, "failed", "ambiguous"), 7.5, "action_needed", "7.csv ended ambiguous, as did 1 before it"),
        ((*GOOD, "failed", "due"), 7.5, "action_needed", "6.csv ended failed"),
        ((*GOOD, "abandoned", "done"), 7.5, "on_time", "files come as usual"),
        ((*GOOD, "due"), 6.5, "late", "the file 6.csv failed and is tried again by itself"),
        ((*GOOD, "running"), 6.01, "on_time", "files come as usual"),
        ((*GOOD, "running"), 6.5, "late", "the file 6.csv is under way, 12 hours after it came; usual is 1 hour"),
        (GOOD, 8, "on_time", "files come as usual"),
        (GOOD, 8.1, "not_arriving", "nothing has come for 3 days; files usually come every 1 day"),
        ((*GOOD, "failed"), 99, "action_needed", "6.csv ended failed"),
        (GOOD[:4], 99, "too_little", "4 exchanges so far; 5 tell what is usual"),
        (("done",), 1, "too_little", "1 exchange so far"),
        (("failed",), 1, "action_needed", "0.csv ended failed"),
    ],
)
def test_the_first_rule_that_applies_gives_the_state(db, exchanges, outcomes, now_days, state, why):
    """The state, its reason, and since when, where the feed is in trouble."""
    health = state_after(db, exchanges(*outcomes), now_days)
    assert health.state == state
    assert health.why.startswith(why)
    assert (health.since_us is None) == (state in {"on_time", "too_little"})


def test_a_feed_has_its_counts_and_times(db, exchanges):
    """Runs and exchanges as lists count them, the last success, and the usual gap and delays."""
    state = state_after(db, exchanges(*GOOD, "failed+done", "failed"), 8)
    assert (state.runs, state.exchanges, state.failed, state.side) == (9, 8, 1, "service@1")
    of_feed = {"sides": (state.side,), "partners": ("AA",), "feeds": ("f",)}
    lists = (
        RunFilter(**of_feed),
        RunFilter(**of_feed, attempt="last"),
        RunFilter(**of_feed, attempt="last", states=("failed",)),
    )
    assert [count_runs(db, run_filter) for run_filter in lists] == [state.runs, state.exchanges, state.failed]
    assert state.usual_gap_s == 86_400
    assert (state.delay_p50_s, state.delay_p95_s) == (3_600, 6_600)
    assert state.last_good_at_us == 6 * DAY_US + 6_600_000_000
    assert state.since_us == 7 * DAY_US + 3_000_000_000


def test_the_last_success_is_found_far_back(db, exchanges):
    """A feed that has failed for 90 exchanges still has the time of its last success."""
    events = list(exchanges("done"))
    key = events[0].key
    failing = [
        replace(events[0], key=replace(key, exchange_id=f"x{n}"), outcome="failed", started_at_us=DAY_US + n)
        for n in range(90)
    ]
    state = state_after(db, [*events, *failing], 2)
    assert (state.state, state.last_good_at_us) == ("action_needed", 3_600_000_000)
