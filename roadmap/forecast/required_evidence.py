"""Compute what it takes to prove a target: blocks, the true value, the earliest day. Pure: no database, no clock."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from statistics import NormalDist
from typing import TYPE_CHECKING

from metrics.measures.registry import MEASURES
from metrics.measures.resilience import MIN_OUTAGES
from metrics.question import block_noun
from metrics.stats.confidence import bound_factor
from roadmap.criteria import failed_for_good, why_unusable
from roadmap.forecast.probability import (
    HORIZON_DAYS,
    blocks_left,
    exchanges_without_failure,
    first_reaching_block,
    least_distance,
    projection,
    value_at_distance,
)
from roadmap.wording.dates import day
from roadmap.wording.numbers import amount, percent, plural
from roadmap.wording.verdicts import reading_text, target_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from metrics.measures.reading import Reading
    from metrics.measures.registry import Measure
    from roadmap.plan.milestones import Milestone
    from roadmap.plan.targets import Target

#: The measure whose unit of evidence is the outage; outages cannot be forecast.
OUTAGE_MEASURE = "wasted_calls"

#: Noise from block to block assumed before it was measured, as a share of the measured value.
ASSUMED_NOISE = 0.10

#: Odds of a proof that a required true value gives.
GOOD_ODDS = 0.80


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What it takes to prove one target; an unknown number is None, and `text` gives the reason."""

    name: str
    role: str  #: "metric" or "guardrail"
    faults: str
    target: float
    blocks: int | None  #: in all, those measured included, if estimate and noise stay as they are
    true_gain: float | None  #: the least true value that is proven by the due date with odds of 80%
    earliest: date | None
    assumed: str  #: what was assumed where nothing was measured, or ""
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _TargetState:
    """One target with its reading and the days until its due date."""

    milestone: Milestone
    target: Target
    measure: Measure
    reading: Reading | None  #: None: nothing measured
    today: date
    begin: date  #: the day before the next block begins
    block_days: int

    @property
    def have(self) -> int:
        return self.reading.blocks if self.reading else 0

    @property
    def by_due(self) -> int:
        return self.have + blocks_left(self.milestone.due, self.begin, self.block_days)

    def day_of(self, blocks: int | None) -> date | None:
        """Return the earliest day on which so many blocks are complete and may be judged."""
        if blocks is None:
            return None
        earliest = max(self.today, self.begin + timedelta(days=max(blocks - self.have, 0) * self.block_days))
        if self.milestone.evidence.mode == "fixed":  # one evaluation, on the due date
            return self.milestone.due if earliest <= self.milestone.due else None
        return earliest


def requirements(
    milestone: Milestone,
    readings: Mapping[tuple[str, str], Reading],
    today: date,
    first_day: date | None,
    block_days: int,
) -> tuple[Requirement, ...]:
    """Return what it takes to prove every target, metrics first.

    `first_day` is the first day of evidence, measured or planned; without it the next block begins today, or at the
    start if that lies ahead. If nothing was measured yet, a noise of `ASSUMED_NOISE` from block to block is assumed,
    and named as assumed.
    """
    result = []
    for role, targets in (("metric", milestone.metrics), ("guardrail", milestone.guardrails)):
        for target in targets:
            reading = readings.get((target.name, target.faults))
            measured = reading if reading and reading.estimate is not None and reading.blocks else None
            first = max(milestone.start, today, first_day or today)
            begin = today if measured else first - timedelta(days=1)
            state = _TargetState(
                milestone=milestone, target=target, measure=MEASURES[target.name], reading=measured, today=today,
                begin=begin, block_days=block_days,
            )  # fmt: skip
            result.append(_requirement(state, role))
    return tuple(result)


def _requirement(state: _TargetState, role: str) -> Requirement:
    target, measure = state.target, state.measure
    if target.name == OUTAGE_MEASURE:
        blocks, gain, assumed, text = _by_outages(state)
    elif measure.kind == "census":
        blocks, gain, assumed, text = _by_count(state)
    elif _is_rate(state):
        blocks, gain, assumed, text = _by_exchanges(state)
    else:
        blocks, gain, assumed, text = _by_blocks(state)
    earliest = None if target.name == OUTAGE_MEASURE else state.day_of(blocks)
    unusable = why_unusable(state.milestone.evidence, state.reading) if state.reading else ""
    if unusable:  # more of the same proves nothing, whatever its range
        blocks = gain = earliest = None
        text = f"{unusable}; more of the same evidence does not prove it"
    head = f"{measure.title}, {target_text(target.direction, target.value, measure.unit)}: "
    tail = f"; {day(earliest)} at the earliest" if earliest else ""
    return Requirement(
        name=target.name,
        role=role,
        faults=target.faults,
        target=target.value,
        blocks=blocks,
        true_gain=gain,
        earliest=earliest,
        assumed=assumed,
        text=head + text + tail,
    )


#: Blocks, true gain, assumption and text of a requirement.
_Numbers = tuple[int | None, float | None, str, str]


def _by_outages(state: _TargetState) -> _Numbers:
    had = state.reading.n if state.reading else 0
    text = f"a range takes {plural(MIN_OUTAGES, 'outage')}, {had} so far, and outages cannot be forecast"
    return state.milestone.evidence.min_blocks, None, "", text


def _by_count(state: _TargetState) -> _Numbers:
    least, reading = state.milestone.evidence.min_blocks, state.reading
    if reading and reading.estimate is not None and failed_for_good(state.target, state.measure.unit, reading.estimate):
        measured = reading_text(replace(reading, missing=""), state.measure.unit, "census")
        return None, None, "", f"it is at {measured}, and no later count can change it"
    text = f"everything is counted, so {plural(least, block_noun(state.block_days))} at the target prove it"
    return least, state.target.value, "", text


