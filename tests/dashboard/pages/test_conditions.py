"""What runs met is said by the workspace's own clock: a replay has faults by plan, production has what came."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import roadmap
from dashboard.presenters.method import definitions
from roadmap.plan.loader import load_plan
from roadmap.wording import verdicts
from roadmap.wording.gains import under_faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient


PLAN = Path(roadmap.__file__).with_name("milestones.toml")


@pytest.fixture(scope="module")
def live(app_on: Callable[..., Flask], live_store: Callable[[], Path]) -> FlaskClient:
    """A dashboard on thirteen weeks of production."""
    return app_on(live_store(), clock="live", today=lambda: date(2013, 4, 2)).test_client()


@pytest.mark.parametrize(
    ("faults", "mode", "said"),
    [
        ("standard", "replay", "under standard faults"), ("none", "replay", "without faults"),
        ("standard", "live", "as it happened"), ("none", "live", "as it happened"),
        ("real", "live", "as it happened"),
    ],
)  # fmt: skip
def test_what_runs_met_is_said_by_the_clock(faults: str, mode: str, said: str) -> None:
    """A plan names faults for replays; in production no words of a replay are said."""
    assert under_faults(faults, mode) == said


@pytest.mark.parametrize("page", ["/milestones", "/milestones/M1", "/milestones/M4"])
def test_production_is_told_no_words_of_a_replay(live: FlaskClient, get_html: Callable, page: str) -> None:
    """The pages of the plan never speak of standard faults, or of none, where runs are real."""
    text = get_html(live, page).text
    assert "standard faults" not in text
    assert "without faults" not in text


def test_each_criterion_says_what_its_runs_met(live: FlaskClient, client: FlaskClient, values_of: Callable) -> None:
    """Beside its name: as it happened in production; by the plan's faults in a replay."""
    faults = [
        {row.faults for row in values_of(on, "/milestones/M1")["page"].milestone.criteria} for on in (live, client)
    ]
    assert faults == [{"as it happened"}, {"under standard faults", "without faults"}]


def test_the_method_asks_in_the_words_of_the_clock() -> None:
    """What a milestone asks for stands with what its runs meet there."""
    targets = [target for measure in definitions(load_plan(PLAN), "live") for _, target in measure.targets]
    assert {target.rpartition(", ")[2] for target in targets} == {"as it happened"}


def test_commands_and_targets_are_written_for_people(live: FlaskClient, get_html: Callable) -> None:
    """A command in a sentence is code, and a target below nothing has a true minus sign."""
    assert "`" not in get_html(live, "/milestones").one("main").text
    assert verdicts.target_text("at_least", -0.1, "share") == "at least −10%"
