"""All that is known of one milestone: its numbers and what they rest on, every plan, every decision, all spending."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from roadmap.plan.revisions import Revision, describe_changes, describe_plan, recorded_plans
from roadmap.records.decisions import CostEntry, RecordedDecision, cost_entries, recorded_decisions
from roadmap.records.verdict_json import to_json as verdict_json
from roadmap.report.forecast_score import ForecastScore, score_forecasts
from roadmap.report.verdict_text import criterion_text, forecast_text, goal_text, repeats_criterion, status_text
from roadmap.wording.dates import day, slip_basis, slip_parts
from roadmap.wording.decisions import decision_text
from roadmap.wording.numbers import amount
from roadmap.wording.verdicts import advice_text, spent_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_utils import Database

    from metrics.measures.reading import Reading
    from roadmap.criteria import Criterion
    from roadmap.model import Verdict
    from roadmap.plan.milestones import Milestone

#: What the words of a dossier mean, a line each.
TERMS = (
    ("grade", "how far evidence can be trusted: A shadow in production, B replay, C side by side, D history"),
    ("series", "one way of measuring, same method and faults; numbers of two series are never compared"),
    ("would move", "what would change this status, and nothing else does"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MilestoneDetail:
    """A verdict with everything recorded around it until its day."""

    verdict: Verdict
    plans: tuple[Revision, ...]
    decisions: tuple[RecordedDecision, ...]
    entries: tuple[CostEntry, ...]
    score: ForecastScore | None  #: None while there is no database
    same_as_kept: bool | None  #: whether the evaluation kept on that day rests on the same inputs; None: none was kept


def gather(db: Database | None, milestone: Milestone, verdict: Verdict) -> MilestoneDetail:
    """The dossier of a milestone as of its verdict's day; without a database there is only the verdict."""
    today, code = verdict.as_of, milestone.code
    return MilestoneDetail(
        verdict=verdict,
        plans=recorded_plans(db, code) if db else (),
        decisions=recorded_decisions(db, code, today) if db else (),
        entries=cost_entries(db, code, today) if db else (),
        score=score_forecasts(db, milestone, today) if db else None,
        same_as_kept=_same_as_kept(db, verdict) if db else None,
    )


def _same_as_kept(db: Database, verdict: Verdict) -> bool | None:
    sql = "SELECT verdict FROM evaluation WHERE code = ? AND as_of = ? ORDER BY id DESC LIMIT 1"
    found = db.execute(sql, (verdict.code, verdict.as_of.isoformat())).fetchone()
    if found is None:
        return None
    return _inputs(json.loads(found[0])) == _inputs(verdict_json(verdict))


