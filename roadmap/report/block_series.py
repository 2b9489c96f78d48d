"""Series of both sides by block, for charts, and the block with the smallest difference."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from statistics import median, multimode
from typing import TYPE_CHECKING, Any

from metrics.measures.comparison import block_series
from roadmap.judge.evidence import milestone_question
from roadmap.wording.dates import days_between
from roadmap.wording.gains import less_time
from roadmap.wording.numbers import count, plural, time_unit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlite_utils import Database

    from roadmap.plan.milestones import Milestone, Plan


def peak_s(weeks: Sequence[BlockPoint]) -> float:
    """Return the highest number of either side; 0 where there is none."""
    seconds = [value for week in weeks for value in (week.control_s, week.subject_s) if value is not None]
    return max(seconds, default=0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallestDifference:
    """The block with both sides in which the least was saved."""

    week: BlockPoint
    text: str  #: which block it is, and how much was saved
    note: str  #: how else a block of another length differs; "" for one of the usual length


def smallest_difference(weeks: Sequence[BlockPoint]) -> SmallestDifference | None:
    """Return the block with the least saved; None where fewer than two blocks have both sides."""
    both = [
        (1 - week.subject_s / week.control_s, week) for week in weeks if week.control_s and week.subject_s is not None
    ]
    if len(both) < 2:
        return None
    saved, week = min(both, key=lambda pair: pair[0])
    unit = time_unit(peak_s(weeks))
    amounts = (
        f"{unit.text(week.subject_s or 0.0)} with the service, {unit.text(week.control_s or 0.0)} with the monolith"
    )
    when = f"{'on' if _days(week) == 1 else 'from'} {days_between(week.block, week.block_end)}"
    usual, note = _usual_length(week, [other for _, other in both])
    long = "" if _days(week) == usual else f" ({plural(_days(week), 'day')})"
    text = f"Least saved {when}{long}: {less_time(saved, 0 if abs(saved) >= 0.095 else 1)}, {amounts}."
    return SmallestDifference(week=week, text=text, note=note)


def _usual_length(week: BlockPoint, weeks: Sequence[BlockPoint]) -> tuple[int, str]:
    """Return the usual number of days of a block, and what a block of another length contains, as far as counted."""
    usual, *others = multimode(_days(other) for other in weeks)
    days = _days(week)
    if others:  # no length is the usual one
        return days, ""
    if days == usual or week.subject_exchanges is None or week.subject_held is None:
        return usual, ""
    usual_weeks = [other for other in weeks if _days(other) == usual]
    exchanges = median(other.subject_exchanges for other in usual_weeks if other.subject_exchanges is not None)
    held = median(other.subject_held for other in usual_weeks if other.subject_held is not None)
    own = f"{count(week.subject_exchanges)} exchanges for {count(week.subject_held)} records"
    middle = f"{count(exchanges)} for {count(held)}"
    return usual, f"The service had {own} in it; the median block of {plural(usual, 'day')} has {middle}."


def _days(week: BlockPoint) -> int:
    return (week.block_end - week.block).days + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneSpan:
    """The days in which one milestone's subject is the service in use; spans never overlap."""

    milestone: Milestone
    start: date
    end: date
    target: float | None  #: share of the baseline's time to be saved

    @property
    def code(self) -> str:
        """The milestone's code."""
        return self.milestone.code


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockPoint:
    """One block of both sides; busy seconds and failures are per 1,000. None: that side was not measured in it."""

    block: date
    block_end: date
    milestone: str
    control_s: float | None
    subject_s: float | None
    target_s: float | None
    control_held: int | None
    subject_held: int | None
    control_first: float | None
    subject_first: float | None
    control_after: float | None
    subject_after: float | None
    control_exchanges: int | None
    subject_exchanges: int | None


def last_block_end(db: Database, today: date) -> date | None:
    """Return the last day of the newest block that has ended by a day; None where there is none."""
    sql = "SELECT MAX(block_end) FROM run_block WHERE block_end <= ?"
    last = db.execute(sql, (today.isoformat(),)).fetchone()[0]
    return date.fromisoformat(last) if last else None


def milestone_spans(plan: Plan, built: int, today: date) -> list[MilestoneSpan]:
    """Return the span of each built milestone: from its start to the day before the next one's."""
    started = sorted((m for m in plan.measured if m.level <= built and m.start <= today), key=lambda m: m.start)
    ends = [*(later.start - timedelta(days=1) for later in started[1:]), *([today] if started else [])]
    return [
        MilestoneSpan(milestone=milestone, start=milestone.start, end=min(end, today), target=time_target(milestone))
        for milestone, end in zip(started, ends, strict=True)
        if milestone.start <= end
    ]


def time_target(milestone: Milestone) -> float | None:
    """Return a milestone's target for the time saved, of a metric before a guardrail; None where it has none."""
    targets = (*milestone.metrics, *milestone.guardrails)
    return next((target.value for target in targets if target.name == "busy_time_saved"), None)


def block_points(db: Database, parts: Iterable[MilestoneSpan], mode: str, faults: str) -> list[BlockPoint]:
    """Return both sides by block, in order.

    Sums run over all feeds of the milestone's scope and over rounds; the mix of feeds is not held constant here.
    """
    return [
        _block_point(row, part)
        for part in parts
        for row in block_series(db, milestone_question(part.milestone, part.end, mode, faults))
    ]


def _block_point(row: dict[str, Any], part: MilestoneSpan) -> BlockPoint:
    control_s = _per_thousand(row["control_busy_s"], row["control_held"])
    return BlockPoint(
        block=date.fromisoformat(row["block"]),
        block_end=date.fromisoformat(row["block_end"]),
        milestone=part.code,
        control_s=control_s,
        subject_s=_per_thousand(row["subject_busy_s"], row["subject_held"]),
        target_s=None if control_s is None or part.target is None else control_s * (1 - part.target),
        control_held=row["control_held"],
        subject_held=row["subject_held"],
        control_first=_per_thousand(row["control_first_failed"], row["control_exchanges"]),
        subject_first=_per_thousand(row["subject_first_failed"], row["subject_exchanges"]),
        control_after=_per_thousand(row["control_still_failed"], row["control_exchanges"]),
        subject_after=_per_thousand(row["subject_still_failed"], row["subject_exchanges"]),
        control_exchanges=row["control_exchanges"],
        subject_exchanges=row["subject_exchanges"],
    )


def _per_thousand(amount: float | None, of: float | None) -> float | None:
    return None if amount is None or not of else amount / of * 1000
