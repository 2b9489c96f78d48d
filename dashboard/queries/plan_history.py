"""Plans, forecasts and criteria of each milestone until a day, as they were recorded at the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from roadmap.plan.revisions import Revision, recorded_plans

if TYPE_CHECKING:
    from sqlite_utils import Database

    from dashboard.cache.view import View
    from roadmap.model import Verdict
    from roadmap.plan.milestones import Milestone


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneHistory:
    """One milestone in time: its first plan, its present plan, the days measured and the day of proof."""

    code: str
    title: str
    start: date
    due: date
    plans: tuple[Revision, ...]  #: as recorded until the day; empty before the first is recorded
    measured_from: date | None  #: first day of evidence
    measured_to: date | None  #: last day of evidence
    proven_on: date | None
    built: bool

    @property
    def first_start(self) -> date | None:
        """The start by the first plan; None before a plan is recorded."""
        return date.fromisoformat(self.plans[0].plan["start"]) if self.plans else None

    @property
    def first_due(self) -> date | None:
        """The due date by the first plan; None before a plan is recorded."""
        return self.plans[0].due if self.plans else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedForecast:
    """When a milestone was expected to be proven, as of one day: the day of its latest target."""

    code: str
    as_of: date
    due: date  #: as planned then
    expected_on: date | None  #: None: not within three years
    latest_targets: tuple[str, ...] = ()  #: the targets with that day; empty where all have it


@dataclass(frozen=True, slots=True, kw_only=True)
class CriteriaCount:
    """Criteria met or held, and criteria in scope, on a day of judgement."""

    as_of: date
    met: int
    scope: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanHistory:
    """The history of the whole plan."""

    milestones: tuple[MilestoneHistory, ...]
    forecasts: tuple[RecordedForecast, ...]
    criteria: tuple[CriteriaCount, ...]


def plan_history(db: Database, view: View) -> PlanHistory:
    """Return plans, forecasts and criteria of a view, as recorded until its day."""
    milestones = tuple(
        _milestone_history(db, view, milestone, verdict)
        for milestone, verdict in zip(view.plan.milestones, view.verdicts, strict=True)
    )
    return PlanHistory(
        milestones=milestones,
        forecasts=tuple(
            forecast for milestone in milestones for forecast in recorded_forecasts(db, milestone.code, view.today)
        ),
        criteria=criteria_counts(db, view.today),
    )


def _milestone_history(db: Database, view: View, milestone: Milestone, verdict: Verdict) -> MilestoneHistory:
    return MilestoneHistory(
        code=milestone.code,
        title=milestone.title,
        start=milestone.start,
        due=milestone.due,
        plans=tuple(revision for revision in recorded_plans(db, milestone.code) if revision.as_of <= view.today),
        measured_from=verdict.measured_from,
        measured_to=verdict.measured_to,
        proven_on=verdict.proven_on,
        built=milestone.level <= view.built,
    )


def recorded_forecasts(db: Database, code: str, today: date) -> tuple[RecordedForecast, ...]:
    """Return when a milestone was expected, by day of report: the day of its latest target, or None if one has none."""
    if not db.table("forecast").exists():  # an older release has written the store; a reader may not add the table
        return ()
    sql = (
        "SELECT as_of, name, due, expected_on FROM forecast WHERE code = ? AND as_of <= ? ORDER BY as_of, name, faults"
    )
    by_day: dict[str, list[tuple[str, str, str | None]]] = {}
    for as_of, name, due, expected_on in db.execute(sql, (code, today.isoformat())).fetchall():
        by_day.setdefault(as_of, []).append((name, due, expected_on))
    return tuple(_day_forecast(code, as_of, targets) for as_of, targets in by_day.items())


def _day_forecast(code: str, as_of: str, targets: list[tuple[str, str, str | None]]) -> RecordedForecast:
    """Return one day's forecasts of a milestone's targets (name, due, expected) as one."""
    days = [day for _, _, day in targets if day]
    until = max(days) if len(days) == len(targets) else None
    latest = {name: None for name, _, day in targets if (day or None) == until}
    all_names = {name for name, _, _ in targets}
    return RecordedForecast(
        code=code,
        as_of=date.fromisoformat(as_of),
        due=date.fromisoformat(max(due for _, due, _ in targets)),
        expected_on=date.fromisoformat(until) if until else None,
        latest_targets=tuple(latest) if len(latest) < len(all_names) else (),
    )


def criteria_counts(db: Database, today: date) -> tuple[CriteriaCount, ...]:
    """Return criteria met and in scope on each day of judgement, of all milestones together.

    A milestone counts with its last evaluation of a day, else with the one before. It no longer counts after its last
    evaluation, which is when the plan dropped it.
    """
    sql = (
        "SELECT e.as_of, e.code, SUM(r.verdict IN ('met', 'held')), COUNT(*) FROM evaluation e "
        "JOIN metric_result r ON r.evaluation_id = e.id "
        "WHERE e.id IN (SELECT MAX(id) FROM evaluation WHERE as_of <= ? GROUP BY code, as_of) "
        "GROUP BY e.id ORDER BY e.as_of, e.id"
    )
    rows = db.execute(sql, (today.isoformat(),)).fetchall()
    ends = {code: as_of for as_of, code, _, _ in rows}
    days: dict[str, dict[str, tuple[int, int]]] = {}
    for as_of, code, met, scope in rows:
        days.setdefault(as_of, {})[code] = (met, scope)
    current: dict[str, tuple[int, int]] = {}
    points = []
    for as_of, judged in days.items():
        current = {code: counts for code, counts in current.items() if ends[code] >= as_of} | judged
        met, scope = (sum(counts[place] for counts in current.values()) for place in (0, 1))
        points.append(CriteriaCount(as_of=date.fromisoformat(as_of), met=met, scope=scope))
    return tuple(points)
