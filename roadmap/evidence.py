"""From the store to evidence: the looks taken at the end of every block, and the evaluations that are kept.

The window of a milestone opens at its start. At the end of each block, from `min_blocks` on, all targets are looked at
together; the first look at which all metrics are met and all guardrails held proves the milestone, for good. A proven
milestone's window closes at its due date (or at the look that proved it late), and what was lost until then is said as
"regressed since". An unproven one stays open past its due date for as long as its subject is measured: a late proof.
With `mode = "fixed"` there is one look only, at the last block that ends by the due date.

A proof holds for the targets and the measurement series it was given for; a new target or series is judged anew.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from metrics.measures import MEASURES
from metrics.store import METHOD, clock_of
from metrics.window import Question, Window, load, pin_baseline
from roadmap.criteria import complete, criteria
from roadmap.judge import Decision, Evidence, judge
from roadmap.report import to_json

if TYPE_CHECKING:
    from sqlite_utils import Database

    from metrics.compare import Reading
    from roadmap.judge import Verdict
    from roadmap.plan import Milestone, Plan

    Readings = dict[tuple[str, str], Reading]


def evaluate(db: Database, plan: Plan, today: date, built: int, now_us: int) -> list[Verdict]:
    """Judge all milestones and keep what is new: baselines are pinned, evaluations appended.

    The same evidence judged again on the same day adds nothing. A proof is kept as of the look that gave it.
    """
    for milestone in plan.milestones:
        _pin(db, milestone, today, now_us)
    verdicts = []
    for milestone in plan.milestones:
        evidence = gather(db, milestone, today)
        verdict = judge(milestone, evidence, today, built)
        if evidence.proven_on and evidence.proof:
            then = replace(evidence, readings=evidence.proof, decision=None, spent=None)
            _keep(db, milestone, then, judge(milestone, then, evidence.proven_on, built), now_us)
        _keep(db, milestone, evidence, verdict, now_us)
        verdicts.append(verdict)
    return verdicts


def judge_all(db: Database, plan: Plan, today: date, built: int) -> list[Verdict]:
    """Judge all milestones on a reader, keeping nothing: what pages show."""
    return [judge(milestone, gather(db, milestone, today), today, built) for milestone in plan.milestones]


def gather(db: Database, milestone: Milestone, today: date) -> Evidence:
    """Everything the store knows of a milestone up to a day; past proofs that were kept are honoured."""
    windows = _windows(db, milestone, today)
    looks = _looks(milestone, windows)
    met_on: dict[tuple[str, str, str], date] = {}
    proof: Readings = {}
    proven_on = None
    for look in looks:
        readings = read(milestone, windows, look)
        done = criteria(milestone, readings, look, met_on)
        for c in done:
            if c.verdict in {"met", "held"}:
                met_on.setdefault((c.role, c.name, c.faults), look)
        if complete(done):
            proof, proven_on = readings, look
            break
    kept = _kept_proof(db, milestone, windows, today)
    if kept and (proven_on is None or kept < proven_on):
        proof, proven_on = {}, kept
    ends = milestone.due if milestone.evidence.mode == "fixed" else today
    close = min(today, ends if proven_on is None else max(milestone.due, proven_on))
    first, last = _measured(windows)
    return Evidence(
        readings=read(milestone, windows, close),
        proof=proof,
        met_on=met_on,
        proven_on=proven_on,
        first_day=first,
        last_day=last,
        decision=_decision(db, milestone.code, today),
        spent=_spent(db, milestone.code, today),
    )


def read(milestone: Milestone, windows: dict[str, Window], day: date) -> Readings:
    """All readings that a milestone's targets need, as of a day."""
    cut = {faults: window.until(day) for faults, window in windows.items()}
    wanted = {(target.name, target.faults) for target in (*milestone.metrics, *milestone.guardrails)}
    return {(name, faults): MEASURES[name].compute(cut[faults]) for name, faults in sorted(wanted)}


def question(milestone: Milestone, today: date, mode: str, faults: str) -> Question:
    """What a milestone asks of the store. Live runs meet real faults, and all share one series."""
    live = mode == "live"
    return Question(
        subject=milestone.subject,
        control=milestone.control,
        scope=milestone.scope,
        start=milestone.start,
        end=today,
        faults="real" if live else faults,
        mode=mode,
        series="" if live else None,
        alpha=milestone.evidence.alpha,
        min_blocks=milestone.evidence.min_blocks,
        bound=milestone.evidence.mode,
    )


def _windows(db: Database, milestone: Milestone, today: date) -> dict[str, Window]:
    mode = clock_of(db)
    faults = sorted({target.faults for target in (*milestone.metrics, *milestone.guardrails)})
    return {name: load(db, question(milestone, today, mode, name)) for name in faults}


