"""The table of the one-page report: a row a milestone, as many as fit."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from metrics.measures.registry import MEASURES
from roadmap.report.verdict_text import status_text
from roadmap.wording.dates import day, slip_parts
from roadmap.wording.gains import gained, less_time
from roadmap.wording.numbers import MISSING, count, odds_text, span
from roadmap.wording.sentences import shortened
from roadmap.wording.verdicts import PRESSING, STATUS, VERDICT, target_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from roadmap.criteria import Criterion
    from roadmap.model import Verdict

#: The most milestones with a reason each; with ordinary type size; in all.
ROOMY, DENSE, MOST = 3, 8, 12

#: Characters of a title and of a reason, by how full the page is.
TITLES = {"roomy": 60, "close": 48, "dense": 40}
REASONS = {"roomy": 72, "close": 0, "dense": 0}

#: Short forms of reasons, by the part of the code before the measure.
SHORT = {
    **{name: VERDICT[name] for name in ("inconclusive", "insufficient", "invalid", "unproven")},
    "not_met": "short of the target", "breached": "not held",
    "ceiling": "out of reach by the due date", "floor": "out of reach by the due date",
    "unlikely": "unlikely by the due date", "late": "expected after the due date",
}  # fmt: skip

#: Statuses that are omitted first where not all fit, the last one first; pressing ones go last.
LAST = ("proven", "not_started")


@dataclass(frozen=True, slots=True, kw_only=True)
class OnePageRow:
    """One milestone in words; unknown values are words, too."""

    code: str
    title: str
    why: str  #: "" where it does not fit
    status: str  #: a key of `STATUS`, for the icon
    status_text: str
    status_note: str  #: "12 days late", "regressed since", or ""
    gain: str
    range: str
    target: str
    due: str
    slip: str  #: against the first plan; "" while it is as planned
    proven: str  #: the day it was proven, or "not yet"
    forecast: str
    spent: str
    budget: str


def one_page_rows(verdicts: Sequence[Verdict], today: date, fill: str) -> tuple[tuple[OnePageRow, ...], str]:
    """Return the rows that fit, in the plan's order, and a sentence on the others.

    Args:
        verdicts: all milestones.
        today: the day that the page is as of.
        fill: how full the page is: "roomy", "close" or "dense".
    """
    order = sorted(range(len(verdicts)), key=lambda n: (_weight(verdicts[n].status), n))
    shown = set(order[:MOST])
    left = Counter(STATUS[v.status] for n, v in enumerate(verdicts) if n not in shown)
    counts = ", ".join(f"{number:,} {status}" for status, number in left.items())
    omitted = f"And {left.total():,} more in the dashboard: {counts}." if left else ""
    return tuple(_row(v, today, fill) for n, v in enumerate(verdicts) if n in shown), omitted


def _weight(status: str) -> int:
    if status in PRESSING:
        return 0
    return 2 + LAST.index(status) if status in LAST else 1


def _row(v: Verdict, today: date, fill: str) -> OnePageRow:
    timed = next((c for c in v.criteria if c.name == "busy_time_saved"), None)
    gain, likely = _gain(timed)
    return OnePageRow(
        code=shortened(v.code, 14),
        title=shortened(v.title, TITLES[fill]),
        why=_why(v, REASONS[fill]),
        status=v.status,
        status_text=STATUS[v.status],
        status_note=status_text(v).removeprefix(STATUS[v.status]).removeprefix(", "),
        gain=gain,
        range=likely,
        target="none set" if timed is None else target_text(timed.direction, timed.target, timed.unit),
        due=day(v.due),
        slip=_slip(v, today, fill),
        proven=day(v.proven_on) if v.proven_on else "not yet",
        forecast="" if v.proven_on else _forecast(v, today),
        spent=MISSING if v.spent is None else count(v.spent),
        budget="" if v.budget is None else f"of {count(v.budget)}",
    )


def _why(v: Verdict, most: int) -> str:
    """Return the first reason, without saying whether it is a fact or a forecast.

    A reason that is too long is replaced by its short form; its numbers are in the row or in the full report.
    """
    if not v.reasons or not most:
        return ""
    first = v.reasons[0]
    text = first.text.removeprefix("fact: ").removeprefix("forecast: ")
    *_, kind, name = ["", *first.code.split(":")]
    if len(text) > most and kind in SHORT and name in MEASURES:
        text = f"{MEASURES[name].title}: {SHORT[kind]}"
    return shortened(text[:1].upper() + text[1:], most)


def _gain(timed: Criterion | None) -> tuple[str, str]:
    """Return the time saved and its likely range, in words."""
    reading = timed.reading if timed else None
    if timed is None or reading is None or reading.estimate is None:
        return "not measured", ""
    if reading.low is None or reading.high is None:
        return less_time(reading.estimate), "no range yet"
    saved = gained(reading.estimate, reading.low, reading.high, timed.target)
    return saved, f"likely {span(reading.low, reading.high, timed.target)}"


def _slip(v: Verdict, today: date, fill: str) -> str:
    if v.proven_on and not v.slip_days:
        return ""  # the status says how late
    parts = slip_parts(v.first_due, v.due, v.proven_on, today)
    return ", ".join(parts if fill == "roomy" else parts[:1])


def _forecast(v: Verdict, today: date) -> str:
    if today < v.start:
        return f"starts {day(v.start)}"
    metrics = [forecast for forecast in v.forecasts if forecast.role == "metric"]
    odds = [forecast.odds for forecast in metrics if forecast.odds is not None]
    if odds:
        return odds_text(min(odds))
    days = [forecast.expected_on for forecast in metrics if forecast.expected_on is not None]
    return f"around {day(max(days))}" if days else "no forecast"
