"""Which pass of a replay feeds are looked at in, and until when it tells of them."""

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
    with closing(open_store(tmp_path / "metrics.db", "replay")) as found:
        yield found


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


def stands(db, weeks=4):
    """How the only feed stands at the end of so many weeks."""
    (found,) = feed_states(db, "replay", "none", weeks * WEEK_US)
    return found


@pytest.mark.parametrize("again", [{"number": 2}, {"number": 2, "level": 2}, {"number": 2, "level": 1}])
def test_a_measurement_under_way_says_nothing_of_the_weeks_to_come(db, replayed, again):
    """A second pass that has come to its first week, at whatever level, leaves a feed as the whole pass told it."""
    replayed(range(4), outcome="failed")
    before = stands(db)
    replayed(range(1), **again)
    assert (stands(db).state, stands(db).last_run_id, stands(db).why) == (
        "action_needed",
        before.last_run_id,
        before.why,
    )


def test_a_pass_cut_short_in_a_week_ends_with_the_one_before(db, replayed):
    """What ran in a week that came to no end is no arrival, as no reading counts it."""
    replayed(range(2))
    replayed([2], outcome="failed", ended=False)
    assert (stands(db, 2).state, stands(db, 2).last_run_id) == ("on_time", 14)


def test_a_new_series_counts_from_its_first_week_on(db, replayed):
    """Until then the one before it does; after, time ends where the new one has come to."""
    replayed(range(4), outcome="failed")
    replayed(range(1), series="new", ended=False)
    assert stands(db).state == "action_needed"
    replayed(range(1), 2, series="new")
    assert (stands(db).state, stands(db).why) == ("on_time", "files come as usual, and the last one went through")


def test_of_passes_that_have_come_as_far_the_highest_level_counts_in_its_newest_round(db, replayed):
    """Lower levels and older rounds say nothing of today."""
    for level, number, outcome in ((1, 3, "failed"), (2, 1, "failed"), (2, 2, "done")):
        replayed(range(2), number, level=level, outcome=outcome)
    assert (stands(db, 2).side, stands(db, 2).state, stands(db, 2).runs) == ("service@2", "on_time", 28)
    assert feed_states(db, "replay", "standard", DAY_US) == ()


def test_files_that_stop_while_the_replay_goes_on_are_missed(db, replayed, a_run, a_holding):
    """Time ends with the pass, and not with the feed."""
    replayed(range(1))
    with db.atomic():
        other = a_run(feed="g", file="g.csv")
        place = {"block": "1970-01-22", "block_end": "1970-01-28"}
        key = replace(other.key, exchange_id="AA/g/g.csv")
        insert_events(
            db, [("run", replace(other, key=key, **place)), ("holding", replace(a_holding, feed="g", **place))]
        )
    states = {found.feed: (found.state, found.why) for found in feed_states(db, "replay", "none", 99 * WEEK_US)}
    assert states["f"] == ("not_arriving", "nothing has come for 22 days; files usually come every 1 day")


def test_as_little_is_read_however_much_another_round_holds(db, replayed):
    """A level that is not in the newest round, or only in part, is not walked to its end to find that out."""

    def read():
        asked = []
        db.conn.set_progress_handler(lambda: asked.append(1), 1_000)  # what is appended is no answer: None goes on
        feed_histories(db, "replay", "none")
        db.conn.set_progress_handler(None, 0)
        return len(asked)

    replayed(range(4), level=3)
    replayed(range(4), 2, level=2)
    before = read()
    replayed(range(4), level=3, each=40)
    assert read() <= before + 20