def _looks(milestone: Milestone, windows: dict[str, Window]) -> list[date]:
    """The days to look on: the ends of the blocks that have data of the subject, from `min_blocks` on."""
    ends = {end for window in windows.values() for _, end in window.seen()}
    days = [date.fromisoformat(end) for end in sorted(ends)][milestone.evidence.min_blocks - 1 :]
    if milestone.evidence.mode == "anytime":
        return days
    # The criterion refuses a look before the due date, so the last block by then is looked at on the due date itself.
    over = any(window.question.end >= milestone.due for window in windows.values())
    return [milestone.due] if over and any(day <= milestone.due for day in days) else []


def _measured(windows: dict[str, Window]) -> tuple[date | None, date | None]:
    """First and last day of the blocks that have data of the subject."""
    blocks = [block for window in windows.values() for block in window.seen()]
    if not blocks:
        return None, None
    return date.fromisoformat(min(block for block, _ in blocks)), date.fromisoformat(max(end for _, end in blocks))


def _series(windows: dict[str, Window]) -> str:
    """Which measurements a verdict rests on, as `none:1a2b standard:3c4d`."""
    return " ".join(f"{faults}:{window.question.series or '-'}" for faults, window in sorted(windows.items()))


def _kept_proof(db: Database, milestone: Milestone, windows: dict[str, Window], today: date) -> date | None:
    """The day of an earlier proof of these very targets, on this very series."""
    sql = (
        "SELECT MIN(as_of) FROM evaluation WHERE code = ? AND status = 'proven' AND series = ? AND as_of <= ? "
        "AND json_extract(verdict, '$.plan_sha256') = ? AND json_extract(verdict, '$.proven_on') = as_of"
    )
    key = (milestone.code, _series(windows), today.isoformat(), milestone.fingerprint)
    found = db.execute(sql, key).fetchone()[0]
    return date.fromisoformat(found) if found else None


def _decision(db: Database, code: str, today: date) -> Decision | None:
    sql = (
        "SELECT id, choice, owner, why, until, as_of FROM decision WHERE code = ? AND as_of <= ? "
        "ORDER BY as_of DESC, id DESC LIMIT 1"
    )
    row = db.execute(sql, (code, today.isoformat())).fetchone()
    if row is None:
        return None
    number, choice, owner, why, until, as_of = row
    return Decision(
        id=number,
        choice=choice,
        owner=owner or "somebody",
        why=why or "no reason recorded",
        until=until or "",
        as_of=date.fromisoformat(as_of),
    )


def _spent(db: Database, code: str, today: date) -> float | None:
    sql = "SELECT SUM(amount) FROM cost_entry WHERE code = ? AND as_of <= ?"
    found = db.execute(sql, (code, today.isoformat())).fetchone()[0]
    return None if found is None else float(found)


def _pin(db: Database, milestone: Milestone, today: date, now_us: int) -> None:
    """Pin the weights of each series once the control has blocks enough for a verdict to rest on."""
    for window in _windows(db, milestone, today).values():
        if int((~np.isnan(window.control["held"])).any(axis=0).sum()) >= milestone.evidence.min_blocks:
            pin_baseline(db, window.question, now_us)


def _keep(db: Database, milestone: Milestone, evidence: Evidence, verdict: Verdict, now_us: int) -> None:
    """Append an evaluation and its metrics, unless the same evidence was judged the same on the same day."""
    inputs: dict[str, Any] = {
        "method": METHOD,
        "plan_sha256": milestone.fingerprint,
        "due": milestone.due.isoformat(),
        "status": verdict.status,
        "reasons": [reason.code for reason in verdict.reasons],
        "readings": sorted((*key, reading.inputs_sha256) for key, reading in evidence.readings.items()),
        "decision": evidence.decision.id if evidence.decision else None,
        "spent": evidence.spent,
    }
    sha256 = hashlib.sha256(json.dumps(inputs).encode()).hexdigest()
    key = (milestone.code, verdict.as_of.isoformat(), sha256)
    series = " ".join(
        f"{faults}:{series or '-'}"
        for faults, series in sorted({(faults, r.series) for (_, faults), r in evidence.readings.items()})
    )
    with db.atomic():
        same = "SELECT 1 FROM evaluation WHERE code = ? AND as_of = ? AND evidence_sha256 = ?"
        if db.execute(same, key).fetchone():
            return
        row = {
            "code": milestone.code,
            "revision": milestone.revision,
            "subject": milestone.subject,
            "as_of": verdict.as_of.isoformat(),
            "status": verdict.status,
            "series": series,
            "verdict": json.dumps(to_json(verdict) | {"plan_sha256": milestone.fingerprint}),
            "evidence_sha256": sha256,
            "recorded_at_us": now_us,
        }
        number = db.table("evaluation").insert(row).last_pk
        results = [
            {
                "evaluation_id": number,
                "code": milestone.code,
                "name": c.name,
                "role": c.role,
                "estimate": c.reading.estimate if c.reading else None,
                "low": c.reading.low if c.reading else None,
                "high": c.reading.high if c.reading else None,
                "target": c.target,
                "verdict": c.verdict,
                "blocks": c.reading.blocks if c.reading else 0,
                "n": c.reading.n if c.reading else 0,
            }
            for c in verdict.criteria
        ]
        db.table("metric_result").insert_all(results)
