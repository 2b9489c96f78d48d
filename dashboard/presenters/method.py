"""The page of definitions, made from the definitions that the code uses; no number in it is typed by hand."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from datetime import date
from importlib import resources
from typing import TYPE_CHECKING, Any

from metrics.measures.registry import MEASURES
from metrics.stats.confidence import MAX_AUTOCORRELATION, TIGHTEST_AT, anytime_factor
from metrics.store.series import METHOD
from roadmap.forecast.probability import exchanges_without_failure
from roadmap.plan.targets import MIN_BLOCKS, EvidenceRules
from roadmap.wording import dates, numbers
from roadmap.wording.gains import under_faults
from roadmap.wording.verdicts import target_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlite_utils import Database

    from dashboard.cache.view import View
    from metrics.measures.registry import Measure
    from roadmap.plan.milestones import Milestone, Plan

#: Numbers of blocks for which the page shows the width of the bound.
BOUND_BLOCKS = (12, 26, 52)

#: Failure rates for which the page shows the least number of exchanges.
RULED_OUT_SHARES = (0.05, 0.01)

#: Series of a store that are named, the newest first.
MAX_SERIES = 20

#: The day on which the stress series was fixed, before anything of it was measured.
STRESS_FIXED_ON = date(2026, 11, 30)

#: The share of recoveries whose proof takes more failures than a quarter of the standard faults has.
STRESS_SHARE = 0.95

#: The measures for which the stress series was made.
STRESS_MEASURES = ("recovered_unattended", "wasted_calls")

#: Labels of the keys of the fault files; a key without a label is its own label.
FAULT_LABELS = {
    "sends.unavailable": "Requests answered with 503",
    "sends.wait": "Requests answered with 429 and a time to wait",
    "sends.reset": "Requests whose connection is reset in mid-body",
    "sends.answer_lost": "Requests that are accepted, and whose answer is lost",
    "sends.hang": "Requests that hang until the sender's time-out",
    "partners.down_days": "Partners that are down for one day each",
    "partners.down_days_a_quarter": "Days of each quarter on which every partner is down, a day for each",
    "files.resent": "Files that are handed in once more under a new name",
    "files.killed": "Files during which the subject's process is killed",
    "rows.broken": "Rows that are broken",
    "sender.timeout_s": "Time-out of the sender, both sides alike",
    "operator.looks_per_day": "Looks of the operator on each replayed day",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureDefinition:
    """One measure with its details, and the targets that milestones set for it."""

    name: str
    title: str
    definition: str
    formula: str
    facts: tuple[tuple[str, str], ...]
    targets: tuple[tuple[str, str], ...]  #: milestone and target


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesRow:
    """One series of measurements in the store, with the hash of its fault rates."""

    series: str
    faults: str
    mode: str
    faults_sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRates:
    """A set of faults of this release: rates by label, seed, the hash of the file, and the rounds that it fixes."""

    rates: tuple[tuple[str, str], ...]
    seed: str
    sha256: str
    rounds: int | None = None


def definitions(plan: Plan, mode: str) -> tuple[MeasureDefinition, ...]:
    """Return the definition of every measure, in the order of the registry, with the targets of a plan."""
    return tuple(_definition(measure, plan, mode) for measure in MEASURES.values())


def _definition(measure: Measure, plan: Plan, mode: str) -> MeasureDefinition:
    more = "more is better" if measure.direction == "at_least" else "less is better"
    best = target_text(measure.direction, measure.best, measure.unit)
    counted = {
        "census": "In full (a census): nothing is estimated.",
        "sampled": "As a sample of all work, so it has a likely range.",
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
        targets=tuple(_targets_of(measure, plan.milestones, mode)),
    )


def _least_evidence(measure: Measure) -> Iterator[str]:
    """Yield the least evidence for a verdict on a measure."""
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
                    goal = target_text(target.direction, target.value, measure.unit)
                    yield milestone.code, f"{role}{goal}, {under_faults(target.faults, mode)}"


def milestone_windows(plan: Plan) -> tuple[dict[str, str], ...]:
    """Return what each milestone compares, over which days, and the rules of its verdicts."""
    rows = []
    for milestone in plan.measured:
        rules = milestone.evidence
        evaluated = {"anytime": "after every block", "fixed": "once, on the due date"}[rules.mode]
        rows.append(
            {
                "code": milestone.code,
                "title": milestone.title,
                "sides": f"{milestone.subject} against {milestone.control}",
                "scope": "all" if "*/*" in milestone.scope else ", ".join(milestone.scope),
                "days": dates.days_between(milestone.start, milestone.due),
                "looks": evaluated,
                "blocks": f"{rules.min_blocks}",
                "risk": numbers.percent(rules.alpha, 0 if round(rules.alpha, 2) == rules.alpha else 1),
                "grade": rules.min_grade,
                "coverage": numbers.percent(rules.min_coverage),
            }
        )
    return tuple(rows)


def bound_facts() -> dict[str, Any]:
    """Return the numbers of the bound that verdicts rest on, from the code that computes it."""
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


def fault_rates(name: str = "standard") -> FaultRates:
    """Return a set of faults, `standard` or `stress`, from the file that replays use."""
    raw = (resources.files("metrics.replay") / f"faults-{name}.toml").read_bytes()
    data = tomllib.loads(raw.decode())
    rates = tuple(
        (FAULT_LABELS.get(f"{part}.{key}", f"{part} {key}"), _amount(key, value))
        for part, keys in data.items()
        if isinstance(keys, dict)
        for key, value in keys.items()
    )
    sha256 = hashlib.sha256(raw).hexdigest()
    return FaultRates(rates=rates, seed=str(data["seed"]), sha256=sha256, rounds=data.get("rounds"))


def fault_table() -> tuple[tuple[str, str, str], ...]:
    """Return every fault with its rate in the standard faults and in the stress series, side by side."""
    standard, stress = (dict(fault_rates(name).rates) for name in ("standard", "stress"))
    labels = [label for label in FAULT_LABELS.values() if label in standard or label in stress]
    labels += [label for label in (*standard, *stress) if label not in labels]
    return tuple((label, standard.get(label, "0"), stress.get(label, "0")) for label in dict.fromkeys(labels))


def stress_facts() -> dict[str, Any]:
    """Return why there is a stress series, in the numbers of the bound that its targets are judged by."""
    blocks = EvidenceRules().min_blocks + 1  # the weeks of a quarter
    return {
        "rates": fault_rates("stress"),
        "fixed_on": dates.day(STRESS_FIXED_ON),
        "weeks": blocks,
        "share": numbers.percent(STRESS_SHARE),
        "failures": exchanges_without_failure(1 - STRESS_SHARE, z=anytime_factor(blocks, 2 * EvidenceRules().alpha)),
        "measures": tuple(MEASURES[name].title for name in STRESS_MEASURES),
    }


def _amount(key: str, value: float) -> str:
    if key.endswith("_s"):
        return numbers.duration(value)
    if isinstance(value, int) or not 0 < value < 1:
        return f"{value:,}"
    return f"{numbers.per_thousand(value)} of every 1,000" if value >= 0.001 else f"1 of every {1 / value:,.0f}"


def series_rows(db: Database, view: View) -> tuple[SeriesRow, ...]:
    """Return the series of measurements in a store, the newest first."""
    del view
    if not db.table("series").exists():  # an older release has written the store
        return ()
    sql = "SELECT series, faults, mode, faults_sha256 FROM series ORDER BY newest_run DESC LIMIT ?"
    return tuple(
        SeriesRow(series=series or "one for all", faults=faults, mode=mode, faults_sha256=sha256 or "")
        for series, faults, mode, sha256 in db.execute(sql, (MAX_SERIES,)).fetchall()
    )
