"""Rounds of a replay by which feeds are judged, and the time at which they end."""

from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta

import pytest

from metrics.queries.feed_health import feed_histories, feed_states
from metrics.store.database import open_store
from metrics.store.writer import insert_events

DAY_US, WEEK_US = 86_400_000_000, 7 * 86_400_000_000


@pytest.fixture
def db(tmp_path):
    """A fresh store of a replay."""
    with closing(open_store(tmp_path / "metrics.db", "replay")) as store:
        yield store


@pytest.fixture
def replayed(db, a_run, a_holding):
    """A function that replays weeks in one round: a file a day, at midnight."""

    def replay(weeks, number=1, *, level=1, series="s", outcome="done", each=1, ended=True):
        events = []
        for week in weeks:
            first = date(1970, 1, 1) + timedelta(7 * week)
            place = {"block": f"{first}", "block_end": f"{first + timedelta(6)}"}
            for day in range(7 * week, 7 * week + 7):
                for file in (f"{day}-{n}.csv" for n in range(each)):
                    run = a_run(outcome=outcome, file=file)
                    key = replace(run.key, level=level, series=series, round=number, exchange_id=f"AA/f/{file}")
                    at = {"due_at_us": day * DAY_US, "started_at_us": day * DAY_US + 5, "duration_ns": 7}
                    events.append(("run", replace(run, key=key, **place, **at)))
                    if ended:
                        at = {"level": level, "series": series, "round": number, "file": file}
                        events.append(("holding", replace(a_holding, **at, **place)))
        with db.atomic():
            insert_events(db, events)

    return replay


def state_after(db, weeks=4):
    """Return the state of the only feed at the end of a number of weeks."""
    (state,) = feed_states(db, "replay", "none", weeks * WEEK_US)
    return state


@pytest.mark.parametrize("again", [{"number": 2}, {"number": 2, "level": 2}, {"number": 2, "level": 1}])
def test_a_round_under_way_does_not_judge_later_weeks(db, replayed, again):
    """A second round in its first week, at any level, leaves a feed as the complete round judged it."""
    replayed(range(4), outcome="failed")
    before = state_after(db)
    replayed(range(1), **again)
    assert (state_after(db).state, state_after(db).last_run_id, state_after(db).why) == (
        "action_needed",
        before.last_run_id,
        before.why,
    )


def test_an_interrupted_round_ends_with_its_last_complete_week(db, replayed):
    """Runs of an incomplete week are no arrivals, as readings do not count them either."""
    replayed(range(2))
    replayed([2], outcome="failed", ended=False)
    assert (state_after(db, 2).state, state_after(db, 2).last_run_id) == ("on_time", 14)


def test_a_new_series_counts_from_its_first_complete_week(db, replayed):
    """Until then the previous series counts; afterwards time ends with the new one."""
    replayed(range(4), outcome="failed")
    replayed(range(1), series="new", ended=False)
    assert state_after(db).state == "action_needed"
    replayed(range(1), 2, series="new")
    assert (state_after(db).state, state_after(db).why) == (
        "on_time",
        "files come as usual, and the last one went through",
    )


def test_the_highest_level_in_its_newest_round_counts_first(db, replayed):
    """Among rounds that have come equally far, lower levels and older rounds are ignored."""
    for level, number, outcome in ((1, 3, "failed"), (2, 1, "failed"), (2, 2, "done")):
        replayed(range(2), number, level=level, outcome=outcome)
    assert (state_after(db, 2).side, state_after(db, 2).state, state_after(db, 2).runs) == ("service@2", "on_time", 28)
    assert feed_states(db, "replay", "standard", DAY_US) == ()


def test_a_feed_that_stops_before_the_round_is_not_arriving(db, replayed, a_run, a_holding):
    """Time ends with the round, not with the last file of the feed."""
    replayed(range(1))
    with db.atomic():
        other = a_run(feed="g", file="g.csv")
        place = {"block": "1970-01-22", "block_end": "1970-01-28"}
        key = replace(other.key, exchange_id="AA/g/g.csv")
        insert_events(
            db, [("run", replace(other, key=key, **place)), ("holding", replace(a_holding, feed="g", **place))]
        )
    states = {state.feed: (state.state, state.why) for state in feed_states(db, "replay", "none", 99 * WEEK_US)}
    assert states["f"] == ("not_arriving", "nothing has come for 22 days; files usually come every 1 day")


def test_other_rounds_are_not_read(db, replayed):
    """The work does not grow with the runs of a level that is not in the newest round."""

    def count_steps():
        steps = []
        db.conn.set_progress_handler(lambda: steps.append(1), 1_000)  # append returns None, which continues the query
        feed_histories(db, "replay", "none")
        db.conn.set_progress_handler(None, 0)
        return len(steps)

    replayed(range(4), level=3)
    replayed(range(4), 2, level=2)
    before = count_steps()
    replayed(range(4), level=3, each=40)
    assert count_steps() <= before + 20
