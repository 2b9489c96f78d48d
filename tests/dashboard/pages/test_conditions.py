"""What runs met is said by the workspace's own clock: a replay has faults by plan, production has what came."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from roadmap.wording import verdicts
from roadmap.wording.gains import under_faults

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient


@pytest.fixture
def live(app_on: Callable[..., Flask], live_quarter: Path) -> FlaskClient:
    """A dashboard on thirteen weeks of production."""
    return app_on(live_quarter, clock="live", today=lambda: date(2013, 4, 2)).test_client()


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
def test_production_is_told_no_words_of_a_replay(live: FlaskClient, page: str) -> None:
    """The pages of the plan never speak of standard faults, or of none, where runs are real."""
    text = live.get(page).text
    assert "standard faults" not in text
    assert "without faults" not in text


def test_each_criterion_says_what_its_runs_met(live: FlaskClient, client: FlaskClient) -> None:
    """Beside its name: as it happened in production; by the plan's faults in a replay."""
    assert '<span class="sub">as it happened</span>' in live.get("/milestones/M1").text
    replayed = client.get("/milestones/M1").text
    assert '<span class="sub">under standard faults</span>' in replayed
    assert '<span class="sub">without faults</span>' in replayed


def test_the_method_asks_in_the_words_of_the_clock(live: FlaskClient) -> None:
    """What a milestone asks for stands with what its runs meet there."""
    asked = live.get("/method").text.split("Asked by</dt>")[1].split("</dd>")[0]
    assert "as it happened" in asked
    assert "under standard faults" not in asked


def test_commands_and_targets_are_written_for_people(live: FlaskClient) -> None:
    """A command in a sentence is code, and a target below nothing has a true minus sign."""
    one = live.get("/milestones").text
    assert "`" not in one.split("<main")[1].split('<script type="application/json"')[0]
    assert verdicts.target_text("at_least", -0.1, "share") == "at least −10%"
