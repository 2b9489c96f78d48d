"""Before the first run: the plan is there to see, and each page says truly how a run comes about."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import roadmap
from metrics.store.database import open_store
from roadmap.judge.evaluate import evaluate
from roadmap.plan.loader import load_plan
from roadmap.records import decide

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient


PLAN = Path(roadmap.__file__).with_name("milestones.toml")


@pytest.fixture(scope="module", params=["none", "empty"])
def replay(app_on: Callable[..., Flask], tmp_path_factory: pytest.TempPathFactory, request: object) -> FlaskClient:
    """A replayed workspace in which nothing was measured: without a store, and with an empty one."""
    store = tmp_path_factory.mktemp("first") / "metrics.db"
    if request.param == "empty":  # type: ignore[attr-defined]
        open_store(store, "replay").close()
    return app_on(store).test_client()


@pytest.fixture
def live(app_on: Callable[..., Flask], tmp_path: Path) -> FlaskClient:
    """A workspace on the wall clock, in which nothing was measured."""
    return app_on(tmp_path / "none.db", clock="live", today=lambda: date(2012, 12, 1)).test_client()


def test_the_plan_is_shown_before_anything_is_measured(replay: FlaskClient, values_of: Callable) -> None:
    """Every milestone with its computed status, and that none was measured; nothing is to decide."""
    page = values_of(replay, "/milestones")["page"]
    assert [(row.code, row.status, row.gain) for row in page["milestones"]] == [
        ("M1", "insufficient", "not measured"), ("M2", "not_started", "not measured"),
        ("M3", "not_started", "not measured"), ("M4", "not_started", "not measured"),
        ("M5", "not_started", "not measured"), ("M6", "not_started", "not measured"),
    ]  # fmt: skip
    assert page["plan"].title.startswith("0 of 6 milestones proven")
    assert page["nothing"] == "Nothing to decide now: the numbers advise to continue every milestone."


def test_before_its_start_a_milestone_has_not_started(live: FlaskClient, values_of: Callable) -> None:
    """By the wall clock, a month before the plan begins, all of it is in the future."""
    assert [row.status for row in values_of(live, "/milestones")["page"]["milestones"]] == ["not_started"] * 6


def test_what_was_decided_before_any_run_is_shown(
    app_on: Callable[..., Flask], values_of: Callable, tmp_path: Path
) -> None:
    """A store without a run may hold decisions; they stand on the pages of the plan."""
    plan, db = load_plan(PLAN), open_store(tmp_path / "metrics.db", "replay")
    verdict = evaluate(db, plan, date(2013, 1, 1), 1, 0)[0]
    decide.record_decision(db, plan.milestone("M1"), verdict, "continue", "we begin", "Ada", None, 0)
    db.close()
    client = app_on(tmp_path / "metrics.db").test_client()
    (made,) = values_of(client, "/decisions")["page"]["made"]
    assert (made.code, made.text, made.owner, made.day) == ("M1", "continued", "Ada", "1 Jan 2013")
    assert values_of(client, "/milestones")["page"]["milestones"][0].decision == "continued by Ada"


def test_the_first_run_is_shown_as_soon_as_it_is_there(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], values_of: Callable, tmp_path: Path
) -> None:
    """Whatever was shown of the plan alone is not shown again once there is a store with runs."""
    store = tmp_path / "metrics.db"
    client = app_on(store).test_client()
    (notice,) = values_of(client, "/milestones")["notices"]
    assert notice.startswith("Nothing measured yet. ")
    made_up(weeks=2).rename(store)
    after = values_of(client, "/milestones")
    assert after["notices"] == ()
    assert after["fresh"].runs == "134 runs"