def _by_blocks(state: _TargetState) -> _Numbers:
    """Return the requirement of a gain or of a mean over blocks."""
    rules, target, reading = state.milestone.evidence, state.target, state.reading
    path = projection(target, reading, rules) if reading else None
    if path and reading and reading.scale:
        blocks = first_reaching_block(path, rules.min_blocks, state.have + HORIZON_DAYS // state.block_days)
        gain = _gain(state, path.noise, reading.scale)
        now = amount(reading.estimate or 0.0, state.measure.unit, 1)
        takes = plural(blocks, block_noun(state.block_days)) if blocks else "more than three years"
        return blocks, gain, "", f"at {now} and the noise measured it takes {takes} in all{_by_then(state, gain)}"
    least = plural(rules.min_blocks, block_noun(state.block_days))
    if state.measure.unit != "share":
        noise, scale = ASSUMED_NOISE * abs(target.value), "plain"
    elif math.isinf(state.measure.lowest):  # a gain: on its scale, noise is a share already
        noise, scale = ASSUMED_NOISE, "log_ratio"
    else:
        return rules.min_blocks, None, "", f"{least} at least; its noise is unknown before two are measured"
    gain = _gain(state, noise, scale)
    block = block_noun(state.block_days)
    assumed = f"a noise of {percent(ASSUMED_NOISE)} from {block} to {block}"
    return rules.min_blocks, gain, assumed, f"{least} at least{_by_then(state, gain)}, assuming {assumed}"


def _gain(state: _TargetState, noise: float, scale: str) -> float | None:
    """Return the least true value that is proven by the due date with good odds; None where there is none."""
    rules = state.milestone.evidence
    if state.by_due < rules.min_blocks or (scale == "log_ratio" and state.target.value >= 1):
        return None
    gain = value_at_distance(state.target, least_distance(GOOD_ODDS, noise, state.by_due, rules), scale)
    return gain if gain >= state.measure.lowest else None


def _by_then(state: _TargetState, gain: float | None) -> str:
    """Return which true value has good odds by the due date, in words."""
    due, had = day(state.milestone.due), plural(state.by_due, block_noun(state.block_days))
    if gain is None:
        return f"; by {due} there can be {had}, too few to prove it"
    better = "more" if state.target.direction == "at_least" else "less"
    shown = amount(gain, state.measure.unit, 1)
    odds = percent(GOOD_ODDS)
    return f"; with the {had} of evidence by {due}, a true {shown} or {better} is proven with odds of {odds}"


def _is_rate(state: _TargetState) -> bool:
    """Return whether Wilson's interval judges the target: a share of exchanges; if unmeasured, a share but no gain."""
    if state.reading and state.reading.scale:
        return state.reading.scale == "wilson"
    return state.measure.unit == "share" and state.measure.lowest == 0


def _by_exchanges(state: _TargetState) -> _Numbers:
    """Return the requirement of a share of exchanges: how many if none fails, and how long at the present rate."""
    rules, target, reading = state.milestone.evidence, state.target, state.reading
    failing = 1 - target.value if target.direction == "at_least" else target.value
    if not 0 < failing < 1:
        return None, None, "", "no sample can prove it: the range of a share never reaches 0 or 1"
    effect = reading.effect if reading and reading.effect else None
    assumed = "" if effect else "a design effect of 1: exchanges that fail independently"
    ordinary = exchanges_without_failure(failing, effect or 1.0)
    z = bound_factor(max(state.by_due, rules.min_blocks), rules.alpha, rules.mode)
    deciding = exchanges_without_failure(failing, effect or 1.0, z)
    text = (
        f"if none fails, {plural(ordinary, 'exchange')} for the ordinary interval and about {deciding:,} for "
        f"the bound that decides (design effect {effect or 1.0:.1f}{'' if effect else ', assumed'})"
    )
    if reading is None or not reading.n:
        return None, None, assumed, f"{text}; none counted yet"
    per_block = reading.n / state.have
    rate = f"{reading.n:,} counted in {plural(state.have, block_noun(state.block_days))}"
    text += f"; {rate}, so that is {plural(math.ceil(deciding / per_block), block_noun(state.block_days))} at this rate"
    path = projection(target, reading, rules)
    if path is None:
        return None, None, assumed, text
    blocks = first_reaching_block(path, rules.min_blocks, state.have + HORIZON_DAYS // state.block_days)
    gain = _true_share(state, per_block / (effect or 1.0))
    return blocks, gain, assumed, text + (_by_then(state, gain) if gain is not None else "")


def _true_share(state: _TargetState, per_block: float) -> float | None:
    """Return the least true share with good odds by the due date, at so many independent exchanges a block."""
    rules, target, blocks = state.milestone.evidence, state.target, state.by_due
    if blocks < rules.min_blocks:
        return None
    n, goal = per_block * blocks, target.value
    half = bound_factor(blocks, rules.alpha, rules.mode) * math.sqrt(goal * (1 - goal) / n)
    z = NormalDist().inv_cdf(GOOD_ODDS)
    low, high = 0.0, 1 - goal if target.direction == "at_least" else goal
    if half > high:
        return None  # not even a share that never fails is proven with so few

    def enough(beyond: float) -> bool:
        share = value_at_distance(target, beyond, "wilson")
        return beyond - half >= z * math.sqrt(max(share * (1 - share), 0.0) / n)

    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return value_at_distance(target, high, "wilson")
