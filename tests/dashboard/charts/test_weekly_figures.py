"""Figures: valid for plotly, honest axes, gaps as gaps, and one set of colours with the style sheet."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest

import dashboard
from dashboard.charts import weekly_figures
from dashboard.charts.layout import MarkedDay, PlotlyFigure
from dashboard.charts.theme import PALETTES
from dashboard.charts.weekly import failures_title
from dashboard.queries.weekly import WEEKLY_COLUMNS
from roadmap.wording.numbers import time_unit

CSS = Path(dashboard.__file__).with_name("static") / "milepost.css"
WEEKS = [("2013-03-18", "M1", 9.0, 3.0), ("2013-03-25", "M1", 10.0, None), ("2013-04-01", "M2", 11.0, 4.0)]


@pytest.fixture
def frame() -> pd.DataFrame:
    """Three weeks over a milestone switch, the service missing in one."""
    rows = [
        dict.fromkeys(WEEKLY_COLUMNS, 50.0)
        | {
            "block": date.fromisoformat(block),
            "block_end": date.fromordinal(date.fromisoformat(block).toordinal() + 6),
            "milestone": code, "control_s": control, "subject_s": subject, "target_s": control * 0.7,
        }
        for block, code, control, subject in WEEKS
    ]  # fmt: skip
    return pd.DataFrame(rows)


MARKS = [MarkedDay(day=date(2013, 3, 18), text="M1 Receive"), MarkedDay(day=date(2013, 4, 1), text="M2 More")]


def every(frame: pd.DataFrame) -> list[PlotlyFigure]:
    """One figure of each kind."""
    window = (date(2013, 3, 18), date(2013, 3, 31))
    return [
        weekly_figures.draw_busy(frame, MARKS, window, "30% less", time_unit(11.0)),
        weekly_figures.draw_failed(frame, MARKS, None),
    ]


def test_plotly_takes_every_figure(frame: pd.DataFrame) -> None:
    """Each figure has only properties that plotly knows."""
    for figure in every(frame):
        assert len(go.Figure(figure).data) == len(figure["data"]) > 0


def test_rates_and_durations_start_at_zero(frame: pd.DataFrame) -> None:
    """No vertical axis of a rate or a duration is cut off."""
    busy, failed = every(frame)
    axes = [busy["layout"]["yaxis"], failed["layout"]["yaxis"], failed["layout"]["yaxis2"]]
    assert [axis["range"][0] for axis in axes] == [0, 0, 0]


def test_a_missing_week_is_a_gap_and_a_new_milestone_breaks_the_line(frame: pd.DataFrame) -> None:
    """The service's line holds None where a week is missing, and does not run across a milestone switch."""
    lines = {trace["meta"]: trace for trace in every(frame)[0]["data"]}
    assert lines["service"]["y"] == [3.0, None, None, 4.0]
    assert lines["baseline"]["y"] == [9.0, 10.0, 11.0]
    assert lines["service"]["connectgaps"] is False


def test_lines_differ_in_more_than_colour(frame: pd.DataFrame) -> None:
    """Monolith dashed, service solid, target dash-dot, each named on the line, and no legend."""
    busy = every(frame)[0]
    assert {trace["meta"]: trace["line"]["dash"] for trace in busy["data"]} == {
        "baseline": "dash", "service": "solid", "target": "dashdot",
    }  # fmt: skip
    labels = {note["text"] for note in busy["layout"]["annotations"] if note["name"].endswith(" label")}
    assert labels == {"monolith", "service", "30% less"}
    assert busy["layout"]["showlegend"] is False


def test_every_coloured_part_names_its_role(frame: pd.DataFrame) -> None:
    """Traces, shapes and annotations carry the token that the page dresses them by."""
    for figure in every(frame):
        roles = {trace["meta"] for trace in figure["data"]} | {shape["name"] for shape in figure["layout"]["shapes"]}
        roles |= {note["name"].split()[0] for note in figure["layout"]["annotations"]}
        assert roles <= set(PALETTES["light"])


def test_charts_and_style_sheet_share_their_tokens() -> None:
    """A colour that is changed in one place only is caught."""
    light, dark = (dict(re.findall(r"--([a-z]+): (#[0-9A-F]{6})", part)) for part in blocks_of(CSS.read_text()))
    for scheme, tokens in (("light", light), ("dark", dark)):
        for role, color in PALETTES[scheme].items():
            assert tokens[role] == color, (scheme, role)


def blocks_of(css: str) -> tuple[str, str]:
    """The light and the dark block of tokens."""
    blocks = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    return blocks[0], blocks[1]


def test_the_page_reserves_each_charts_height() -> None:
    """The height a chart will have is in a style sheet, so that nothing jumps."""
    css = "".join(sheet.read_text() for sheet in CSS.parent.glob("*.css"))
    for name, height in weekly_figures.HEIGHTS_PX.items():
        assert f".chart.{name} {{ min-height: {height}px; }}" in css


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("role", ["ink", "muted", "service", "baseline", "target"])
def test_text_and_lines_stand_out_from_the_page(scheme: str, role: str) -> None:
    """Every colour that names something has a contrast of 4.5 to 1 or more on its page."""
    palette = PALETTES[scheme]
    for ground in ("surface", "band"):
        assert contrast(palette[role], palette[ground]) >= 4.5


def contrast(one: str, other: str) -> float:
    """The WCAG contrast of two colours."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def luminance(color: str) -> float:
    """The WCAG relative luminance of #RRGGBB."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_title_says_so_where_neither_side_fails_more(frame: pd.DataFrame) -> None:
    """“Fewer in 0 of 44 days” would sound like a failure of the service, where there is none on either side."""
    even = frame.assign(control_first=0.0, subject_first=0.0)
    assert failures_title(even, "week") == f"As many failed first attempts in {len(even)} of {len(even)} weeks"
    assert failures_title(frame.assign(control_first=50.0, subject_first=0.0), "week").startswith("Fewer failed")
