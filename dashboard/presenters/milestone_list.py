"""Milestones with their criteria, as rows of the milestones page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.presenters.key_figures import describe_evidence
from metrics.measures.registry import MEASURES
from roadmap.wording import dates, gains, numbers, sentences
from roadmap.wording.checkins import checkin_text
from roadmap.wording.dates import slip_basis, slip_parts
from roadmap.wording.decisions import DECIDED, decision_text
from roadmap.wording.gains import under_faults
from roadmap.wording.numbers import counted
from roadmap.wording.verdicts import STATUS, VERDICT, spent_text, target_text
from roadmap.worth.money import cost_per_point

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from metrics.measures.reading import Reading
    from roadmap.criteria import Criterion
    from roadmap.model import Checkin, Decision, Reason, Verdict
    from roadmap.plan.milestones import Milestone


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionRow:
    """One criterion as text."""

    title: str
    key: str  #: "CODE:MEASURE:FAULTS", the name of its reading; "" where nothing was measured
    role: str
    faults: str
    target: str
    measured: str
    is_missing: bool  #: whether nothing was measured
    range: str
    has_range: bool
    counted: str
    counted_keys: Mapping[
        str, str
    ]  #: query keys of exactly what it counts; empty where that is neither runs nor exchanges
    evidence: str
    verdict: str
    verdict_text: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneRow:
    """One milestone as text."""

    code: str
    title: str
    objective: str
    subject: str
    days: str
    status: str
    status_text: str
    why: str
    reasons: tuple[Reason, ...]
    gain: str
    gain_range: str
    gain_key: str  #: the name of the gain's reading; "" where there is no gain
    target: str
    due: str
    proven: str
    slip: str
    slip_basis: str  #: the due dates that the slip compares
    decision: str  #: the last one; "" for none
    hold: str  #: "paused" or "stopped" while such a decision holds, else ""
    decision_reason: str
    spent: str
    spent_missing: bool  #: whether nothing is recorded
    criteria: tuple[CriterionRow, ...]
    checkin: str  #: the latest, in words; "" for none
    payback: str = ""  #: in how many months it pays back; "" without prices
    per_point: str  #: what a point of time saved cost; "" where nothing was spent or measured


#: What readings count that can be listed as runs, with the query keys that pick it among the runs of their blocks.
COUNTED_KEYS: Mapping[str, Mapping[str, str]] = {"runs": {}, "exchanges": {"attempt": "last"}}


def milestone_rows(
    milestones: Sequence[Milestone],
    verdicts: Sequence[Verdict],
    spent: Mapping[str, float],
    today: date,
    decisions: Mapping[str, Decision] | None = None,
    mode: str = "replay",
) -> list[MilestoneRow]:
    """Return every milestone of the plan as a row, in the plan's order.

    `verdicts` are those without decisions; `decisions` has the last decision on each.
    """
    last = decisions or {}
    return [
        milestone_row(milestone, verdict, spent.get(milestone.code), today, last.get(milestone.code), mode)
        for milestone, verdict in zip(milestones, verdicts, strict=True)
    ]


def milestone_row(
    milestone: Milestone,
    verdict: Verdict,
    spent: float | None,
    today: date,
    decision: Decision | None = None,
    mode: str = "replay",
) -> MilestoneRow:
    """Return one milestone as a row."""
    time_saved = next((criterion for criterion in verdict.criteria if criterion.name == "busy_time_saved"), None)
    reading = time_saved.reading if time_saved else None
    is_late = verdict.proven_on is not None and verdict.proven_on > verdict.due
    gain = "not measured" if milestone.is_measured else "no measure"
    if time_saved and reading is not None and reading.estimate is not None:
        gain = gains.gained(reading.estimate, reading.low, reading.high, time_saved.target)
    return MilestoneRow(
        code=verdict.code,
        title=verdict.title,
        objective=verdict.objective,
        subject=verdict.subject,
        days=dates.days_between(verdict.start, verdict.due),
        status=verdict.status,
        status_text=STATUS[verdict.status] + (" late" if is_late else ""),
        why=sentences.sentence(verdict.reasons[0].text) if verdict.reasons else "",
        reasons=verdict.reasons,
        gain=gain,
        gain_range=_likely(reading, time_saved.target if time_saved else None),
        gain_key=reading_key(verdict.code, time_saved)
        if time_saved and reading and reading.estimate is not None
        else "",
        target=numbers.percent(time_saved.target) if time_saved else "none set",
        due=dates.day(verdict.due),
        proven=dates.day(verdict.proven_on) if verdict.proven_on else "not yet",
        slip=describe_slip(verdict, today),
        slip_basis=slip_basis(verdict.first_due, verdict.due, verdict.proven_on),
        decision=decision_text(decision.choice, decision.owner, until=decision.until) if decision else "",
        hold=DECIDED[decision.choice] if decision and decision.holds(today) else "",
        decision_reason=f"{dates.day(decision.as_of)}: {decision.why}" if decision else "",
        spent=spent_text(spent, milestone.budget),
        spent_missing=spent is None,
        criteria=tuple(_criterion_row(verdict.code, criterion, verdict.status, mode) for criterion in verdict.criteria),
        per_point=cost_per_point(spent, reading),
        checkin=describe_checkin(verdict.checkin, verdict.counts) if verdict.checkin else "",
    )


def describe_checkin(checkin: Checkin, counts: str) -> str:
    """Return a check-in in words; `counts` is what its numbers count."""
    return checkin_text(checkin.text, checkin.by, checkin.as_of, checkin.done, checkin.of, counts)


def reading_key(code: str, criterion: Criterion) -> str:
    """Return the name of a criterion's reading, by which a filter picks its runs."""
    return f"{code}:{criterion.name}:{criterion.faults}"


