"""The rows of milestones: computed status, gain, slip, the decision beside them, and spending, on an example year."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from metrics.store.database import open_store

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient

    from dashboard.presenters.milestone_list import MilestoneRow


def rows_of(values_of: Callable, client: FlaskClient, query: str = "") -> dict[str, MilestoneRow]:
    """The rows of the page by their codes."""
    return {row.code: row for row in values_of(client, f"/milestones{query}")["page"]["milestones"]}


def test_status_gain_slip_decision_and_spending_stand_in_one_row(example: FlaskClient, values_of: Callable) -> None:
    """Each milestone's row has the computed status, the gain with its range, slip, the decision, and spent of plan."""
    row = rows_of(values_of, example)["M2"]
    assert (row.status_text, row.gain, row.gain_range, row.target) == (
        "proven", "64% less time", "likely 62% to 66%", "30%",
    )  # fmt: skip
    assert (row.slip, row.slip_basis) == (
        "7 days early", "first due 30 Jun 2013, now 14 Jul 2013; proven 23 Jun 2013",
    )  # fmt: skip
    assert (row.decision, row.decision_reason, row.hold, row.spent) == (
        "resumed by Example Deputy", "12 May 2013: Example: the team is back", "", "45,000 of 40,000",
    )  # fmt: skip


def test_a_decision_stands_beside_the_computed_status(example: FlaskClient, values_of: Callable) -> None:
    """A stopped milestone keeps the status that the numbers alone give; one without a decision has none."""
    rows = rows_of(values_of, example)
    assert [(row.status_text, row.hold, row.decision) for row in (rows["M3"], rows["M4"])] == [
        ("proven", "", ""), ("at risk", "stopped", "stopped by Example Owner"),
    ]  # fmt: skip


def test_an_earlier_day_knows_nothing_of_later_ones(example: FlaskClient, values_of: Callable) -> None:
    """As of a day there are only the plans, decisions and spending until then."""
    rows = rows_of(values_of, example, "?as_of=2013-03-01")
    assert rows["M1"].spent == "12,000 of 40,000"
    then = rows["M2"]
    assert (then.slip, then.slip_basis, then.decision) == ("not started", "first due 30 Jun 2013", "")


def test_every_milestone_has_status_reason_and_what_would_change_it(client: FlaskClient, values_of: Callable) -> None:
    """The plan's milestones stand with computed status, reasons and what would change them."""
    rows = rows_of(values_of, client)
    assert [(row.code, row.status, row.slip) for row in rows.values()] == [
        ("M1", "proven", "7 days early"), ("M2", "missed", "184 days overdue"), ("M3", "missed", "93 days overdue"),
        ("M4", "stalled", "due today"), ("M5", "not_started", "not started"), ("M6", "not_started", "not started"),
    ]  # fmt: skip
    reason = rows["M2"].reasons[1]
    assert reason.text == "not built: it needs service level 2, and level 1 is built today"
    assert reason.change == "building service level 2"
    assert [row.range for row in rows["M1"].criteria] == ["counted in full", "61% to 67%"]


def test_spending_is_not_recorded_until_it_is(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], values_of: Callable
) -> None:
    """An entry in the store replaces "not recorded", for its milestone only, here and on the home page."""
    store = made_up(weeks=2)
    entry = {"code": "M1", "amount": 1250.0, "note": "", "as_of": "2013-01-02", "recorded_at_us": 0}
    for spent, total in (("not recorded", "not recorded"), ("1,250, no budget set", "1,250")):
        client = app_on(store).test_client()
        assert [row.spent for row in rows_of(values_of, client).values()] == [spent, *["not recorded"] * 5]
        assert values_of(client, "/")["page"].figures[2].values[0].figure.big == total
        with closing(open_store(store, "replay")) as db, db.conn:
            db.table("cost_entry").insert(entry)


def test_a_proof_that_was_lost_since_is_said(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], values_of: Callable
) -> None:
    """A milestone that was proven and got worse stays proven, regressed since."""
    store = made_up(weeks=20)
    with closing(sqlite3.connect(store)) as db, db:
        sql = "UPDATE answer_block SET equal = equal - 1 WHERE faults = 'none' AND block_end = '2013-03-31'"
        assert db.execute(sql).rowcount
    row = rows_of(values_of, app_on(store).test_client())["M1"]
    assert row.status_text == "proven"
    assert any(reason.text.startswith("proven, regressed since") for reason in row.reasons)
