"""Events are stored once, and an end replaces its start."""

import pytest

from metrics.events import OutageEvent


@pytest.fixture
def db(a_store):
    """A fresh store on the replayed clock."""
    return a_store("replay")


def test_a_run_that_comes_twice_counts_once(db, a_run, insert):
    """There is one run, and the rollup does not change."""
    live = a_run(mode="live")
    assert insert(db, live, live) == 1
    assert insert(db, live) == 0
    assert [row["attempts"] for row in db.query("SELECT attempts FROM run_block")] == [1]


def test_an_end_replaces_its_start_and_nothing_replaces_an_end(db, a_run, insert):
    """The order in which start and end are read makes no difference."""
    insert(db, a_run(), ("start", a_run()))
    insert(db, ("start", a_run(attempt=2)))
    assert [row["outcome"] for row in db.query("SELECT outcome FROM run ORDER BY attempt")] == ["done", "running"]
    insert(db, a_run(attempt=2, outcome="failed"), a_run(attempt=2, outcome="done"))
    assert [row["outcome"] for row in db.query("SELECT outcome FROM run ORDER BY attempt")] == ["done", "failed"]


def test_an_outage_that_comes_twice_counts_once(db, insert):
    """The same day is one row."""
    outage = OutageEvent(
        system="service", level=1, mode="replay", faults="none", series="s", round=1, partner="AA", feed="f",
        block="2013-01-01", block_end="2013-01-06", day="2013-01-03", hours=24, calls=7,
    )  # fmt: skip
    assert insert(db, outage, outage) == 1
    assert [(row["day"], row["hours"], row["calls"]) for row in db["outage"].rows] == [("2013-01-03", 24, 7)]
