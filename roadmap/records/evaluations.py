"""Record the results of a judgement, append-only: pinned weights, evaluations with their numbers, and forecasts."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import TYPE_CHECKING, Any

from metrics.events import parse_subject
from metrics.measures.weights import pin_baseline
from metrics.question import in_scope
from metrics.store.database import write_transaction
from metrics.store.series import METHOD, newest_series
from roadmap.records.decisions import latest_decision
from roadmap.records.verdict_json import to_json

if TYPE_CHECKING:
    from sqlite_utils import Database

    from metrics.question import Question
    from roadmap.model import Checkpoint, Decision, Verdict
    from roadmap.plan.milestones import Milestone


def pin_weights(db: Database, question: Question, now_us: int) -> None:
    """Pin the weights of a question's series once the control has enough blocks for a verdict.

    They hold from the question's end on. A series that is pinned already stays as it is, whatever the day of its pin.
    In production, blocks before the window count as well: a verdict may rest on that history alone. The blocks are
    counted in the rollups, so that no window is read with weights that are about to change.
    """
    series = question.series
    if series is None:
        series = newest_series(db, question.mode, question.faults, question.start)
    key = (series, question.mode, question.faults)
    pinned = "SELECT 1 FROM baseline WHERE series = ? AND mode = ? AND faults = ? AND system = ?"
    if series is None or db.execute(pinned, (*key, question.control)).fetchone():
        return
    sql = (
        "SELECT DISTINCT block, partner, feed FROM run_block WHERE series = ? AND mode = ? AND faults = ? "
        "AND system = ? AND level = ? AND block >= ? AND block_end <= ? AND held IS NOT NULL"
    )
    days = ("" if question.mode == "live" else question.start.isoformat(), question.end.isoformat())
    blocks = db.execute(sql, (*key, *parse_subject(question.control), *days)).fetchall()
    if len({block for block, *feed in blocks if in_scope(question.scope, *feed)}) >= question.min_blocks:
        pin_baseline(db, question, now_us)


def record_evaluation(
    db: Database,
    milestone: Milestone,
    verdict: Verdict,
    decision: Decision | None,
    checkpoint: Checkpoint | None,
    now_us: int,
) -> None:
    """Append an evaluation with its numbers and forecasts, unless that day has the same one already."""
    sha256 = _sha256(milestone, verdict, decision)
    with write_transaction(db):
        if _find(db, verdict, sha256) is not None:
            return
        row = {
            "code": milestone.code,
            "revision": milestone.revision,
            "subject": milestone.subject,
            "as_of": verdict.as_of.isoformat(),
            "status": verdict.status,
            "series": _series(verdict),
            "verdict": json.dumps(to_json(verdict) | _private(milestone, checkpoint)),
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
        _keep_forecasts(db, verdict, number)


def _private(milestone: Milestone, checkpoint: Checkpoint | None) -> dict[str, Any]:
    """Return the keys that only the next judgement reads."""
    data = {"looked": checkpoint.to_json()} if checkpoint else {}
    return {"plan_sha256": milestone.fingerprint} | data


def newest_status(db: Database, code: str, day: date) -> str | None:
    """Return the status in the newest evaluation of a milestone up to a day; None where there is none."""
    sql = "SELECT status FROM evaluation WHERE code = ? AND as_of <= ? ORDER BY as_of DESC, id DESC LIMIT 1"
    row = db.execute(sql, (code, day.isoformat())).fetchone()
    return None if row is None else str(row[0])


def newest_evaluations(db: Database) -> list[dict[str, Any]]:
    """Return the newest recorded evaluation of each milestone by code, as `verdict_json.to_json` gave it."""
    sql = (
        "SELECT verdict FROM (SELECT verdict, code, row_number() OVER "
        "(PARTITION BY code ORDER BY as_of DESC, id DESC) AS place FROM evaluation) WHERE place = 1 ORDER BY code"
    )
    return [json.loads(text) for (text,) in db.execute(sql).fetchall()]


def recorded_proof(db: Database, milestone: Milestone, series: str, today: date) -> date | None:
    """Return the day of an earlier proof of the same targets on the same series; None where there is none."""
    sql = (
        "SELECT MIN(as_of) FROM evaluation WHERE code = ? AND status = 'proven' AND series = ? AND as_of <= ? "
        "AND json_extract(verdict, '$.plan_sha256') = ? AND json_extract(verdict, '$.proven_on') = as_of"
    )
    key = (milestone.code, series, today.isoformat(), milestone.fingerprint)
    day = db.execute(sql, key).fetchone()[0]
    return date.fromisoformat(day) if day else None


def evaluation_of(db: Database, milestone: Milestone, verdict: Verdict) -> tuple[int | None, str]:
    """Return id and evidence hash of the evaluation that recorded a verdict; the id is None if none did."""
    sha256 = _sha256(milestone, verdict, latest_decision(db, milestone.code, verdict.as_of))
    return _find(db, verdict, sha256), sha256


def _find(db: Database, verdict: Verdict, sha256: str) -> int | None:
    sql = "SELECT id FROM evaluation WHERE code = ? AND as_of = ? AND evidence_sha256 = ?"
    row = db.execute(sql, (verdict.code, verdict.as_of.isoformat(), sha256)).fetchone()
    return None if row is None else int(row[0])


def _sha256(milestone: Milestone, verdict: Verdict, decision: Decision | None) -> str:
    """Return a hash of the inputs and the result of a verdict."""
    readings = {(c.name, c.faults, c.reading.inputs_sha256 if c.reading else "") for c in verdict.criteria}
    inputs: dict[str, Any] = {
        "method": METHOD,
        "plan_sha256": milestone.fingerprint,
        "due": milestone.due.isoformat(),
        "status": verdict.status,
        "reasons": [reason.code for reason in verdict.reasons],
        "readings": sorted(readings),
        "decision": decision.id if decision else None,
        "spent": verdict.spent,
        "advice": verdict.advice.choice,
    }
    if verdict.checkin and not milestone.is_measured:  # elsewhere it stands beside the evidence and is none
        inputs["checkin"] = verdict.checkin.id
    return hashlib.sha256(json.dumps(inputs).encode()).hexdigest()


def _series(verdict: Verdict) -> str:
    """Return the series that a verdict rests on, as `evidence.series_key` does for windows."""
    series = {(c.faults, c.reading.series or "-") for c in verdict.criteria if c.reading}
    prices = next((c.reading.prices for c in verdict.criteria if c.reading and c.reading.prices), "")
    names = " ".join(f"{faults}:{name}" for faults, name in sorted(series))
    return f"{names} prices:{prices}" if prices else names


def _keep_forecasts(db: Database, verdict: Verdict, evaluation_id: int | None) -> None:
    """Append the odds in a verdict, the first of a day for each criterion; they are scored later."""
    for forecast in verdict.forecasts:
        if forecast.odds is None:
            continue
        key = {
            "code": verdict.code,
            "name": forecast.name,
            "role": forecast.role,
            "faults": forecast.faults,
            "as_of": verdict.as_of.isoformat(),
        }
        if next(db.table("forecast").rows_where(" AND ".join(f"{name} = :{name}" for name in key), key), None):
            continue
        row = {
            "evaluation_id": evaluation_id,
            "due": forecast.due.isoformat(),
            "points": forecast.points,
            "estimate": forecast.estimate,
            "odds": forecast.odds,
            "expected_on": forecast.expected_on.isoformat() if forecast.expected_on else None,
        }
        db.table("forecast").insert(key | row)
