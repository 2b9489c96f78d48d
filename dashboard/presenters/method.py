"""What the page of definitions says, made from the definitions that the code runs; no number of it is typed again."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from metrics.measures.registry import MEASURES
from metrics.stats.confidence import MAX_AUTOCORRELATION, TIGHTEST_AT, anytime_factor
from metrics.store.series import METHOD
from roadmap.forecast.probability import exchanges_without_failure
from roadmap.plan.milestones import MIN_BLOCKS, EvidenceRules
from roadmap.wording import dates, numbers
from roadmap.wording import numbers as wording_numbers
from roadmap.wording import verdicts as roadmap_words
from roadmap.wording.gains import under_faults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_utils import Database

    from dashboard.cache.view import View
    from metrics.measures.registry import Measure
    from roadmap.plan.milestones import Milestone, Plan

#: Blocks at which the page says how wide the bound is.
BOUND_BLOCKS = (12, 26, 52)

#: Failures of every so many that the page says the least number of exchanges for.
RULED_OUT_SHARES = (0.05, 0.01)

#: How many series of a store are named, the newest first.
MAX_SERIES = 20

#: How the parts of the fault file are called; a part that is not here is called by its key.
FAULT_LABELS = {
    "sends.unavailable": "Requests answered with 503",
    "sends.wait": "Requests answered with 429 and a time to wait",
    "sends.reset": "Requests whose connection is reset in mid-body",
    "sends.answer_lost": "Requests that are accepted, and whose answer is lost",
    "sends.hang": "Requests that hang until the sender's time-out",
    "partners.down_days": "Partners that are down for one day each",
    "files.resent": "Files that are handed in once more under a new name",
    "files.killed": "Files during which the subject's process is killed",
    "rows.broken": "Rows that are broken",
    "sender.timeout_s": "Time-out of the sender, both sides alike",
    "operator.looks_per_day": "Looks of the operator on each replayed day",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureDefinition:
    """One measure with its small print; `asked` are the milestones that set a target for it."""

    name: str
    title: str
    definition: str
    formula: str
    facts: tuple[tuple[str, str], ...]
    asked: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRow:
    """One series of measurements in the store, and the fault rates that it was made under."""

    series: str
    faults: str
    mode: str
    faults_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRates:
    """The standard faults as this release has them: what goes wrong, how often, and the hash of the file."""

    rates: tuple[tuple[str, str], ...]
    seed: str
    sha256: str


def definitions(plan: Plan, mode: str) -> tuple[MeasureDefinition, ...]:
    """Every measure, in the order of the code, with what a plan asks of it."""
    return tuple(_definition(measure, plan, mode) for measure in MEASURES.values())


def _definition(measure: Measure, plan: Plan, mode: str) -> MeasureDefinition:
    more = "more is better" if measure.direction == "at_least" else "less is better"
    best = roadmap_words.target_text(measure.direction, measure.best, measure.unit)
    counted = {
        "census": "In full (a census): nothing is estimated.",
        "sampled": "As a sample: what was measured stands for what was not, so it has a likely range.",
    }[measure.kind]
    facts = (
        ("Unit", "share, 0 to 1, shown in per cent" if measure.unit == "share" else measure.unit),
        ("Better", f"{more}; at best {best}"),
        ("Counted", counted),
        ("Likely range", measure.range_text),
        ("Left out", measure.exclusions),
        ("It takes", " ".join(_least_evidence(measure))),
    )
    return MeasureDefinition(
        name=measure.name,
        title=measure.title,
        definition=measure.definition,
        formula=measure.formula,
        facts=facts,
        asked=tuple(_targets_of(measure, plan.milestones, mode)),
    )


def _least_evidence(measure: Measure) -> Iterator[str]:
    """The least evidence for a verdict on a measure."""
    yield f"The milestone's least number of blocks ({EvidenceRules().min_blocks} unless it says otherwise)."
    if measure.range == "wilson" and measure.direction == "at_most":
        needs = " and ".join(
            f"{exchanges_without_failure(share):,} below {numbers.percent(share)}" for share in RULED_OUT_SHARES
        )
        yield f"Where none fails, the exchanges to show a share: {needs}, times the design effect."
    if measure.minimum:
        yield measure.minimum


def _targets_of(measure: Measure, milestones: tuple[Milestone, ...], mode: str) -> Iterator[tuple[str, str]]:
    for milestone in milestones:
        for role, targets in (("", milestone.metrics), ("guardrail, ", milestone.guardrails)):
            for target in targets:
                if target.name == measure.name:
                    goal = roadmap_words.target_text(target.direction, target.value, measure.unit)
                    yield milestone.code, f"{role}{goal}, {under_faults(target.faults, mode)}"


def milestone_windows(plan: Plan) -> tuple[dict[str, str], ...]:
    """What each milestone of a plan compares, over which days, and what its verdicts take."""
    rows = []
    for milestone in plan.milestones:
        rules = milestone.evidence
        once = {"anytime": "after every block", "fixed": "once, on the due date"}[rules.mode]
        rows.append(
            {
                "code": milestone.code,
                "title": milestone.title,
                "sides": f"{milestone.subject} against {milestone.control}",
                "scope": "all" if "*/*" in milestone.scope else ", ".join(milestone.scope),
                "days": dates.days_between(milestone.start, milestone.due),
                "looks": once,
                "blocks": f"{rules.min_blocks}",
                "risk": numbers.percent(rules.alpha, 0 if rules.alpha * 100 % 1 < 1e-9 else 1),
                "grade": rules.min_grade,
                "coverage": numbers.percent(rules.min_coverage),
            }
        )
    return tuple(rows)


def bound_facts() -> dict[str, Any]:
    """The numbers of the bound that decides, out of the code that makes it."""
    alpha = EvidenceRules().alpha
    return {
        "alpha": numbers.percent(alpha),
        "tightest": TIGHTEST_AT,
        "likeness": MAX_AUTOCORRELATION,
        "blocks": EvidenceRules().min_blocks,
        "never_below": MIN_BLOCKS,
        "widths": tuple((blocks, f"{anytime_factor(blocks, 2 * alpha):.2f}") for blocks in BOUND_BLOCKS),
        "method": METHOD,
    }


def fault_rates() -> FaultRates:
    """The standard faults out of the file that replays are made from."""
    raw = (resources.files("metrics.replay") / "faults-standard.toml").read_bytes()
    told = tomllib.loads(raw.decode())
    rates = tuple(
        (FAULT_LABELS.get(f"{part}.{key}", f"{part} {key}"), _amount(key, value))
        for part, keys in told.items()
        if isinstance(keys, dict)
        for key, value in keys.items()
    )
    return FaultRates(rates=rates, seed=str(told["seed"]), sha256=hashlib.sha256(raw).hexdigest())


def _amount(key: str, value: float) -> str:
    if key.endswith("_s"):
        return wording_numbers.duration(value)
    if isinstance(value, int) or not 0 < value < 1:
        return f"{value:,}"
    return f"{numbers.per_thousand(value)} of every 1,000" if value >= 0.001 else f"1 of every {1 / value:,.0f}"


def series_rows(db: Database, seen: View) -> tuple[SeriesRow, ...]:
    """The series of measurements in a store, the newest first."""
    del seen
    if not db.table("series").exists():  # only older releases have written here
        return ()
    sql = "SELECT series, faults, mode, faults_sha256 FROM series ORDER BY newest_run DESC LIMIT ?"
    return tuple(
        SeriesRow(series=series or "one for all", faults=faults, mode=mode, faults_sha256=sha256 or "")
        for series, faults, mode, sha256 in db.execute(sql, (MAX_SERIES,)).fetchall()
    )