def describe_slip(verdict: Verdict, today: date) -> str:
    """Return how far a milestone is from its first plan; while it is as planned, the days left."""
    if parts := slip_parts(verdict.first_due, verdict.due, verdict.proven_on, today):
        return "; ".join(parts)
    if verdict.start > today:
        return "not started"
    left = (verdict.first_due - today).days
    return f"{numbers.plural(left, 'day')} left" if left else "due today"


def _likely(reading: Reading | None, target: float | None) -> str:
    if reading is None or reading.low is None or reading.high is None:
        return ""
    return f"likely {numbers.span(reading.low, reading.high, target)}"


def _criterion_row(code: str, criterion: Criterion, status: str, mode: str) -> CriterionRow:
    reading = criterion.reading
    is_measured = reading is not None and reading.estimate is not None
    waits = status == "not_started" and not is_measured
    return CriterionRow(
        title=MEASURES[criterion.name].title,
        key=reading_key(code, criterion) if is_measured else "",
        role="Target" if criterion.role == "metric" else "Guardrail",
        faults=under_faults(criterion.faults, mode),
        target=target_text(criterion.direction, criterion.target, criterion.unit),
        measured=_measured(criterion) if is_measured else "not yet",
        is_missing=not is_measured,
        range=_range(criterion),
        has_range=reading is not None and reading.low is not None,
        counted=counted(reading.n, reading.n_of) if reading is not None and is_measured else "nothing yet",
        counted_keys=_counted_keys(code, criterion) if is_measured else {},
        evidence=describe_evidence(reading, short=True) if reading is not None and is_measured else "",
        verdict=criterion.verdict,
        verdict_text="waits" if waits else VERDICT[criterion.verdict],
        why="" if waits else criterion.why.split("; `")[0],
    )


def _counted_keys(code: str, criterion: Criterion) -> dict[str, str]:
    if criterion.reading is None or criterion.reading.n_of not in COUNTED_KEYS:
        return {}
    return {"counted": reading_key(code, criterion), **COUNTED_KEYS[criterion.reading.n_of]}


def _measured(criterion: Criterion) -> str:
    if criterion.reading is None or criterion.reading.estimate is None:
        return "not yet"
    value = criterion.reading.estimate
    if criterion.unit != "share":
        return numbers.count(value) if value == round(value) else f"{value:,.1f}"
    if criterion.kind == "census":
        missing = criterion.reading.n - round(value * criterion.reading.n)
        return "all" if missing == 0 else f"all but {missing:,}"
    if criterion.name == "busy_time_saved":
        return gains.gained(value, criterion.reading.low, criterion.reading.high, criterion.target)
    return numbers.percent(
        value, numbers.digits_of(value, criterion.reading.low, criterion.reading.high, criterion.target)
    )


def _range(criterion: Criterion) -> str:
    if criterion.reading is None or criterion.reading.estimate is None:
        return numbers.DASH
    if criterion.kind == "census":
        return "counted in full"
    if criterion.reading.low is None or criterion.reading.high is None:
        return "too early"
    if criterion.unit == "share":
        return numbers.span(criterion.reading.low, criterion.reading.high, criterion.target)
    return f"{criterion.reading.low:,.1f} to {criterion.reading.high:,.1f}"
