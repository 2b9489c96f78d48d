"""The frame of both sides by block, with its gaps."""

from __future__ import annotations

import math
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import roadmap
from dashboard.queries import weekly as queries_weekly
from metrics.store.database import open_reader
from roadmap.plan.loader import load_plan
from roadmap.report import block_series

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

TEMPLATE = Path(roadmap.__file__).with_name("milestones.toml")


def weekly(store: Path, faults: str = "standard") -> pd.DataFrame:
    """The weekly frame of a whole store at level 1."""
    db = open_reader(store)
    parts = block_series.milestone_spans(load_plan(TEMPLATE), built=1, today=date(2013, 12, 31))
    frame = queries_weekly.weekly_frame(db, parts, "replay", faults)
    db.close()
    return frame


def test_every_week_has_both_sides(made_up: Callable[..., Path]) -> None:
    """The whole year gives 52 rows, and the service takes less time than the monolith in each."""
    frame = weekly(made_up())
    assert len(frame) == 52
    assert (frame["subject_s"] < frame["control_s"]).all()
    assert ((frame["target_s"] / frame["control_s"]).round(6) == 0.7).all()


def test_a_week_without_the_service_is_nan_not_zero(made_up: Callable[..., Path]) -> None:
    """A missing side stays missing, in the frame and in the plain rows."""
    frame = weekly(made_up(weeks=8, without=(3,)))
    assert math.isnan(frame["subject_s"].iloc[3])
    assert not math.isnan(frame["control_s"].iloc[3])
    assert queries_weekly.plain_rows(frame, ["block", "subject_s"])[3] == {"block": "2013-01-21", "subject_s": None}


def test_nothing_measured_is_an_empty_frame_with_columns(made_up: Callable[..., Path]) -> None:
    """A subject without runs gives no rows, and no error."""
    frame = weekly(made_up(weeks=2), faults="real")
    assert frame.empty
    assert list(frame) == list(queries_weekly.WEEKLY_COLUMNS)
