"""Report one milestone in full: numbers and their inputs, plans, decisions and spending."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roadmap.plan.revisions import Revision, describe_changes, describe_plan, recorded_plans
from roadmap.records.checkins import checkins
from roadmap.records.decisions import CostEntry, RecordedDecision, cost_entries, recorded_decisions
from roadmap.records.verdict_json import checkin_json
from roadmap.records.verdict_json import to_json as verdict_json
from roadmap.report.forecast_score import ForecastScore, score_forecasts
from roadmap.report.verdict_text import criterion_text, forecast_text, goal_text, repeats_criterion, status_text
from roadmap.wording.checkins import checkin_text
from roadmap.wording.dates import day, slip_basis, slip_parts
from roadmap.wording.decisions import decision_text
from roadmap.wording.numbers import amount
from roadmap.wording.verdicts import advice_text, spent_text
from roadmap.worth.money import money_beside

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_utils import Database

    from metrics.measures.reading import Reading
    from roadmap.criteria import Criterion
    from roadmap.model import Checkin, Verdict
    from roadmap.plan.milestones import Milestone

#: Terms explained at the end of the report.
TERMS = (
    ("grade", "strength of evidence: A shadow in production, B replay, C side by side, D history"),
    ("series", "one way of measuring, same method and faults; numbers of two series are never compared"),
    ("to change", "what would change this status; nothing else does"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneDetail:
    """A verdict with the plans, decisions and spending recorded until its day."""

    verdict: Verdict
    plans: tuple[Revision, ...]
    decisions: tuple[RecordedDecision, ...]
    entries: tuple[CostEntry, ...]
    checkins: tuple[Checkin, ...]
    score: ForecastScore | None  #: None while there is no database
    same_as_kept: (
        bool | None
    )  #: whether the evaluation recorded on that day has the same inputs; None: none was recorded


def gather(db: Database | None, milestone: Milestone, verdict: Verdict) -> MilestoneDetail:
    """Return the details of a milestone as of its verdict's day; without a database only the verdict."""
    today, code = verdict.as_of, milestone.code
    return MilestoneDetail(
        verdict=verdict,
        plans=recorded_plans(db, code) if db else (),
        decisions=recorded_decisions(db, code, today) if db else (),
        entries=cost_entries(db, code, today) if db else (),
        checkins=checkins(db, code, today) if db else (),
        score=score_forecasts(db, milestone, today) if db else None,
        same_as_kept=_same_as_kept(db, verdict) if db else None,
    )


def _same_as_kept(db: Database, verdict: Verdict) -> bool | None:
    sql = "SELECT verdict FROM evaluation WHERE code = ? AND as_of = ? ORDER BY id DESC LIMIT 1"
    row = db.execute(sql, (verdict.code, verdict.as_of.isoformat())).fetchone()
    if row is None:
        return None
    return _inputs(json.loads(row[0])) == _inputs(verdict_json(verdict))


