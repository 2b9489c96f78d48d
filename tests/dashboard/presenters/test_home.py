"""The home page as values: its headline, what its numbers rest on, and its early looks."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from dashboard.presenters.home import HomePage, home_page
from metrics.measures.registry import MEASURES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask


@pytest.fixture
def page(app_on: Callable[..., Flask], made_up: Callable[..., Path], year_app: Flask) -> Callable[..., HomePage]:
    """The home page of a made-up year."""

    def make(built: int = 1, **year: object) -> HomePage:
        app = app_on(made_up(**year), built=built) if year else year_app
        return app.extensions["views"].newest().cached(home_page)

    return make


def test_the_headline_has_range_target_and_milestone(page: Callable[..., HomePage]) -> None:
    """A gain beyond its target is called proven, with its range; the measures are explained by their definitions."""
    whole = page()
    assert whole.answer.headline == "Proven. Runs take 64% less time."
    assert whole.answer.detail.startswith("Likely between 61% and 67%; the target is 30%.")
    assert (whole.code, whole.status, whole.status_text) == ("M1", "proven", "M1 Receive: proven")
    assert MEASURES["busy_time_saved"] in whole.measures


def test_each_number_says_what_it_rests_on(page: Callable[..., HomePage]) -> None:
    """Faults, grade, weeks, runs and mode, for both readings of the time saved."""
    lines = [(line.before, line.runs.text, line.after) for line in page().figures[0].evidence]
    assert lines == [
        ("Under standard faults · grade B · 13 weeks", "462 runs", "replay"),
        ("Without faults · grade B · 13 weeks", "416 runs", "replay"),
    ]


@pytest.mark.parametrize(
    ("built", "year", "headline", "early_looks"),
    [
        (1, {"weeks": 6}, "Too early to say.", ()),
        (2, {"weeks": 17}, "Proven. Runs take 64% less time.", ("No runs yet on M2. Started 1 Apr.",)),
        (1, {"cost": 1.3}, "Slower than the monolith. Runs take", ()),
    ],
    ids=["too few weeks", "newer milestone", "slower"],
)
def test_the_headline_by_the_evidence(
    page: Callable[..., HomePage], built: int, year: dict[str, object], headline: str, early_looks: tuple[str, ...]
) -> None:
    """Six weeks give no verdict; a newer milestone is an early look only; a slow service is called slower."""
    whole = page(built, **year)
    assert whole.answer.headline.startswith(headline)
    assert [text[: len(start)] for text, start in zip(whole.early_looks, early_looks, strict=True)] == list(early_looks)
    assert ("6 of 12 weeks." in whole.answer.detail) == (year.get("weeks") == 6)


def test_live_runs_are_shown_as_they_happened(app_on: Callable[..., Flask], live_quarter: Path) -> None:
    """A live store has one reading, of a live grade, and no reading without faults."""
    app = app_on(live_quarter, clock="live", today=lambda: date(2013, 4, 2))
    whole = app.extensions["views"].newest().cached(home_page)
    assert [line.before.split(" · ")[:2] for line in whole.figures[0].evidence] == [["As it happened", "grade C"]]
    assert "Data up to 29 Mar 2013 05:00 UTC · " in app.test_client().get("/").text
