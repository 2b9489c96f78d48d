"""Points, gaps, markers and labels of the lines of a chart by block."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd

from dashboard.charts.line_points import end_labels, highest_value, line_points, marker_style

FIRST = date(2013, 1, 7)


def frame(*values: float | None, missing: tuple[int, ...] = (), milestones: str = "") -> pd.DataFrame:
    """Weeks with these values; some weeks missing, each under the milestone of its letter."""
    rows = [
        {
            "block": FIRST + timedelta(weeks=number), "block_end": FIRST + timedelta(weeks=number, days=6),
            "milestone": milestones[number : number + 1], "a": value, "b": value,
        }
        for number, value in enumerate(values)
        if number not in missing
    ]  # fmt: skip
    return pd.DataFrame(rows).astype({"a": "float64", "b": "float64"})


def test_a_line_breaks_where_weeks_are_missing_or_the_milestone_changes() -> None:
    """A None stands between the two weeks; the monolith's line goes on at a new milestone."""
    assert line_points(frame(1, None, 3), "a", breaks_at_milestones=True)[1] == [1, None, 3]
    assert line_points(frame(1, 2, 3, missing=(1,)), "a", breaks_at_milestones=False) == (
        ["2013-01-07", "2013-01-13", "2013-01-21"], [1, None, 3],
    )  # fmt: skip
    assert line_points(frame(1, 2, milestones="xy"), "a", breaks_at_milestones=True)[1] == [1, None, 2]
    assert line_points(frame(1, 2, milestones="xy"), "a", breaks_at_milestones=False)[1] == [1, 2]


def test_a_point_between_two_gaps_is_a_dot() -> None:
    """As a line it would be invisible; a point with neighbours is part of the line."""
    assert marker_style(["a", "b", "c"], [1.0, 2.0, 3.0], ".1f") == {"mode": "lines"}
    style = marker_style(["a", "b", "c", "d"], [1.0, 2.0, None, 3.0], ".1f")
    assert (style["mode"], style["marker"]["size"]) == ("lines+markers", [0, 0, 0, 8])


def test_the_only_point_has_its_number() -> None:
    """One live day is a marker with its value, and of a rate with its counts, not an empty chart."""
    style = marker_style(["2026-11-23"], [12.34], ".1f")
    assert (style["mode"], style["text"]) == ("markers+text", ["12.3\N{EN SPACE}"])
    assert marker_style(["2026-11-23"], [333.3], ".0f", ["1 of 3"])["text"] == ["1 of 3\N{EN SPACE}"]


def test_labels_at_the_right_end_do_not_touch() -> None:
    """Two lines that end at one value have their labels 17 pixels apart."""
    lines = (("baseline", "a", "monolith"), ("service", "b", "service"))
    labels = end_labels(frame(1, 2), lines, "y", 4.0, 200.0)
    assert [label["yshift"] for label in labels] == [0, 17]
    assert highest_value(frame(1, None, 2), lines) == 2
