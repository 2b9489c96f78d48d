"""What the milestones page says: verdicts as rows of words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.presenters.key_figures import describe_evidence
from metrics.measures.registry import MEASURES
from roadmap.wording import dates, gains, numbers, text
from roadmap.wording import numbers as wording_numbers
from roadmap.wording import verdicts as roadmap_words
from roadmap.wording.dates import slip_basis, slip_parts
from roadmap.wording.decisions import DECIDED, decision_text
from roadmap.wording.gains import under_faults
from roadmap.wording.numbers import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from metrics.measures.reading import Reading
    from roadmap.criteria import Criterion
    from roadmap.model import Decision, Reason, Verdict
    from roadmap.plan.milestones import Milestone


@dataclass(frozen=True, slots=True, kw_only=True)
class CriterionRow:
    """One criterion in words."""

    title: str
    key: str  #: "CODE:MEASURE:FAULTS", by which the runs that it counts are found
    role: str
    faults: str
    target: str
    measured: str
    none: bool  #: nothing was measured
    range: str
    ranged: bool
    counted: str
    counted_keys: Mapping[str, str]  #: what picks exactly what it counts; none where these are no runs or exchanges
    proof: str
    verdict: str
    said: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneRow:
    """One milestone in words."""

    code: str
    title: str
    objective: str
    subject: str
    days: str
    status: str
    status_said: str
    why: str
    reasons: tuple[Reason, ...]
    gain: str
    gain_range: str
    gain_key: str  #: by which the runs behind the gain are found; "" where there is no gain
    target: str
    due: str
    proven: str
    slip: str
    slip_why: str
    decided: str  #: what somebody decided last; "" where nobody did
    holds: str  #: "paused" or "stopped" while such a decision holds, else ""
    decided_why: str
    spent: str
    criteria: tuple[CriterionRow, ...]


#: What readings count that is a list of runs, and what picks it among those of their blocks.
COUNTED_KEYS: Mapping[str, Mapping[str, str]] = {"runs": {}, "exchanges": {"attempt": "last"}}


def milestone_rows(
    milestones: Sequence[Milestone],
    verdicts: Sequence[Verdict],
    spent: Mapping[str, float],
    today: date,
    decided: Mapping[str, Decision] | None = None,
    mode: str = "replay",
) -> list[MilestoneRow]:
    """Every milestone of the plan in words, in the plan's order.

    `verdicts` are those of the numbers alone; `decided` is the last decision on each, which stands beside them.
    """
    last = decided or {}
    return [
        milestone_row(milestone, verdict, spent.get(milestone.code), today, last.get(milestone.code), mode)
        for milestone, verdict in zip(milestones, verdicts, strict=True)
    ]


def milestone_row(
    milestone: Milestone,
    verdict: Verdict,
    spent: float | None,
    today: date,
    decided: Decision | None = None,
    mode: str = "replay",
) -> MilestoneRow:
    """One milestone in words."""
    timed = next((c for c in verdict.criteria if c.name == "busy_time_saved"), None)
    reading = timed.reading if timed else None
    late = verdict.proven_on is not None and verdict.proven_on > verdict.due
    gain = "not measured"
    if timed and reading is not None and reading.estimate is not None:
        gain = gains.gained(reading.estimate, reading.low, reading.high, timed.target)
    return MilestoneRow(
        code=verdict.code,
        title=verdict.title,
        objective=verdict.objective,
        subject=verdict.subject,
        days=dates.days_between(verdict.start, verdict.due),
        status=verdict.status,
        status_said=roadmap_words.STATUS[verdict.status] + (" late" if late else ""),
        why=text.sentence(verdict.reasons[0].text) if verdict.reasons else "",
        reasons=verdict.reasons,
        gain=gain,
        gain_range=_likely(reading, timed.target if timed else None),
        gain_key=reading_key(verdict.code, timed) if timed and reading and reading.estimate is not None else "",
        target=numbers.percent(timed.target) if timed else "none set",
        due=dates.day(verdict.due),
        proven=dates.day(verdict.proven_on) if verdict.proven_on else "not yet",
        slip=describe_slip(verdict, today),
        slip_why=slip_basis(verdict.first_due, verdict.due, verdict.proven_on),
        decided=decision_text(decided.choice, decided.owner, until=decided.until) if decided else "",
        holds=DECIDED[decided.choice] if decided and decided.holds(today) else "",
        decided_why=f"{dates.day(decided.as_of)}: {decided.why}" if decided else "",
        spent=roadmap_words.spent_text(spent, milestone.budget),
        criteria=tuple(_criterion_row(verdict.code, criterion, verdict.status, mode) for criterion in verdict.criteria),
    )


def reading_key(code: str, criterion: Criterion) -> str:
    """By which the runs that a criterion's reading counts are found."""
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


def _criterion_row(code: str, c: Criterion, status: str, mode: str) -> CriterionRow:
    reading = c.reading
    known = reading is not None and reading.estimate is not None
    waits = status == "not_started" and not known
    return CriterionRow(
        title=MEASURES[c.name].title,
        key=reading_key(code, c) if known else "",
        role="Target" if c.role == "metric" else "Guardrail",
        faults=under_faults(c.faults, mode),
        target=roadmap_words.target_text(c.direction, c.target, c.unit),
        measured=_measured(c) if known else "not yet",
        none=not known,
        range=_range(c),
        ranged=reading is not None and reading.low is not None,
        counted=counted(reading.n, reading.n_of) if reading is not None and known else "nothing yet",
        counted_keys=_counted_keys(code, c) if known else {},
        proof=describe_evidence(reading, short=True) if reading is not None and known else "",
        verdict=c.verdict,
        said="waits" if waits else roadmap_words.VERDICT[c.verdict],
        why="" if waits else c.why.split("; `")[0],
    )


def _counted_keys(code: str, c: Criterion) -> dict[str, str]:
    if c.reading is None or c.reading.n_of not in COUNTED_KEYS:
        return {}
    return {"counted": reading_key(code, c), **COUNTED_KEYS[c.reading.n_of]}


def _measured(c: Criterion) -> str:
    if c.reading is None or c.reading.estimate is None:
        return "not yet"
    value = c.reading.estimate
    if c.unit != "share":
        return numbers.count(value) if value == round(value) else f"{value:,.1f}"
    if c.kind == "census":
        apart = c.reading.n - round(value * c.reading.n)
        return "all" if apart == 0 else f"all but {apart:,}"
    if c.name == "busy_time_saved":
        return gains.gained(value, c.reading.low, c.reading.high, c.target)
    return numbers.percent(value, numbers.digits_of(value, c.reading.low, c.reading.high, c.target))


def _range(c: Criterion) -> str:
    if c.reading is None or c.reading.estimate is None:
        return wording_numbers.DASH
    if c.kind == "census":
        return "counted in full"
    if c.reading.low is None or c.reading.high is None:
        return "too early"
    if c.unit == "share":
        return numbers.span(c.reading.low, c.reading.high, c.target)
    return f"{c.reading.low:,.1f} to {c.reading.high:,.1f}"
