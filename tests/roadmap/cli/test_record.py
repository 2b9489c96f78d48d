"""`milepost roadmap decide` and `spend`. `test_outputs` has their text."""

from __future__ import annotations

import pytest

from metrics.errors import StoreMissing
from metrics.store.database import open_store
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


@pytest.mark.parametrize(
    "words",
    [
        ["decide", "M1", "stop", "--why", "money", "--owner", "Ann"],
        ["spend", "M1", "10", "--note", "a day"],
    ],
)
def test_nothing_is_recorded_without_a_database(front, refused, words):
    """The message says what makes a database, and none is created."""
    kind, message = refused(*words)
    assert kind is StoreMissing
    assert "no metrics yet" in message
    assert message.endswith("`milepost demo` or `milepost metrics measure` does.")
    assert not front.store.exists()
