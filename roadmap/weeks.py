"""Both sides block by block, each block under the milestone that stood then: what charts are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from metrics.compare import block_series
from roadmap.looks import question

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlite_utils import Database

    from roadmap.plan import Milestone, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """The days in which one milestone's subject is the service that people use; stretches never overlap."""

    milestone: Milestone
    start: date
    end: date
    target: float | None  #: share of the baseline's time to be saved

    @property
    def code(self) -> str:
        """The milestone's code."""
        return self.milestone.code


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
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


def stretches(plan: Plan, built: int, today: date) -> list[Stretch]:
    """Which milestone's service stands when: each built one from its start until the next built one's."""
    standing = sorted((m for m in plan.milestones if m.level <= built and m.start <= today), key=lambda m: m.start)
    ends = [*(later.start - timedelta(days=1) for later in standing[1:]), *([today] if standing else [])]
    return [
        Stretch(milestone=milestone, start=milestone.start, end=min(end, today), target=time_target(milestone))
        for milestone, end in zip(standing, ends, strict=True)
        if milestone.start <= end
    ]


def time_target(milestone: Milestone) -> float | None:
    """The share of time that a milestone wants saved; a metric goes before a guardrail. None: it names none."""
    targets = (*milestone.metrics, *milestone.guardrails)
    return next((target.value for target in targets if target.name == "busy_time_saved"), None)


def weeks(db: Database, parts: Iterable[Stretch], mode: str, faults: str) -> list[Week]:
    """Both sides by block, in order.

    Sums run over all feeds of the milestone's scope and over rounds; the mix is not held still here.
    """
    return [
        _week(row, part) for part in parts for row in block_series(db, question(part.milestone, part.end, mode, faults))
    ]


def _week(row: dict[str, Any], part: Stretch) -> Week:
    control_s = _per_thousand(row["control_busy_s"], row["control_held"])
    return Week(
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