def _inputs(verdict: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    return sorted((m["name"], m["faults"], m["inputs_sha256"]) for m in verdict["metrics"])


def to_json(detail: MilestoneDetail) -> dict[str, Any]:
    """Return the details as plain data: the verdict's keys, plans, decisions, entries, forecast_score, same_as_kept."""
    score = detail.score
    return verdict_json(detail.verdict) | {
        "plans": [
            {"revision": plan.revision, "as_of": plan.as_of.isoformat(), "sha256": plan.sha256, "plan": dict(plan.plan)}
            for plan in detail.plans
        ],
        "decisions": [decision_json(recorded) for recorded in detail.decisions],
        "entries": [
            {"amount": entry.amount, "note": entry.note, "as_of": entry.as_of.isoformat()} for entry in detail.entries
        ],
        "checkins": [checkin_json(made) for made in detail.checkins],
        "forecast_score": None
        if score is None
        else {"scored": score.scored, "waiting": score.waiting, "brier": score.brier, "text": score.text},
        "same_as_kept": detail.same_as_kept,
    }


def decision_json(recorded: RecordedDecision) -> dict[str, Any]:
    """Return a decision as plain data, with the status it was made on; the whole verdict stays in the store."""
    return {
        "choice": recorded.decision.choice,
        "owner": recorded.decision.owner,
        "why": recorded.decision.why,
        "until": recorded.decision.until or None,
        "as_of": recorded.decision.as_of.isoformat(),
        "advice": recorded.advice,
        "status": recorded.verdict.get("status"),
        "evidence_sha256": recorded.evaluation_sha256,
    }


def to_text(detail: MilestoneDetail) -> str:
    """Format the details as text, part by part."""
    checkins = (_checkins,) if detail.checkins else ()
    parts = (_head, _criteria, _forecast, _plans, _decisions, *checkins, _spending, _terms)
    return "\n\n".join("\n".join(part(detail)) for part in parts)


def labelled_line(label: str, text: str) -> str:
    """Format a labelled line, as `status` has them."""
    return f"  {label:<10} {text}"


def _head(detail: MilestoneDetail) -> Iterator[str]:
    v = detail.verdict
    yield f"{f'{v.code} {v.title}':<20} {status_text(v)}"
    yield labelled_line("what for", v.objective)
    yield labelled_line("owner", v.owner or "not named")
    yield labelled_line(
        "subject",
        f"{v.subject} from {day(v.start)} to {day(v.due)}; last responsible start {day(v.last_start)}"
        if v.subject
        else f"none, {day(v.start)} to {day(v.due)}: people report on it, nothing is measured",
    )
    reasons = [reason for i, reason in enumerate(v.reasons) if i == 0 or not repeats_criterion(reason.code, v)]
    for i, reason in enumerate(reasons):
        yield labelled_line("" if i else "why", reason.text)
    yield labelled_line("to change", "; ".join(dict.fromkeys(reason.change for reason in v.reasons)))
    yield labelled_line("advice", advice_text(v.advice.choice, v.advice.text))
    if detail.same_as_kept is False:
        yield labelled_line(
            "note", "the evaluation recorded on that day has other inputs: runs came late, or weights were pinned since"
        )


def _criteria(detail: MilestoneDetail) -> Iterator[str]:
    yield "Measured"
    if not detail.verdict.criteria:
        yield labelled_line("", "nothing: it has check-ins only, and is never proven")
    for criterion in detail.verdict.criteria:
        describe = criterion_text if criterion.reading else goal_text
        yield labelled_line(criterion.role, describe(criterion))
        if criterion.reading:
            yield from (labelled_line("", text) for text in _inputs_text(criterion, criterion.reading))


def _inputs_text(criterion: Criterion, reading: Reading) -> Iterator[str]:
    """Yield the inputs of a number, so that it can be measured again."""
    faults = "real faults" if reading.mode == "live" else f"faults {reading.faults}"
    hashed = f" ({reading.faults_sha256[:12]})" if reading.faults_sha256 else ""
    period = f"from {day(reading.start)}"  # its start lies ahead
    if reading.start <= reading.end:
        period = f"{day(reading.start)} to {day(reading.end)}"
    yield (
        f"  {period}, {faults}{hashed}, series {reading.series or 'of this store'}, "
        f"method {reading.method}, inputs {reading.inputs_sha256[:12]}"
    )
    if reading.estimate is not None and criterion.kind == "sampled":
        pairs = ""
        if reading.coverage is not None:  # only a comparison with the control has pairs
            pairs = ", paired, block by block" if reading.paired else ", unpaired: against the control's own history"
        ci = ""
        if reading.ci_low is not None and reading.ci_high is not None:
            ci = f"; ordinary 95% interval {reading.ci_low:.3g} to {reading.ci_high:.3g}, which decides nothing"
        yield f"  n = {reading.n:,} {reading.n_of}, {reading.blocks} blocks{pairs}{ci}"
    if reading.beside:
        others = (f"{name} {amount(value, criterion.unit, 1)}" for name, value in reading.beside.items())
        yield f"  beside it: {', '.join(others)}"


def _forecast(detail: MilestoneDetail) -> Iterator[str]:
    yield "Forecast"
    lines = [labelled_line(f.role, forecast_text(f)) for f in detail.verdict.forecasts]
    yield from lines or [labelled_line("", "nothing left to forecast" if detail.verdict.proven_on else "none yet")]
    if detail.score:
        yield labelled_line("so far", detail.score.text)


def _plans(detail: MilestoneDetail) -> Iterator[str]:
    yield "Plans"
    if not detail.plans:
        yield labelled_line("", "none recorded; a plan is fixed when its milestone starts and is judged on a database")
        return
    first, *later = detail.plans
    yield labelled_line(f"revision {first.revision}", f" recorded {day(first.as_of)}: {describe_plan(first)}")
    for before, after in zip(detail.plans, later, strict=False):
        changed = "; ".join(describe_changes(before.plan, after.plan)) or "nothing changed"
        yield labelled_line(f"revision {after.revision}", f" recorded {day(after.as_of)}: {changed}")
    verdict = detail.verdict
    if verdict.slip_days:
        parts = slip_parts(verdict.first_due, verdict.due, verdict.proven_on, verdict.as_of)
        yield labelled_line(
            "slip", f"{'; '.join(parts)}; {slip_basis(verdict.first_due, verdict.due, verdict.proven_on)}"
        )


def _decisions(detail: MilestoneDetail) -> Iterator[str]:
    yield "Decisions"
    if not detail.decisions:
        yield labelled_line("", "none recorded")
    for recorded in detail.decisions:
        decision = recorded.decision
        text = decision_text(
            decision.choice, decision.owner, until=decision.until, as_of=decision.as_of, why=decision.why
        )
        yield labelled_line(decision.choice, text)
        if recorded.advice:
            yield labelled_line("", f"advised then: {recorded.advice}")


def _checkins(detail: MilestoneDetail) -> Iterator[str]:
    yield "Check-ins"
    for made in detail.checkins:
        yield labelled_line("", checkin_text(made.text, made.by, made.as_of, made.done, made.of, detail.verdict.counts))


def _spending(detail: MilestoneDetail) -> Iterator[str]:
    yield "Spending"
    yield labelled_line("", spent_text(detail.verdict.spent, detail.verdict.budget))
    if price := money_beside(detail.verdict).per_point:
        yield labelled_line("", price)
    for entry in detail.entries:
        yield labelled_line("", f"{day(entry.as_of)}: {entry.amount:,.2f}, {entry.note}")


def _terms(detail: MilestoneDetail) -> Iterator[str]:
    del detail
    yield "Terms"
    for name, meaning in TERMS:
        yield labelled_line(name, meaning)
