"""`milepost roadmap decide` and `spend`. `test_outputs` has their text."""

from __future__ import annotations

import pytest

from metrics.store.database import open_store
from roadmap.cli.main import was_judged
from roadmap.errors import Refused


def test_a_decision_counts_at_once(front, replay, run, data, refused):
    """The next judgement finds it paused, and running again once resumed."""
    db = open_store(front.store, "replay")
    replay(db, range(4))
    db.close()
    first = data("decide", "M1", "pause", "--why", "money", "--owner", "Ann")
    assert (first["as_of"], data("status")[0]["status"]) == ("2013-02-03", "paused")
    assert refused("decide", "M1", "pause", "--why", "money", "--owner", "Ann")[0] is Refused
    run("decide", "M1", "resume", "--why", "money", "--owner", "Ann")
    assert data("status")[0]["status"] == "insufficient"


def test_spending_adds_up(measured, run, data):
    """A negative amount is an amount that corrects an earlier entry, also after `--`."""
    run("spend", "M1", "1250.5", "--note", "a week")
    run("spend", "M1", "-250.5", "--note", "mistyped")
    assert data("spend", "M1", "-100", "--note", "back") == {
        "code": "M1", "amount": -100.0, "note": "back", "as_of": "2013-03-31", "spent": 900.0, "budget": None,
    }  # fmt: skip
    assert run("spend", "--note", "again", "--", "M1", "100").exit_code == 0
    assert [entry["amount"] for entry in data("show", "M1")["entries"]] == [1250.5, -250.5, -100.0, 100.0]


def test_both_are_possible_before_anything_is_measured(front, replay, run, data):
    """On the first day of the calendar; what follows is a first measurement, and not yet one that was judged."""
    assert run("spend", "M1", "10", "--note", "a day").exit_code == 0
    first = data("decide", "M1", "pause", "--why", "money", "--owner", "Ann")
    assert (first["as_of"], data("status")[0]["status"]) == ("2013-01-07", "paused")
    assert run("status").output.startswith("Nothing has been measured yet; `milepost demo`")
    assert not was_judged(front)
    db = open_store(front.store, "replay")
    replay(db, range(4))
    db.close()
    assert data("status")[0]["spent"] == 10
    assert was_judged(front)


def test_an_entry_can_be_of_an_earlier_day(measured, run, data):
    """It counts from that day on, and a decision has the verdict of that day."""
    spent = data("spend", "M1", "10", "--note", "a day", "--on", "2013-02-10")
    assert (spent["as_of"], spent["spent"]) == ("2013-02-10", 10)
    made = data("decide", "M1", "pause", "--why", "w", "--owner", "Ann", "--on", "2013-02-10", "--until", "2013-02-17")
    assert (made["as_of"], made["status"]) == ("2013-02-10", "insufficient")
    views = [data("status", "--as-of", day)[0] for day in ("2013-02-09", "2013-02-10", "2013-02-18")]
    assert [(view["status"], view["spent"]) for view in views] == [
        ("insufficient", None), ("paused", 10), ("insufficient", 10),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("day", "why"),
    [
        ("2013-02-09", "M1: --on 2013-02-09 is before its last decision, of 10 Feb 2013; choose a day from then on"),
        ("2014-01-01", "--on 2014-01-01 lies ahead: the replay has come to 2013-03-31; choose a day until then"),
    ],
)
def test_a_day_that_no_decision_can_have_is_refused(measured, run, refused, day, why):
    """Before the last decision, whose evidence it would change, or in the future."""
    run("decide", "M1", "pause", "--why", "w", "--owner", "Ann", "--on", "2013-02-10")
    assert refused("decide", "M1", "stop", "--why", "w", "--owner", "Ann", "--on", day) == (Refused, why)
