"""The three figures: each number with the list of exactly the runs that it counts."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

import roadmap
from dashboard.cache.views import Views
from dashboard.charts.line_points import marker_style
from dashboard.config import Config
from dashboard.presenters.home import home_page
from metrics.measures.counted_runs import runs_behind
from metrics.measures.window import load_window
from metrics.queries import runs
from metrics.queries.run_filter import RunFilter
from metrics.store.database import open_reader
from roadmap.judge.evidence import milestone_question
from roadmap.wording import numbers

PLAN = Path(roadmap.__file__).with_name("milestones.toml")


@pytest.fixture
def told(made_up):
    """The front page of a made-up year, the store, and its plan."""
    store = made_up()
    view = Views(Config(store=store, milestones=PLAN, built=1, workspace_name="demo")).newest()
    with closing(open_reader(store)) as db:
        yield view.cached(home_page), db, view


def length(db, view, keys) -> int:
    """How many runs the list holds that keys lead to, counted one by one."""
    code, measure, faults, *side = keys["counted"].split(":")
    milestone = next(one for one in view.plan.milestones if one.code == code)
    asked = milestone_question(milestone, min(view.today, date(2013, 3, 31)), view.mode, faults)
    asked = replace(asked, subject=asked.control) if side else asked
    picked = RunFilter(
        counted=runs_behind(load_window(db, asked), measure),
        states=(keys["state"],) if "state" in keys else (),
        attempt=keys.get("attempt", ""),
    )
    rows, page = [], runs.get_page(db, picked)
    rows += page.rows
    while page.older:
        page = runs.get_page(db, picked, page.older)
        rows += page.rows
    return len(rows)


def test_every_number_is_the_length_of_its_list(told) -> None:
    """Runs compared, exchanges counted and failures, on both sides and under both faults."""
    page, db, view = told
    lists = [line.runs for figure in page.figures for line in figure.evidence]
    lists += [one for figure in page.figures for value in figure.values for one in value.failed]
    assert len(lists) == 7
    for one in lists:
        assert one.text.split()[0] == f"{length(db, view, one.keys):,}", one.keys


def test_failures_stand_beside_those_of_the_monolith(told) -> None:
    """Now and was, at the first attempt and after retries."""
    page, *_ = told
    first, last = page.figures[1].values
    assert [one.keys["counted"] for one in first.failed] == [
        "M1:failed_first:standard",
        "M1:failed_first:standard:control",
    ]
    assert [one.keys["attempt"] for one in (*first.failed, *last.failed)] == ["first", "first", "last", "last"]
    assert int(first.failed[0].text) < int(first.failed[1].text)


@pytest.mark.parametrize(
    ("number", "what", "said"),
    [
        (1, "runs", "1 run"),
        (2, "runs", "2 runs"),
        (1, "records compared", "1 record compared"),
        (0, "exchanges", "0 exchanges"),
    ],
)
def test_one_run_is_one_run(number, what, said) -> None:
    """Nobody reads "1 runs"."""
    assert numbers.counted(number, what) == said


def test_a_point_that_stands_alone_is_a_dot() -> None:
    """Between two gaps a line would not be seen; where it has neighbours, it is a line."""
    assert marker_style(["a", "b", "c"], [1.0, 2.0, 3.0], ".1f") == {"mode": "lines"}
    drawn = marker_style(["a", "b", "c", "d"], [1.0, 2.0, None, 3.0], ".1f")
    assert (drawn["mode"], drawn["marker"]["size"]) == ("lines+markers", [0, 0, 0, 8])


def test_the_only_point_has_its_number() -> None:
    """One live day is a marker with its value, not an empty chart."""
    drawn = marker_style(["2026-11-23"], [12.34], ".1f")
    assert (drawn["mode"], drawn["text"]) == ("markers+text", ["12.3\N{EN SPACE}"])
    assert marker_style(["2026-11-23"], [333.3], ".0f", ["1 of 3"])["text"] == ["1 of 3\N{EN SPACE}"]
