"""Judge a target on a reading. Too little data never gives a good verdict."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from metrics.measures.registry import MEASURES
from roadmap.plan.grades import reaches_grade
from roadmap.wording.dates import day
from roadmap.wording.numbers import percent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from metrics.measures.reading import Reading
    from roadmap.plan.milestones import Milestone
    from roadmap.plan.targets import EvidenceRules, Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One target, its reading, and the verdict.

    `verdict` is met, not_met, inconclusive, insufficient or invalid for a metric; held, breached or unproven for a
    guardrail.
    """

    name: str
    role: str  #: "metric" or "guardrail"
    direction: str  #: "at_least" or "at_most"
    target: float
    unit: str
    kind: str  #: "census" or "sampled"
    faults: str
    reading: Reading | None
    verdict: str
    why: str
    enough: bool  #: whether there was enough data, of the right kind, for a verdict
    valid: bool  #: whether the data is of the required kind, as far as there is any
    met_on: date | None  #: the day of the first evaluation that met it


def judge_criteria(
    milestone: Milestone,
    readings: Mapping[tuple[str, str], Reading],
    as_of: date,
    met_on: Mapping[tuple[str, str, str], date],
) -> tuple[Criterion, ...]:
    """Judge every target of a milestone, metrics first, on the readings of one day."""
    return tuple(
        judge_criterion(milestone, role, target, readings.get((target.name, target.faults)), as_of, met_on)
        for role, targets in (("metric", milestone.metrics), ("guardrail", milestone.guardrails))
        for target in targets
    )


def judge_criterion(
    milestone: Milestone,
    role: str,
    target: Target,
    reading: Reading | None,
    as_of: date,
    met_on: Mapping[tuple[str, str, str], date],
) -> Criterion:
    """Judge one target on one reading."""
    measure = MEASURES[target.name]
    raw, why = _judged(milestone, target, reading, as_of)
    verdict = {"met": "held", "not_met": "breached"}.get(raw, "unproven") if role == "guardrail" else raw
    return Criterion(
        name=target.name,
        role=role,
        direction=target.direction,
        target=target.value,
        unit=measure.unit,
        kind=measure.kind,
        faults=target.faults,
        reading=reading,
        verdict=verdict,
        why=why,
        enough=raw not in {"insufficient", "invalid"},
        valid=raw != "invalid",
        met_on=met_on.get((role, target.name, target.faults)),
    )


def _judged(milestone: Milestone, target: Target, reading: Reading | None, as_of: date) -> tuple[str, str]:
    """Return the verdict of a metric and why. A census that has failed for good fails at once."""
    if reading is None or reading.estimate is None:
        return "insufficient", reading.missing if reading else "nothing measured yet"
    measure = MEASURES[target.name]
    census = measure.kind == "census"
    if census and not measure.can_recover and failed_for_good(target, measure.unit, reading.estimate):
        return "not_met", "everything was counted, and no later count can change it"
    lacking = _lacking(milestone, reading, as_of)
    if lacking:
        return lacking
    if census:
        return ("met" if reaches_target(target, reading.estimate) else "not_met"), "everything was counted"
    if reading.low is None or reading.high is None:
        return "insufficient", "no range can be given yet"
    assumption = f"; {reading.note}" if reading.note else ""
    reached = {reaches_target(target, reading.low), reaches_target(target, reading.high)}
    if len(reached) == 2:
        return "inconclusive", f"the target lies inside the likely range{assumption}"
    if reached == {True}:
        return "met", f"the whole likely range reaches the target{assumption}"
    return "not_met", f"the whole likely range falls short of the target{assumption}"


def _lacking(milestone: Milestone, reading: Reading, as_of: date) -> tuple[str, str] | None:
    """Return the verdict and the reason if a reading cannot be judged yet or at all, else None."""
    rules = milestone.evidence
    if rules.mode == "fixed" and as_of < milestone.due:
        return "insufficient", f"judged once, on {day(milestone.due)}"
    if reading.missing:
        return "insufficient", reading.missing
    unusable = why_unusable(rules, reading)
    return ("invalid", unusable) if unusable else None


def why_unusable(rules: EvidenceRules, reading: Reading) -> str:
    """Return why a reading can never prove anything, however much data there is; "" where it can."""
    if not reaches_grade(reading.grade or "D", rules.min_grade):
        return f"evidence of grade {reading.grade}; grade {rules.min_grade} is required"
    if reading.coverage is not None and reading.coverage < rules.min_coverage:
        have, need = percent(reading.coverage), percent(rules.min_coverage)
        return f"both sides did {have} of the control's work; {need} is required"
    return ""


def reaches_target(target: Target, value: float) -> bool:
    """Return whether a value is at its target or better."""
    return value >= target.value if target.direction == "at_least" else value <= target.value


def failed_for_good(target: Target, unit: str, value: float) -> bool:
    """Return whether a census has missed its target for good: a count only grows."""
    lost = unit != "share" if target.direction == "at_most" else target.value == 1
    return lost and not reaches_target(target, value)


def all_reached(done: tuple[Criterion, ...]) -> bool:
    """Return whether all metrics are met and all guardrails held."""
    return all(c.verdict in {"met", "held"} for c in done)
