"""Who has run of a question that compares nothing yet, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from metrics.events import parse_subject
from metrics.window import load
from roadmap.gain import Sides

if TYPE_CHECKING:
    from sqlite_utils import Database

    from metrics.question import Question
    from metrics.reading import Reading

#: Why both sides together give no number, in a replay, which is compared week by week.
NOTHING_SHARED = "no week in which both have delivered the same feed"


def look(db: Database, asked: Question, reading: Reading) -> Sides:
    """Both sides of a question whose `busy_time_saved` compares nothing."""
    window = load(db, asked)
    live = asked.mode == "live"
    ours, theirs = (
        int(np.nansum(side["attempts"])) for side in (window.subject, window.history if live else window.control)
    )
    step, command = _next(asked, ours, theirs)
    why = (reading.missing if live else NOTHING_SHARED) if ours and theirs else ""
    return Sides(
        subject=asked.subject, control=asked.control, ours=ours, theirs=theirs, why=why, step=step, command=command
    )


def _next(asked: Question, ours: int, theirs: int) -> tuple[str, str]:
    """What to do about it; nothing where both have run in production, as only more of it helps."""
    if asked.mode != "live":
        named = f"milepost metrics measure --subjects {asked.control},{asked.subject} --faults {asked.faults}"
        return "Both are measured by", named
    if not ours:
        return "It runs with", f"milepost run --level {parse_subject(asked.subject)[1]}"
    return ("The monolith’s runs are recorded with", "milepost metrics record") if not theirs else ("", "")
