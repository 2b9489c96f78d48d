"""Verdicts as plain data: days are ISO dates, shares 0 to 1, and unknown values None."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from roadmap.criteria import Criterion
    from roadmap.model import Checkin, Forecast, Verdict


def to_json(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as plain data: days are ISO dates, shares 0 to 1, and unknown values None."""
    return {
        "code": verdict.code,
        "title": verdict.title,
        "objective": verdict.objective,
        "subject": verdict.subject,
        "owner": verdict.owner,
        "start": verdict.start.isoformat(),
        "due": verdict.due.isoformat(),
        "first_due": verdict.first_due.isoformat(),
        "revision": verdict.revision,
        "last_start": verdict.last_start.isoformat(),
        "status": verdict.status,
        "as_of": verdict.as_of.isoformat(),
        "proven_on": verdict.proven_on.isoformat() if verdict.proven_on else None,
        "reasons": [reason.text for reason in verdict.reasons],
        "reason_codes": [reason.code for reason in verdict.reasons],
        "changes": [reason.change for reason in verdict.reasons],
        "metrics": [_criterion_json(criterion) for criterion in verdict.criteria],
        "forecasts": [_forecast_json(forecast) for forecast in verdict.forecasts],
        "spent": verdict.spent,
        "budget": verdict.budget,
        "advice": {"choice": verdict.advice.choice, "text": verdict.advice.text},
        "checkin": checkin_json(verdict.checkin) if verdict.checkin else None,
    }


def checkin_json(checkin: Checkin) -> dict[str, Any]:
    """Return a check-in as plain data."""
    return {
        "as_of": checkin.as_of.isoformat(),
        "by": checkin.by,
        "text": checkin.text,
        "done": checkin.done,
        "of": checkin.of,
    }


def _forecast_json(forecast: Forecast) -> dict[str, Any]:
    return {
        "name": forecast.name,
        "role": forecast.role,
        "faults": forecast.faults,
        "as_of": forecast.as_of.isoformat(),
        "due": forecast.due.isoformat(),
        "points": forecast.points,
        "estimate": forecast.estimate,
        "odds": forecast.odds,
        "expected_on": forecast.expected_on.isoformat() if forecast.expected_on else None,
        "ceiling": forecast.ceiling,
        "text": forecast.text,
    }


def _criterion_json(criterion: Criterion) -> dict[str, Any]:
    reading = criterion.reading
    return {
        "name": criterion.name,
        "role": criterion.role,
        "estimate": reading.estimate if reading else None,
        "low": reading.low if reading else None,
        "high": reading.high if reading else None,
        "ci_low": reading.ci_low if reading else None,
        "ci_high": reading.ci_high if reading else None,
        "target": criterion.target,
        "direction": criterion.direction,
        "unit": criterion.unit,
        "kind": criterion.kind,
        "verdict": criterion.verdict,
        "why": criterion.why,
        "met_on": criterion.met_on.isoformat() if criterion.met_on else None,
        "blocks": reading.blocks if reading else 0,
        "n": reading.n if reading else 0,
        "n_of": reading.n_of if reading else "",
        "coverage": reading.coverage if reading else None,
        "grade": reading.grade if reading else None,
        "faults": reading.faults if reading else criterion.faults,
        "faults_sha256": reading.faults_sha256 if reading else None,
        "paired": reading.paired if reading else None,
        "beside": dict(reading.beside) if reading else {},
        "mode": reading.mode if reading else None,
        "series": reading.series if reading else None,
        "prices": reading.prices or None if reading else None,
        "method": reading.method if reading else None,
        "start": reading.start.isoformat() if reading else None,
        "end": reading.end.isoformat() if reading else None,
        "missing": reading.missing if reading else "nothing measured yet",
        "inputs_sha256": reading.inputs_sha256 if reading else None,
    }
