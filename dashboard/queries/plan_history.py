"""What was planned, foreseen and found of each milestone until a day, read back as it was recorded at the time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from metrics.events import parse_subject
from metrics.question import in_scope
from metrics.store.series import newest_series
from roadmap.plan.revisions import Revision, recorded

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlite_utils import Database

    from dashboard.cache.view import View
    from roadmap.plan.milestones import Milestone


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneHistory:
    """One milestone in time: as it was planned first, as it is planned now, and what became of it."""

    code: str
    title: str
    start: date
    due: date
    plans: tuple[Revision, ...]  #: as recorded until the day; empty while none is fixed
    measured_from: date | None  #: first day of evidence
    measured_to: date | None  #: last day of evidence
    proven_on: date | None
    built: bool

    @property
    def first_start(self) -> date | None:
        """The start by the first plan; None while no plan is fixed."""
        return date.fromisoformat(self.plans[0].plan["start"]) if self.plans else None

    @property
    def first_due(self) -> date | None:
        """The due date by the first plan; None while no plan is fixed."""
        return self.plans[0].due if self.plans else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedForecast:
    """When a milestone was expected to be proven, as of one day: with the last of its targets."""

    code: str
    as_of: date
    due: date  #: as planned then
    expected_on: date | None  #: None: not within three years
    last: tuple[str, ...] = ()  #: those of its targets that are; empty where all are


@dataclass(frozen=True, slots=True, kw_only=True)
class CriteriaCount:
    """How many criteria were met or held when all were judged on one day, and how many there were."""

    as_of: date
    met: int
    scope: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanHistory:
    """The whole plan in time."""

    tracks: tuple[MilestoneHistory, ...]
    foreseen: tuple[RecordedForecast, ...]
    reached: tuple[CriteriaCount, ...]


def plan_history(db: Database, seen: View) -> PlanHistory:
    """Plans, forecasts and criteria of a view, as recorded until its day."""
    tracks = tuple(
        _milestone_history(db, seen, milestone, verdict.proven_on)
        for milestone, verdict in zip(seen.plan.milestones, seen.verdicts, strict=True)
    )
    return PlanHistory(
        tracks=tracks,
        foreseen=tuple(one for track in tracks for one in recorded_forecasts(db, track.code, seen.today)),
        reached=criteria_counts(db, seen.today),
    )


def _milestone_history(db: Database, seen: View, milestone: Milestone, proven_on: date | None) -> MilestoneHistory:
    first, last = measured(db, milestone, seen.mode, seen.today)
    return MilestoneHistory(
        code=milestone.code,
        title=milestone.title,
        start=milestone.start,
        due=milestone.due,
        plans=tuple(one for one in recorded(db, milestone.code) if one.as_of <= seen.today),
        measured_from=first,
        measured_to=last,
        proven_on=proven_on,
        built=milestone.level <= seen.built,
    )


def measured(db: Database, milestone: Milestone, mode: str, today: date) -> tuple[date | None, date | None]:
    """First and last day on which a milestone's subject was measured, in its scope and since its start."""
    system, level = parse_subject(milestone.subject)
    sql = (
        "SELECT partner, feed, MIN(block), MAX(block_end) FROM run_block WHERE system = ? AND level = ? AND mode = ? "
        "AND faults = ? AND series = ? AND block >= ? AND block_end <= ? GROUP BY partner, feed"
    )
    days = (milestone.start.isoformat(), today.isoformat())
    found: list[tuple[str, str]] = []
    for faults in _faults(milestone, mode):
        series = "" if mode == "live" else newest_series(db, mode, faults)
        rows = db.execute(sql, (system, level, mode, faults, series, *days)).fetchall()
        found += [between for partner, feed, *between in rows if in_scope(milestone.scope, partner, feed)]
    if not found:
        return None, None
    return date.fromisoformat(min(first for first, _ in found)), date.fromisoformat(max(last for _, last in found))


def _faults(milestone: Milestone, mode: str) -> Iterable[str]:
    if mode == "live":
        return ("real",)
    return sorted({target.faults for target in (*milestone.metrics, *milestone.guardrails)})


def recorded_forecasts(db: Database, code: str, today: date) -> tuple[RecordedForecast, ...]:
    """When a milestone was expected, day by day as recorded: as late as the latest of its targets, never if one is."""
    if not db.table("forecast").exists():  # only older releases have written here; a reader may not add it
        return ()
    sql = (
        "SELECT as_of, name, due, expected_on FROM forecast WHERE code = ? AND as_of <= ? ORDER BY as_of, name, faults"
    )
    told: dict[str, list[tuple[str, str, str | None]]] = {}
    for as_of, *one in db.execute(sql, (code, today.isoformat())).fetchall():
        told.setdefault(as_of, []).append((one[0], one[1], one[2]))
    return tuple(_day_forecast(code, as_of, targets) for as_of, targets in told.items())


def _day_forecast(code: str, as_of: str, targets: list[tuple[str, str, str | None]]) -> RecordedForecast:
    """One day's forecasts of a milestone's targets (name, due, expected), as one."""
    days = [day for _, _, day in targets if day]
    until = max(days) if len(days) == len(targets) else None
    last = {name: None for name, _, day in targets if (day or None) == until}
    all_names = {name for name, _, _ in targets}
    return RecordedForecast(
        code=code,
        as_of=date.fromisoformat(as_of),
        due=date.fromisoformat(max(due for _, due, _ in targets)),
        expected_on=date.fromisoformat(until) if until else None,
        last=tuple(last) if len(last) < len(all_names) else (),
    )


def criteria_counts(db: Database, today: date) -> tuple[CriteriaCount, ...]:
    """Criteria met and in scope on each day that was judged, of all milestones together.

    A milestone counts with its last evaluation of a day, else with the one before; after its last one, when the plan
    has lost it, no more.
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
    standing: dict[str, tuple[int, int]] = {}
    points = []
    for as_of, judged in days.items():
        standing = {code: counts for code, counts in standing.items() if ends[code] >= as_of} | judged
        met, scope = (sum(counts[place] for counts in standing.values()) for place in (0, 1))
        points.append(CriteriaCount(as_of=date.fromisoformat(as_of), met=met, scope=scope))
    return tuple(points)
