"""The three figures: each number with the list of exactly the runs that it counts."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import date

import pytest

from dashboard.presenters.home import home_page
from metrics.measures.counted_runs import runs_behind
from metrics.measures.window import load_window
from metrics.queries import runs
from metrics.queries.run_filter import RunFilter
from metrics.store.database import open_reader
from roadmap.judge.evidence import milestone_question


@pytest.fixture(scope="module")
def home(year_app):
    """The home page of a made-up year, its store and its view."""
    view = year_app.extensions["views"].newest()
    with closing(open_reader(view.store)) as db:
        yield view.cached(home_page), db, view


def list_length(db, view, keys) -> int:
    """The runs of a list, counted page by page."""
    code, measure, faults, *side = keys["counted"].split(":")
    milestone = next(one for one in view.plan.milestones if one.code == code)
    asked = milestone_question(milestone, min(view.today, date(2013, 3, 31)), view.mode, faults)
    asked = replace(asked, subject=asked.control) if side else asked
    run_filter = RunFilter(
        counted=runs_behind(load_window(db, asked), measure),
        states=(keys["state"],) if "state" in keys else (),
        attempt=keys.get("attempt", ""),
    )
    rows, page = [], runs.get_page(db, run_filter)
    rows += page.rows
    while page.older:
        page = runs.get_page(db, run_filter, page.older)
        rows += page.rows
    return len(rows)


def test_every_number_is_the_length_of_its_list(home) -> None:
    """Runs compared, exchanges counted and failures, on both sides and under both faults."""
    page, db, view = home
    lists = [line.runs for figure in page.figures for line in figure.evidence]
    lists += [one for figure in page.figures for value in figure.values for one in value.failed]
    assert len(lists) == 7
    for one in lists:
        assert one.text.split()[0] == f"{list_length(db, view, one.keys):,}", one.keys


def test_failures_stand_beside_those_of_the_monolith(home) -> None:
    """Now and was, at the first attempt and after retries."""
    page, *_ = home
    first, last = page.figures[1].values
    assert [one.keys["counted"] for one in first.failed] == [
        "M1:failed_first:standard",
        "M1:failed_first:standard:control",
    ]
    assert [one.keys["attempt"] for one in (*first.failed, *last.failed)] == ["first", "first", "last", "last"]
    assert int(first.failed[0].text) < int(first.failed[1].text)


@pytest.mark.parametrize(("place", "measure"), [(0, "failed_first"), (1, "failed_final")])
def test_each_rate_without_faults_has_its_exchanges(home, place: int, measure: str) -> None:
    """Is and was, at the first attempt and after retries, lead to the exchanges that they were counted of."""
    page, *_ = home
    rates = page.figures[1].values[place].without_faults
    assert [dict(rate.keys) for rate in rates] == [
        {"counted": f"M1:{measure}:none{side}", "attempt": "last"} for side in ("", ":control")
    ]