def _inputs(verdict: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    return sorted((m["name"], m["faults"], m["inputs_sha256"]) for m in verdict["metrics"])


def to_json(dossier: MilestoneDetail) -> dict[str, Any]:
    """A dossier as plain data: the verdict's keys, and plans, decisions, entries, forecast_score, same_as_kept."""
    score = dossier.score
    return verdict_json(dossier.verdict) | {
        "plans": [
            {"revision": one.revision, "as_of": one.as_of.isoformat(), "sha256": one.sha256, "plan": dict(one.plan)}
            for one in dossier.plans
        ],
        "decisions": [decision_json(taken) for taken in dossier.decisions],
        "entries": [
            {"amount": entry.amount, "note": entry.note, "as_of": entry.as_of.isoformat()} for entry in dossier.entries
        ],
        "forecast_score": None
        if score is None
        else {"scored": score.scored, "waiting": score.waiting, "brier": score.brier, "text": score.text},
        "same_as_kept": dossier.same_as_kept,
    }


def decision_json(taken: RecordedDecision) -> dict[str, Any]:
    """A decision as plain data, with the status that it was taken on; the whole frozen verdict stays in the store."""
    return {
        "choice": taken.decision.choice,
        "owner": taken.decision.owner,
        "why": taken.decision.why,
        "until": taken.decision.until or None,
        "as_of": taken.decision.as_of.isoformat(),
        "advice": taken.advice,
        "status": taken.verdict.get("status"),
        "evidence_sha256": taken.evaluation_sha256,
    }


def to_text(dossier: MilestoneDetail) -> str:
    """A dossier in words, part by part."""
    parts = (_head, _criteria, _forecast, _plans, _decisions, _spending, _terms)
    return "\n\n".join("\n".join(part(dossier)) for part in parts)


def labelled_line(label: str, text: str) -> str:
    """A labelled line, as `status` has them."""
    return f"  {label:<10} {text}"


def _head(dossier: MilestoneDetail) -> Iterator[str]:
    v = dossier.verdict
    yield f"{f'{v.code} {v.title}':<20} {status_text(v)}"
    yield labelled_line("what for", v.objective)
    yield labelled_line("owner", v.owner or "nobody named")
    yield labelled_line(
        "subject",
        f"{v.subject} from {day(v.start)} to {day(v.due)}; last responsible start {day(v.last_start)}",
    )
    reasons = [reason for i, reason in enumerate(v.reasons) if i == 0 or not repeats_criterion(reason.code, v)]
    for i, reason in enumerate(reasons):
        yield labelled_line("" if i else "why", reason.text)
    yield labelled_line("would move", "; ".join(dict.fromkeys(reason.change for reason in v.reasons)))
    yield labelled_line("advice", advice_text(v.advice.choice, v.advice.text))
    if dossier.same_as_kept is False:
        yield labelled_line(
            "note", "the evaluation kept on that day rests on other inputs: runs came late, or weights since pinned"
        )


def _criteria(dossier: MilestoneDetail) -> Iterator[str]:
    yield "Measured"
    for criterion in dossier.verdict.criteria:
        told = criterion_text if criterion.reading else goal_text
        yield labelled_line(criterion.role, told(criterion))
        if criterion.reading:
            yield from (labelled_line("", text) for text in _rests_on(criterion, criterion.reading))


def _rests_on(criterion: Criterion, reading: Reading) -> Iterator[str]:
    """What a number rests on, so that it can be measured again."""
    faults = "real faults" if reading.mode == "live" else f"faults {reading.faults}"
    hashed = f" ({reading.faults_sha256[:12]})" if reading.faults_sha256 else ""
    yield (
        f"  {day(reading.start)} to {day(reading.end)}, {faults}{hashed}, series {reading.series or 'of this store'}, "
        f"method {reading.method}, inputs {reading.inputs_sha256[:12]}"
    )
    if reading.estimate is not None and criterion.kind == "sampled":
        pairs = ""
        if reading.coverage is not None:  # only what is compared with the control has pairs
            pairs = ", paired, block by block" if reading.paired else ", unpaired: against the control's own history"
        ci = ""
        if reading.ci_low is not None and reading.ci_high is not None:
            ci = f"; ordinary 95% interval {reading.ci_low:.3g} to {reading.ci_high:.3g}, which decides nothing"
        yield f"  n = {reading.n:,} {reading.n_of}, {reading.blocks} blocks{pairs}{ci}"
    if reading.beside:
        others = (f"{name} {amount(value, criterion.unit, 1)}" for name, value in reading.beside.items())
        yield f"  beside it: {', '.join(others)}"


def _forecast(dossier: MilestoneDetail) -> Iterator[str]:
    yield "Forecast"
    told = [labelled_line(f.role, forecast_text(f)) for f in dossier.verdict.forecasts]
    yield from told or [labelled_line("", "nothing left to foresee" if dossier.verdict.proven_on else "none yet")]
    if dossier.score:
        yield labelled_line("so far", dossier.score.text)


def _plans(dossier: MilestoneDetail) -> Iterator[str]:
    yield "Plans"
    if not dossier.plans:
        yield labelled_line("", "none recorded; a plan is fixed when its milestone starts and is judged on a database")
        return
    first, *later = dossier.plans
    yield labelled_line(f"revision {first.revision}", f" recorded {day(first.as_of)}: {describe_plan(first)}")
    for before, after in zip(dossier.plans, later, strict=False):
        changed = "; ".join(describe_changes(before.plan, after.plan)) or "nothing changed"
        yield labelled_line(f"revision {after.revision}", f" recorded {day(after.as_of)}: {changed}")
    verdict = dossier.verdict
    if verdict.slip_days:
        parts = slip_parts(verdict.first_due, verdict.due, verdict.proven_on, verdict.as_of)
        yield labelled_line(
            "slip", f"{'; '.join(parts)}; {slip_basis(verdict.first_due, verdict.due, verdict.proven_on)}"
        )


def _decisions(dossier: MilestoneDetail) -> Iterator[str]:
    yield "Decisions"
    if not dossier.decisions:
        yield labelled_line("", "none recorded")
    for taken in dossier.decisions:
        decided = taken.decision
        text = decision_text(decided.choice, decided.owner, until=decided.until, as_of=decided.as_of, why=decided.why)
        yield labelled_line(decided.choice, text)
        if taken.advice:
            yield labelled_line("", f"advised then: {taken.advice}")


def _spending(dossier: MilestoneDetail) -> Iterator[str]:
    yield "Spending"
    yield labelled_line("", spent_text(dossier.verdict.spent, dossier.verdict.budget))
    for entry in dossier.entries:
        yield labelled_line("", f"{day(entry.as_of)}: {entry.amount:,.2f}, {entry.note}")


def _terms(dossier: MilestoneDetail) -> Iterator[str]:
    del dossier
    yield "Words"
    for name, meaning in TERMS:
        yield labelled_line(name, meaning)
