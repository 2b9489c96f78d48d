"""Money beside a gain: what a point of it cost, and when it pays back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from metrics.measures.monthly_effort import MonthlyEffort, SideMonth
from roadmap.worth.figures import WorthFigures
from roadmap.worth.money import cost_per_point, payback_text
from tests.roadmap.judge.judged_milestone import SAVED_READING

SIDE = SideMonth(
    exchanges=100, records=1e4, touches=4, touch_hours=1, first_failed=3, still_failed=1, machine_hours=2,
    wait_p50_s=60, wait_p95_s=600, money=100,
)  # fmt: skip
MONTH = MonthlyEffort(days=90, blocks=90, subject=SIDE, control=SIDE, same_records_money=1000.0)
FIGURES = WorthFigures(
    mode="live", subject="service@4", control="monolith", month=MONTH, prices=None, effort=SAVED_READING
)


@pytest.mark.parametrize(
    ("spent", "changes", "text"),
    [
        (6500, {}, "100 a point of time saved, likely 97.0 to 103"),
        (6500, {"low": -0.1}, "100 a point of time saved, likely 97.0 to no limit"),
        (6500, {"low": None}, "100 a point of time saved, no range yet"),
        (6500, {"estimate": -0.2}, "6,500 spent, and no time saved"),
        (None, {}, ""),
        (-500, {}, ""),
        (6500, {"estimate": None}, ""),
    ],
)
def test_a_point_of_time_saved_has_a_price_with_its_range(spent, changes, text):
    """Where nothing was spent or measured there is none; where nothing was saved it is said."""
    assert cost_per_point(spent, replace(SAVED_READING, **changes)) == text


@pytest.mark.parametrize(
    ("spent", "effort", "mode", "text"),
    [
        (6500, {}, "live", "pays back in 9.7 to 10.3 months"),
        (6500, {"low": 0.0}, "live", "pays back in 9.7 months at best, or never"),
        (6500, {"low": -0.2, "high": 0.0}, "live", "does not pay back"),
        (6500, {"low": None}, "live", "pays back: no range yet"),
        (6500, {}, "replay", ""),
        (None, {}, "live", ""),
    ],
)
def test_it_pays_back_in_a_range_of_months_in_production_alone(spent, effort, mode, text):
    """A replay has no money; an effort saved that may be none may never pay back."""
    figures = replace(FIGURES, mode=mode, effort=replace(SAVED_READING, **effort))
    assert payback_text(spent, figures) == text
