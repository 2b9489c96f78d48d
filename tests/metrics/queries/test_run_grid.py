"""The grid of latest runs, and the choices of the run filter."""

from contextlib import closing
from dataclasses import replace
from datetime import date

import pytest

from metrics.queries.run_grid import FilterChoices, filter_choices, latest_runs
from metrics.store.database import open_store
from metrics.store.writer import insert_events

ACT = 1_357_000_000_000_000
NO_CHOICES = FilterChoices((), (), (), (), None, None)


@pytest.fixture
def db(tmp_path):
    """A fresh store on the replayed clock."""
    with closing(open_store(tmp_path / "metrics.db", "replay")) as store:
        yield store


def keep(db, *runs):
    """Insert runs as the collector does."""
    with db.atomic():
        insert_events(db, [("run", run) for run in runs])


def at(run, number, *, feed="f", **changes):
    """Return the run as another exchange, `number` seconds later."""
    key = replace(run.key, exchange_id=f"{feed}{number}")
    return replace(run, key=key, feed=feed, started_at_us=ACT + number * 1_000_000, **changes)


def test_the_grid_has_the_latest_runs_of_each_feed(db, a_run):
    """Oldest first, no more than the limit, and no feed that these sides never ran."""
    monolith = replace(a_run().key, system="monolith", level=0)
    keep(db, *(at(a_run(), number) for number in range(4)), at(a_run(), 1, feed="g"), replace(a_run(), key=monolith))
    rows = latest_runs(db, ("service",), ("none",), limit=3)
    assert [(row.partner, row.feed, len(row.runs)) for row in rows] == [("AA", "f", 3), ("AA", "g", 1)]
    assert [run.started_at_us - ACT for run in rows[0].runs] == [1_000_000, 2_000_000, 3_000_000]
    assert latest_runs(db, ("service",), ("standard",)) == ()


def test_choices_are_the_values_of_runs(db, a_run):
    """Sides, partners, feeds and faults of any run, and the days from the first block to the end of the last."""
    monolith = replace(a_run().key, system="monolith", level=0, faults="standard")
    assert filter_choices(db) == NO_CHOICES
    other = replace(a_run(), key=monolith, partner="ZZ", block="2013-01-07", block_end="2013-01-13")
    keep(db, at(a_run(), 1, feed="g"), other)
    assert filter_choices(db) == FilterChoices(
        ("monolith", "service@1"), ("AA", "ZZ"), ("f", "g"), ("none", "standard"), date(2013, 1, 1), date(2013, 1, 13)
    )


def test_what_is_known_by_a_day_is_of_blocks_that_were_over(db, a_run):
    """Choices and the feeds of the grid end with the last block that was over by the day, as lists do."""
    later = {"block": "2013-01-07", "block_end": "2013-01-13"}
    service = replace(a_run().key, level=2, faults="standard")
    new = replace(a_run(key=service), partner="ZZ", **later)
    keep(db, at(a_run(), 1), replace(at(a_run(2), 1), **later), replace(at(a_run(), 2), **later), new)
    choices = filter_choices(db, date(2013, 1, 12))
    assert (choices.sides, choices.partners, choices.faults, choices.last) == (
        ("service@1",), ("AA",), ("none",), date(2013, 1, 6),
    )  # fmt: skip
    assert [len(row.runs) for row in latest_runs(db, ("service",), ("none",), known_by=date(2013, 1, 12))] == [1]
    assert [len(row.runs) for row in latest_runs(db, ("service",), ("none",), known_by=date(2013, 1, 13))] == [3]
    assert filter_choices(db, date(2013, 1, 13)) == filter_choices(db)
    assert filter_choices(db, date(2013, 1, 5)) == NO_CHOICES
    assert latest_runs(db, ("service",), ("none",), known_by=date(2013, 1, 5)) == ()
