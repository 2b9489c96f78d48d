"""The decisions page: who decided what, on which evidence, and what the numbers alone had advised."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from metrics.store.database import open_reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient

    from dashboard.presenters.decisions import DecisionRow


@pytest.fixture(scope="module")
def made(example_app: Flask, values_of: Callable) -> tuple[DecisionRow, ...]:
    """Every decision of the example."""
    return values_of(example_app.test_client(), "/decisions")["page"]["made"]


def test_the_newest_decision_stands_first_with_owner_and_date(made: tuple[DecisionRow, ...]) -> None:
    """All decisions are there, of every milestone, the newest first."""
    assert [(row.code, row.text, row.owner, row.day) for row in made] == [
        ("M4", "stopped", "Example Owner", "31 Dec 2013"),
        ("M2", "resumed", "Example Deputy", "12 May 2013"),
        ("M2", "paused until 5 May 2013", "Example Owner", "14 Apr 2013"),
        ("M1", "continued", "Example Owner", "17 Feb 2013"),
    ]


def test_the_choice_stands_beside_the_advice(
    made: tuple[DecisionRow, ...], example: FlaskClient, get_html: Callable
) -> None:
    """Where they agree that is said; where they differ, the reason that was given; what an owner wrote is no markup."""
    assert [row.agrees for row in made] == [False, True, False, True]
    page = get_html(example, "/decisions")
    stopped, resumed, *_ = page.texts("article", class_="decision")
    assert "Change something: as it stands, it is at risk of not being proven in time." in stopped
    assert "Stop. Not what was advised , because: Example: the partner leaves" in stopped
    assert "Resume. As advised." in resumed
    assert page.texts("p", class_="reason")[2] == "Example: the <b>team</b> is away"


def test_the_evidence_is_that_of_its_moment(made: tuple[DecisionRow, ...], example_year: Any) -> None:
    """Status, gain, criteria and hash are those frozen with the decision, whatever is measured since."""
    first = made[-1]
    assert (first.status_text, first.gain) == ("not enough evidence", "64% less time, no range yet")
    assert "Processing time saved: not enough evidence; target at least 30%" in first.criteria
    with closing(open_reader(example_year.store)) as db:
        frozen = json.loads(db.execute("SELECT evidence FROM decision WHERE code = 'M1'").fetchone()[0])
    assert first.sha256 == frozen["evidence_sha256"]


def test_only_decisions_until_the_day_asked_for_are_shown(example: FlaskClient, values_of: Callable) -> None:
    """As of an earlier day, later decisions are not known."""
    assert [row.code for row in values_of(example, "/decisions?as_of=2013-03-01")["page"]["made"]] == ["M1"]


def test_without_decisions_the_advice_stands_first(
    client: FlaskClient, values_of: Callable, get_html: Callable
) -> None:
    """Without a decision the page says so, and what is advised on each milestone stands above that."""
    values = values_of(client, "/decisions")["page"]
    assert values["made"] == ()
    assert [row.last_decision for row in values["advice"]] == [""] * 6
    parts = get_html(client, "/decisions").all("section")
    assert [part["aria-labelledby"] for part in parts] == ["decide", "advice", "taken"]
    assert "Re-plan: it was not proven by its due date." in parts[1].text
    assert "No decision is recorded yet." in parts[2].text


def test_a_decision_of_an_older_release_has_no_evidence_to_show(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], values_of: Callable
) -> None:
    """What was not recorded with a decision is said to be so, and nothing is invented for it."""
    store = made_up(weeks=8)
    with closing(sqlite3.connect(store)) as db, db:
        db.execute("INSERT INTO decision (code, choice, as_of) VALUES ('M1', 'continue', '2013-02-01')")
    (row,) = values_of(app_on(store).test_client(), "/decisions")["page"]["made"]
    assert (row.code, row.text, row.owner, row.day) == ("M1", "continued", "unknown", "1 Feb 2013")
    assert (row.status, row.gain, row.criteria, row.sha256) == ("", "not measured", (), "")
    assert (row.advice, row.agrees) == ("", None)
