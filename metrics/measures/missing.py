"""Why a reading has no number or no range yet, in words: what is missing, and which command produces it."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from metrics.day_text import day_text
from metrics.events import parse_subject
from metrics.question import block_days, block_word
from metrics.replayed_years import year_option

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from metrics.measures.window import Window

    Floats = NDArray[np.float64]

#: Why an older measurement has no number.
NOT_COUNTED = "it was measured by a release that did not count this; `milepost metrics measure` measures it again"

#: Why production has no number.
NOT_SEEN_LIVE = "live runs do not show what the partner holds; `milepost metrics measure` counts it in a replay"

#: Why production has no number of what only measured runs record.
NOT_RECORDED_LIVE = "some runs did not record it, as a log that was imported does not"

NONE_DUE = "no record was due in this period"


def missing_blocks(window: Window, blocks: int) -> str:
    """Return how many blocks are missing and about when they could be complete; empty where there are enough."""
    question = window.question
    if blocks >= question.min_blocks:
        return ""
    word = block_word(question.mode)
    last = date.fromisoformat(window.blocks[-1][1]) if window.blocks else question.start
    enough = last + timedelta(days=block_days(question.mode) * (question.min_blocks - blocks))
    return f"{blocks} of {question.min_blocks} {word}s; enough around {day_text(enough)} at this rate"


def why_not_recorded(window: Window) -> str:
    """Return why a count of the subject's own runs is missing."""
    if not window.subject_blocks():
        return _why_not_run(window, window.question.subject)
    return NOT_COUNTED if window.question.mode == "replay" else NOT_RECORDED_LIVE


def why_not_counted(window: Window) -> str:
    """Return why a count at the partner is missing; production cannot see the partner's store."""
    if not window.subject_blocks():
        return _why_not_run(window, window.question.subject)
    return NOT_COUNTED if window.question.mode == "replay" else NOT_SEEN_LIVE


def why_no_answers(window: Window) -> str:
    """Return why the records of both sides are not compared."""
    if window.answers:
        return f"the partner holds no record of {window.question.subject} or of {window.question.control}"
    if window.question.mode == "replay":
        return _why_one_side(window) or NOT_COUNTED
    return why_not_counted(window)


def why_no_difference(window: Window) -> str:
    """Return why the failures of both sides are not compared."""
    return _why_one_side(window) or _nothing_in_common(window)


def why_no_time(window: Window) -> str:
    """Return why the processing times of both sides are not compared: the first condition that does not hold.

    Both sides must have run, with known records and some processing time, the control must have delivered a record, and
    all of this in the same stratum, which has a weight.
    """
    question = window.question
    if why := _why_one_side(window):
        return why
    sides = {question.subject: window.subject, question.control: _control(window)}
    for name, side in sides.items():
        known = ~np.isnan(side["busy_ns"] + side["held"])
        if not known.any():
            return f"how many records {name} delivered is not known, so nothing is compared"
        if not side["busy_ns"][known].any():
            return f"all runs of {name} took 0 seconds of processing time, so there is no time to compare"
    control = sides[question.control]
    if not np.nansum(control["held"]):
        return f"{_delivered_nothing(question.control, control)}, so a record of it has no cost to compare with"
    return _why_no_stratum(window)


def _why_no_stratum(window: Window) -> str:
    """Return why no stratum can be compared, although both sides have time and records in some."""
    question = window.question
    subject, control = window.paired if window.is_paired() else window.unpaired
    shared = np.asarray(subject.known.any(axis=1) & control.known.any(axis=1))
    if not shared.any():
        return _nothing_in_common(window)
    where = "in the feeds and sizes of file that both have"
    for name, side in ((question.subject, subject), (question.control, control)):
        if not side.busy_s[shared].any():
            return f"{where}, all runs of {name} took 0 seconds of processing time, so there is no time to compare"
    if not control.held[shared].any():
        return f"{where}, {question.control} delivered no record, so a record of it has no cost to compare with"
    if not window.weights[shared].any():
        return f"{where}, {question.control} has no share of the processing time by which they are weighted"
    return f"{where}, one side took 0 seconds of processing time, or {question.control} delivered no record"


def _why_one_side(window: Window) -> str:
    """Return why there is nothing of one of the sides; empty where both have run."""
    question = window.question
    if not window.subject_blocks():
        return _why_not_run(window, question.subject)
    if not np.isnan(_control(window)["attempts"]).all():
        return ""
    if question.mode == "replay":
        return _why_not_run(window, question.control)
    control = f"the {question.control}" if question.control == "monolith" else question.control
    return (
        f"nothing is known of {control} to compare it with; `milepost metrics record` measures it, "
        "`milepost metrics import` reads a log of it"
    )


def _control(window: Window) -> Mapping[str, Floats]:
    """Return the control's data; in production with its history."""
    return window.control if window.question.mode == "replay" else window.history


def _why_not_run(window: Window, name: str) -> str:
    """Return that a side has not run, and the command that runs it; of a time that lies ahead, when it begins."""
    question = window.question
    if question.start > question.end:
        return f"{name} counts from {day_text(question.start)}"
    since = f"since {day_text(question.start)}"
    if question.mode == "replay":
        faults = {
            "none": " without faults", "standard": " under the standard faults", "stress": " in the stress series",
        }.get(question.faults, "")  # fmt: skip
        command = (
            f"milepost metrics measure --subjects {question.control},{question.subject} --faults {question.faults}"
            f"{year_option(question.start)}"
        )
        return f"{name} has not been measured{faults} {since}; `{command}` does it"
    level = parse_subject(name)[1]
    command = f"milepost run --level {level}" if level else "milepost metrics record"
    return f"{name} has not run in production {since}; `{command}`, then `milepost metrics collect`"


def _nothing_in_common(window: Window) -> str:
    question = window.question
    text = f"{question.subject} and {question.control} have no feed and size of file in common"
    return f"{text} in the same {block_word(question.mode)}" if window.is_paired() else text


def _delivered_nothing(name: str, side: Mapping[str, Floats]) -> str:
    due = float(np.nansum(side["due"])) if "due" in side else 0.0
    return f"{name} delivered none of the {due:,.0f} records due" if due else f"{name} delivered no record"
