"""Format verdicts as text; a missing number is a word."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metrics.measures.registry import MEASURES
from metrics.question import block_word
from roadmap.wording.checkins import checkin_text
from roadmap.wording.dates import late_text
from roadmap.wording.gains import under_faults
from roadmap.wording.numbers import percent, plural
from roadmap.wording.verdicts import STATUS, VERDICT, reading_text, target_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from roadmap.criteria import Criterion
    from roadmap.model import Forecast, Verdict


def forecast_text(forecast: Forecast) -> str:
    """Format a forecast with the title of its measure."""
    return f"{MEASURES[forecast.name].title}{_faults_note(forecast.faults)}: {forecast.text}"


def status_text(verdict: Verdict) -> str:
    """Return the status in a few words: "proven, 12 days late"."""
    status = STATUS[verdict.status]
    if verdict.proven_on is None:
        return status
    regressed = any(reason.code.startswith("regressed:") for reason in verdict.reasons)
    late = f", {late_text(verdict.proven_on, verdict.due)}" if verdict.proven_on > verdict.due else ""
    return f"{status}{late}{', regressed since' if regressed else ''}"


def to_text(verdicts: Iterable[Verdict]) -> str:
    """Format all verdicts, a few lines each."""
    return "\n\n".join("\n".join(_lines(verdict)) for verdict in verdicts)


def _lines(verdict: Verdict) -> list[str]:
    name = f"{verdict.code} {verdict.title}"
    lines = [f"{name:<20} {status_text(verdict)}"]
    reasons = [r for i, r in enumerate(verdict.reasons) if i == 0 or not repeats_criterion(r.code, verdict)]
    lines += [f"  {'' if i else 'why':<10} {reason.text}" for i, reason in enumerate(reasons)]
    describe = goal_text if verdict.status == "not_started" else criterion_text
    lines += [f"  {criterion.role:<10} {describe(criterion)}" for criterion in verdict.criteria]
    lines += [f"  {'check-in':<10} {text}" for text in latest_checkin_text(verdict)]
    changes = list(dict.fromkeys(reason.change for reason in verdict.reasons))
    return [*lines, f"  {'to change':<10} {'; '.join(changes)}"] if verdict.status != "proven" else lines


def latest_checkin_text(verdict: Verdict) -> tuple[str, ...]:
    """Return the latest check-in in words; empty where there is none, or where the reason says it already."""
    made = verdict.checkin
    if made is None or (verdict.reasons and verdict.reasons[0].code == "checkin"):
        return ()
    return (checkin_text(made.text, made.by, made.as_of, made.done, made.of, verdict.counts),)


def repeats_criterion(code: str, verdict: Verdict) -> bool:
    """Return whether a reason only repeats the line of its criterion."""
    return any(code == f"{c.verdict}:{c.name}" for c in verdict.criteria)


def goal_text(criterion: Criterion) -> str:
    """Format the target of a criterion."""
    goal = target_text(criterion.direction, criterion.target, criterion.unit)
    return f"{MEASURES[criterion.name].title}: target {goal}{_faults_note(criterion.faults)}"


def criterion_text(criterion: Criterion) -> str:
    """Format a criterion with its reading, its verdict and the amount of evidence."""
    measured = reading_text(criterion.reading, criterion.unit, criterion.kind, criterion.target)
    goal = target_text(criterion.direction, criterion.target, criterion.unit)
    goal += _faults_note(criterion.faults)
    text = f"{MEASURES[criterion.name].title}: {measured}; target {goal}: {VERDICT[criterion.verdict]}"
    if not criterion.valid:
        text += f": {criterion.why}"
    reading = criterion.reading
    if reading is None or reading.estimate is None:
        return text
    facts = [f"grade {reading.grade}", plural(reading.blocks, block_word(reading.mode))]
    if reading.n_of == "runs":
        facts.append(plural(reading.n, "run"))
    if reading.coverage is not None:
        facts.append(f"{percent(reading.coverage)} of the work covered")
    if reading.note and reading.low is not None:
        facts.append(reading.note)
    return f"{text} ({', '.join(facts)})"


def _faults_note(faults: str) -> str:
    return "" if faults == "standard" else f", {under_faults(faults)}"
