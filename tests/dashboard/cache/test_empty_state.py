"""Before the first run: the plan is there to see, and each page says truly how a run comes about."""

from __future__ import annotations

import re
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
PLANNED = ("/milestones", "/milestones/M1", "/decisions", "/method")
MEASURED = {
    "/": "Worth it?", "/runs": "Runs", "/runs/1": "Runs", "/failures": "Failures", "/quarantine": "Quarantine",
    "/partners": "Partners", "/partners/UA": "Partners", "/report": "Report",
}  # fmt: skip


def plain(text: str) -> str:
    """Markup as words."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


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


def test_the_plan_is_shown_before_anything_is_measured(replay: FlaskClient) -> None:
    """Every milestone with its computed status and days, and that none was measured; no page is without its heading."""
    text = replay.get("/milestones").text
    assert len(re.findall(r'<span class="chip (\w+)">', text.split("<tbody")[1].split("</tbody>")[0])) == 4
    said = plain(text)
    assert "0 of 4 milestones proven" in said
    assert said.count("not measured") == 4
    assert "Nothing now: the numbers advise to continue every milestone." in said
    for page, heading in (("/milestones/M1", "M1 Receive"), ("/decisions", "Decisions"), ("/method", "Method")):
        assert f'<h1 class="page-title">{heading}</h1>' in replay.get(page).text


def test_before_its_start_a_milestone_has_not_started(live: FlaskClient) -> None:
    """By the wall clock, a month before the plan begins, all of it is in the future."""
    text = live.get("/milestones").text
    assert re.findall(r'<span class="chip (\w+)">', text.split("<tbody")[1].split("</tbody>")[0]) == ["not_started"] * 4


def test_what_was_decided_before_any_run_is_shown(app_on: Callable[..., Flask], tmp_path: Path) -> None:
    """A store without a run may hold decisions; they stand on the pages of the plan."""
    plan, db = load_plan(PLAN), open_store(tmp_path / "metrics.db", "replay")
    verdict = evaluate(db, plan, date(2013, 1, 1), 1, 0)[0]
    decide.record_decision(db, plan.milestone("M1"), verdict, "continue", "we begin", "Ada", None, 0)
    db.close()
    client = app_on(tmp_path / "metrics.db").test_client()
    assert "Ada, 1 Jan 2013" in plain(client.get("/decisions").text)
    assert "Continued by Ada" in plain(client.get("/milestones").text)


def test_the_first_run_is_shown_as_soon_as_it_is_there(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], tmp_path: Path
) -> None:
    """Whatever was shown of the plan alone is not shown again once there is a store with runs."""
    store = tmp_path / "metrics.db"
    client = app_on(store).test_client()
    assert "Nothing measured yet" in client.get("/milestones").text
    made_up(weeks=2).rename(store)
    text = client.get("/milestones").text
    assert "Nothing measured yet" not in text
    assert "0 runs measured" not in text
