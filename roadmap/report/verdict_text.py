"""Verdicts as text, as Markdown and as JSON; a missing number is said in words, or null."""

from __future__ import annotations

from typing import TYPE_CHECKING

from metrics.measures.registry import MEASURES
from metrics.question import block_word
from roadmap.wording.dates import day
from roadmap.wording.numbers import percent, plural
from roadmap.wording.verdicts import STATUS, VERDICT, reading_text, target_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from roadmap.criteria import Criterion
    from roadmap.model import Forecast, Verdict
    from roadmap.plan.milestones import Plan


def forecast_text(forecast: Forecast) -> str:
    """A forecast with the name of its measure."""
    under = "" if forecast.faults == "standard" else ", without faults"
    return f"{MEASURES[forecast.name].title}{under}: {forecast.text}"


def status_text(verdict: Verdict) -> str:
    """The status in a few words: `proven, 12 days late`."""
    word = STATUS[verdict.status]
    if verdict.proven_on is None:
        return word
    late = (verdict.proven_on - verdict.due).days
    regressed = any(reason.code.startswith("regressed:") for reason in verdict.reasons)
    return word + (f", {plural(late, 'day')} late" if late > 0 else "") + (", regressed since" if regressed else "")


def to_text(verdicts: Iterable[Verdict]) -> str:
    """All verdicts in words, a few lines each."""
    return "\n\n".join("\n".join(_lines(verdict)) for verdict in verdicts)


def _lines(verdict: Verdict) -> list[str]:
    name = f"{verdict.code} {verdict.title}"
    lines = [f"{name:<20} {status_text(verdict)}"]
    reasons = [r for i, r in enumerate(verdict.reasons) if i == 0 or not repeats_criterion(r.code, verdict)]
    lines += [f"  {'' if i else 'why':<10} {reason.text}" for i, reason in enumerate(reasons)]
    told = goal_text if verdict.status == "not_started" else criterion_text
    lines += [f"  {criterion.role:<10} {told(criterion)}" for criterion in verdict.criteria]
    changes = list(dict.fromkeys(reason.change for reason in verdict.reasons))
    return [*lines, f"  {'would move':<10} {'; '.join(changes)}"] if verdict.status != "proven" else lines


def repeats_criterion(code: str, verdict: Verdict) -> bool:
    """Whether a reason only says what the line of its criterion says."""
    return any(code == f"{c.verdict}:{c.name}" for c in verdict.criteria)


def goal_text(criterion: Criterion) -> str:
    """What a criterion asks for."""
    under = "" if criterion.faults == "standard" else ", without faults"
    goal = target_text(criterion.direction, criterion.target, criterion.unit)
    return f"{MEASURES[criterion.name].title}: target {goal}{under}"


def criterion_text(criterion: Criterion) -> str:
    """A criterion with what was measured of it, and how much that rests on."""
    said = reading_text(criterion.reading, criterion.unit, criterion.kind, criterion.target)
    goal = target_text(criterion.direction, criterion.target, criterion.unit)
    under = "" if criterion.faults == "standard" else ", without faults"
    text = f"{MEASURES[criterion.name].title}: {said}; target {goal}{under}: {VERDICT[criterion.verdict]}"
    if not criterion.valid:
        text += f": {criterion.why}"
    reading = criterion.reading
    if reading is None or reading.estimate is None:
        return text
    unit = block_word(reading.mode) + ("" if reading.blocks == 1 else "s")
    facts = [f"grade {reading.grade}", f"{reading.blocks} {unit}"]
    if reading.n_of == "runs":
        facts.append(f"{reading.n:,} runs")
    if reading.coverage is not None:
        facts.append(f"{percent(reading.coverage)} of the work covered")
    return f"{text} ({', '.join(facts)})"


def to_markdown(verdicts: Iterable[Verdict]) -> str:
    """All verdicts as a Markdown table, a row a milestone."""
    rows = [
        (
            f"{v.code} {v.title}",
            status_text(v),
            v.reasons[0].text if v.reasons else "",
            "<br>".join((goal_text if v.status == "not_started" else criterion_text)(c) for c in v.criteria),
        )
        for v in verdicts
    ]
    return table(("Milestone", "Status", "Why", "Measured"), rows)


def plan_markdown(plan: Plan) -> str:
    """The plan as a Markdown table, without any result: what each milestone must prove, and by when."""
    rows = []
    for milestone in plan.milestones:
        goals = [
            f"{MEASURES[target.name].title}: "
            f"{target_text(target.direction, target.value, MEASURES[target.name].unit)}"
            + (" (without faults)" if target.faults == "none" else "")
            for target in milestone.metrics
        ]
        when = f"{day(milestone.start)} to {day(milestone.due)}"
        rows.append((f"{milestone.code} {milestone.title}", milestone.objective, when, "<br>".join(goals)))
    return table(("Milestone", "What for", "When", "Proven by"), rows)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; what a cell says cannot end it."""
    cells = [[" ".join(cell.replace("|", "\\|").split()) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ["---"] * len(head), *cells))
