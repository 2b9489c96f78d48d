"""What it takes to prove a target: blocks, the true value, the earliest day. Pure: no database, no clock."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import timedelta
from statistics import NormalDist
from typing import TYPE_CHECKING

from metrics.measures.registry import MEASURES
from metrics.measures.resilience import MIN_OUTAGES
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
from roadmap.wording.dates import block_noun, day
from roadmap.wording.numbers import amount, percent, plural
from roadmap.wording.verdicts import reading_text, target_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from metrics.measures.reading import Reading
    from metrics.measures.registry import Measure
    from roadmap.plan.milestones import Milestone, Target

#: Its unit of evidence is the outage, which nobody can foresee.
OUTAGE_MEASURE = "wasted_calls"

#: Noise from block to block that is assumed before any was measured, as a share of what is measured.
ASSUMED_NOISE = 0.10

#: Odds of a proof that a true value is asked to have.
GOOD_ODDS = 0.80


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """What it takes to prove one target; what cannot be said is None, and `text` says why."""

    name: str
    role: str  #: "metric" or "guardrail"
    faults: str
    target: float
    blocks: int | None  #: blocks in all, those measured included, if estimate and noise stay as they are
    true_gain: float | None  #: the least true value that is proven by the due date with odds of 80%
    earliest: date | None
    assumed: str  #: "" or what was assumed where nothing was measured
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _TargetState:
    """One target with what is known of it, and the blocks that there are until the due date."""

    milestone: Milestone
    target: Target
    measure: Measure
    reading: Reading | None  #: None: nothing measured
    today: date
    begin: date  #: the day before the next block begins
    days: int  #: of a block

    @property
    def have(self) -> int:
        return self.reading.blocks if self.reading else 0

    @property
    def by_due(self) -> int:
        return self.have + blocks_left(self.milestone.due, self.begin, self.days)

    def day_of(self, blocks: int | None) -> date | None:
        """The earliest day on which so many blocks are there and may be judged."""
        if blocks is None:
            return None
        found = max(self.today, self.begin + timedelta(days=max(blocks - self.have, 0) * self.days))
        if self.milestone.evidence.mode == "fixed":  # one look, on the due date, and none after it
            return self.milestone.due if found <= self.milestone.due else None
        return found


def requirements(
    milestone: Milestone,
    readings: Mapping[tuple[str, str], Reading],
    today: date,
    first_day: date | None,
    block_days: int,
) -> tuple[Requirement, ...]:
    """What it takes to prove every target, metrics first.

    `first_day` is the first day of evidence, measured or planned; without it the next block begins today, or at the
    start where that lies ahead. Nothing measured yet: a noise of `ASSUMED_NOISE` from block to block is assumed, and
    named as assumed.
    """
    found = []
    for role, targets in (("metric", milestone.metrics), ("guardrail", milestone.guardrails)):
        for target in targets:
            reading = readings.get((target.name, target.faults))
            measured = reading if reading and reading.estimate is not None and reading.blocks else None
            first = max(milestone.start, today, first_day or today)
            begin = today if measured else first - timedelta(days=1)
            asked = _TargetState(
                milestone=milestone, target=target, measure=MEASURES[target.name], reading=measured, today=today,
                begin=begin, days=block_days,
            )  # fmt: skip
            found.append(_need(asked, role))
    return tuple(found)


def _need(asked: _TargetState, role: str) -> Requirement:
    target, measure = asked.target, asked.measure
    if target.name == OUTAGE_MEASURE:
        blocks, gain, assumed, text = _by_outages(asked)
    elif measure.kind == "census":
        blocks, gain, assumed, text = _by_count(asked)
    elif _is_rate(asked):
        blocks, gain, assumed, text = _by_exchanges(asked)
    else:
        blocks, gain, assumed, text = _by_blocks(asked)
    earliest = None if target.name == OUTAGE_MEASURE else asked.day_of(blocks)
    wrong = why_unusable(asked.milestone.evidence, asked.reading) if asked.reading else ""
    if wrong:  # more of the same proves nothing, whatever its range comes to
        blocks = gain = earliest = None
        text = f"{wrong}; more of the same evidence does not prove it"
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


_Found = tuple[int | None, float | None, str, str]


def _by_outages(asked: _TargetState) -> _Found:
    had = asked.reading.n if asked.reading else 0
    text = f"a range takes {plural(MIN_OUTAGES, 'outage')}, {had} so far, and nobody can say when they come"
    return asked.milestone.evidence.min_blocks, None, "", text


def _by_count(asked: _TargetState) -> _Found:
    least, reading = asked.milestone.evidence.min_blocks, asked.reading
    if reading and reading.estimate is not None and failed_for_good(asked.target, asked.measure.unit, reading.estimate):
        said = reading_text(replace(reading, missing=""), asked.measure.unit, "census")
        return None, None, "", f"it stands at {said}, and no later count can change it"
    text = f"everything is counted, so {plural(least, block_noun(asked.days))} at the target prove it"
    return least, asked.target.value, "", text


def _by_blocks(asked: _TargetState) -> _Found:
    """A gain or a mean over blocks."""
    rules, target, reading = asked.milestone.evidence, asked.target, asked.reading
    path = projection(target, reading, rules) if reading else None
    if path and reading and reading.scale:
        blocks = first_reaching_block(path, rules.min_blocks, asked.have + HORIZON_DAYS // asked.days)
        gain = _gain(asked, path.noise, reading.scale)
        now = amount(reading.estimate or 0.0, asked.measure.unit, 1)
        takes = plural(blocks, block_noun(asked.days)) if blocks else "more than three years"
        return blocks, gain, "", f"at {now} and the noise measured it takes {takes} in all{_by_then(asked, gain)}"
    least = plural(rules.min_blocks, block_noun(asked.days))
    if asked.measure.unit != "share":
        noise, scale = ASSUMED_NOISE * abs(target.value), "plain"
    elif math.isinf(asked.measure.lowest):  # a gain, on whose scale noise is a share already
        noise, scale = ASSUMED_NOISE, "log_ratio"
    else:
        return rules.min_blocks, None, "", f"{least} at the least; its noise is not known before two are measured"
    gain = _gain(asked, noise, scale)
    block = block_noun(asked.days)
    assumed = f"a noise of {percent(ASSUMED_NOISE)} from {block} to {block}"
    return rules.min_blocks, gain, assumed, f"{least} at the least{_by_then(asked, gain)}, assuming {assumed}"


def _gain(asked: _TargetState, noise: float, scale: str) -> float | None:
    """The least true value that is proven by the due date with good odds; None where no value has."""
    rules = asked.milestone.evidence
    if asked.by_due < rules.min_blocks or (scale == "log_ratio" and asked.target.value >= 1):
        return None
    gain = value_at_distance(asked.target, least_distance(GOOD_ODDS, noise, asked.by_due, rules), scale)
    return gain if gain >= asked.measure.lowest else None


def _by_then(asked: _TargetState, gain: float | None) -> str:
    """Which true value has good odds by the due date."""
    due, had = day(asked.milestone.due), plural(asked.by_due, block_noun(asked.days))
    if gain is None:
        return f"; by {due} there can be {had}, too few to prove it"
    better = "more" if asked.target.direction == "at_least" else "less"
    shown = amount(gain, asked.measure.unit, 1)
    odds = percent(GOOD_ODDS)
    return f"; with the {had} of evidence by {due}, a true {shown} or {better} is proven with odds of {odds}"


def _is_rate(asked: _TargetState) -> bool:
    """Whether it is a share of exchanges, judged by Wilson; before anything is measured, a share that is not a gain."""
    if asked.reading and asked.reading.scale:
        return asked.reading.scale == "wilson"
    return asked.measure.unit == "share" and asked.measure.lowest == 0


def _by_exchanges(asked: _TargetState) -> _Found:
    """A share of exchanges: how many it takes if none fails, and how long that is at the present rate."""
    rules, target, reading = asked.milestone.evidence, asked.target, asked.reading
    failing = 1 - target.value if target.direction == "at_least" else target.value
    if not 0 < failing < 1:
        return None, None, "", "no sample can prove it: a share judged by a range never reaches its end"
    effect = reading.effect if reading and reading.effect else None
    assumed = "" if effect else "a design effect of 1: exchanges that fail one by one, not in lumps"
    ordinary = exchanges_without_failure(failing, effect or 1.0)
    z = bound_factor(max(asked.by_due, rules.min_blocks), rules.alpha, rules.mode)
    deciding = exchanges_without_failure(failing, effect or 1.0, z)
    text = (
        f"if none fails, {plural(ordinary, 'exchange')} for the ordinary interval and about {deciding:,} for "
        f"the bound that decides (design effect {effect or 1.0:.1f}{'' if effect else ', assumed'})"
    )
    if reading is None or not reading.n:
        return None, None, assumed, f"{text}; none counted yet"
    per_block = reading.n / asked.have
    rate = f"{reading.n:,} counted in {plural(asked.have, block_noun(asked.days))}"
    text += f"; {rate}, so that is {plural(math.ceil(deciding / per_block), block_noun(asked.days))} at this rate"
    path = projection(target, reading, rules)
    if path is None:
        return None, None, assumed, text
    blocks = first_reaching_block(path, rules.min_blocks, asked.have + HORIZON_DAYS // asked.days)
    gain = _true_share(asked, per_block / (effect or 1.0))
    return blocks, gain, assumed, text + (_by_then(asked, gain) if gain is not None else "")


def _true_share(asked: _TargetState, per_block: float) -> float | None:
    """The least true share with good odds by the due date, at so many independent exchanges a block."""
    rules, target, blocks = asked.milestone.evidence, asked.target, asked.by_due
    if blocks < rules.min_blocks:
        return None
    n, goal = per_block * blocks, target.value
    half = bound_factor(blocks, rules.alpha, rules.mode) * math.sqrt(goal * (1 - goal) / n)
    surely = NormalDist().inv_cdf(GOOD_ODDS)
    low, high = 0.0, 1 - goal if target.direction == "at_least" else goal
    if half > high:
        return None  # not even a share that never fails is proven with so few

    def enough(beyond: float) -> bool:
        share = value_at_distance(target, beyond, "wilson")
        return beyond - half >= surely * math.sqrt(max(share * (1 - share), 0.0) / n)

    for _ in range(50):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return value_at_distance(target, high, "wilson")
