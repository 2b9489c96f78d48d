"""Forecast each target of a milestone, if the present course continues. Pure: no database, no clock.

A forecast is no evidence: it never proves or fails anything. It is recorded as it was made, to be scored later.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from metrics.measures.registry import MEASURES
from metrics.question import block_days, block_noun
from roadmap.criteria import reaches_target, why_unusable
from roadmap.forecast.probability import HORIZON_DAYS, blocks_left, first_reaching_block, last_counted_day, projection
from roadmap.forecast.required_evidence import OUTAGE_MEASURE
from roadmap.model import Forecast
from roadmap.wording.dates import day
from roadmap.wording.numbers import amount, digits_to_separate, odds_text, plural
from roadmap.wording.verdicts import target_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from metrics.measures.reading import Reading
    from metrics.measures.registry import Measure
    from roadmap.forecast.probability import Projection
    from roadmap.plan.milestones import Milestone
    from roadmap.plan.targets import Target


#: Weeks of evidence before the first forecast.
MIN_POINTS = 6


def forecast_targets(
    milestone: Milestone, readings: Mapping[tuple[str, str], Reading], today: date, last_day: date | None = None
) -> tuple[Forecast, ...]:
    """Return a forecast of every target that has a number, metrics first.

    Odds are those of `Projection.odds`, up to the last block that can end by the due date; there are none once the
    target is reached. They and `expected_on` take six weeks of evidence, a range over blocks, and a due date that is
    not past. `last_day` is the last day of evidence; with it, a week under way counts as one still to come.
    """
    return tuple(
        _forecast(milestone, role, target, reading, today, last_day)
        for role, targets in (("metric", milestone.metrics), ("guardrail", milestone.guardrails))
        for target in targets
        if (reading := readings.get((target.name, target.faults))) is not None and reading.estimate is not None
    )


def _forecast(
    milestone: Milestone, role: str, target: Target, reading: Reading, today: date, last_day: date | None
) -> Forecast:
    measure, days = MEASURES[target.name], block_days(reading.mode)
    since = last_counted_day(today, days, last_day)
    left = blocks_left(milestone.due, since, days)
    points = reading.blocks * days // 7
    path = projection(target, reading, milestone.evidence)
    odds = expected_on = None
    text = _why_no_odds(target, measure, reading, points)
    if unusable := why_unusable(milestone.evidence, reading):
        text = f"no odds: {unusable}"
    if not text and path is None:
        text = f"no odds: the noise of a {block_noun(days)} is unknown"
    elif not text and path is not None:
        expected_on = _expected(milestone, path, reading.blocks, since, today, days)
        if today <= milestone.due and not already_reached(milestone, path, reading.blocks):
            odds = _odds(milestone, path, reading.blocks, left)
        text = _forecast_text(milestone, target, measure, odds, None if reached(expected_on, today) else expected_on)
        if reached(expected_on, today):
            by = day(milestone.due)
            text = "reached so far" + (f"; {odds_text(odds)} that it is proven by {by}" if odds is not None else "")
    return Forecast(
        name=target.name,
        role=role,
        faults=target.faults,
        as_of=today,
        due=milestone.due,
        points=points,
        estimate=float(reading.estimate or 0.0),
        odds=odds,
        expected_on=expected_on,
        ceiling=best_possible(measure, reading, left),
        text=text,
    )


def _odds(milestone: Milestone, path: Projection, have: int, left: int) -> float:
    """Return the odds of a proof by the due date; 0 where even all blocks by then are too few for a verdict."""
    blocks, least = have + left, milestone.evidence.min_blocks
    return path.odds(have, blocks, least) if blocks >= least else 0.0


def _expected(milestone: Milestone, path: Projection, have: int, since: date, today: date, days: int) -> date | None:
    rules = milestone.evidence
    if rules.mode == "fixed":  # one evaluation, on the due date
        blocks = have + blocks_left(milestone.due, since, days)
        return milestone.due if blocks >= rules.min_blocks and path.reaches(blocks) else None
    first = first_reaching_block(path, max(have, rules.min_blocks), have + HORIZON_DAYS // days)
    return None if first is None else max(today, since + timedelta(days=(first - have) * days))


def already_reached(milestone: Milestone, path: Projection, have: int) -> bool:
    """Return whether the present evaluation finds the target reached, so that no forecast is left."""
    rules = milestone.evidence
    return rules.mode == "anytime" and have >= rules.min_blocks and path.reaches(have)


def reached(expected_on: date | None, today: date) -> bool:
    """Return whether the bound is at the target today."""
    return expected_on is not None and expected_on <= today


def best_possible(measure: Measure, reading: Reading, left: int) -> float | None:
    """Return the best value that a measure can still have by the due date, if every block to come is perfect.

    (estimate x blocks so far + best x blocks left) / all blocks, assuming blocks to come as large as those so far. A
    count only grows, so its best is its present value; a state can still become the best. None where nothing was
    measured.
    """
    if reading.estimate is None:
        return None
    if measure.can_recover:
        return measure.best if left else reading.estimate
    if measure.kind == "census" and measure.unit != "share":
        return reading.estimate
    blocks = reading.blocks + left
    return (reading.estimate * reading.blocks + measure.best * left) / blocks if blocks else None


def best_possible_text(target: Target, measure: Measure, best: float, estimate: float, days: int) -> str:
    """Format the best possible value with its assumptions; it is the estimate itself when no block is left."""
    end = "most" if target.direction == "at_least" else "least"
    shown = amount(best, measure.unit, digits_to_separate([best], target.value, measure.unit))
    if best == estimate:
        return f"no {block_noun(days)} is left before the due date, and it is at {shown}"
    return (
        f"at {end} {shown} by the due date if all to come is perfect, and the {block_noun(days)}s to come are as "
        "large as those so far"
    )


def _why_no_odds(target: Target, measure: Measure, reading: Reading, points: int) -> str:
    """Return why a measure has no odds, or ""."""
    if measure.kind == "census":
        at = "at its target" if reaches_target(target, reading.estimate or 0.0) else "not at its target"
        return f"everything is counted, so there are no odds; it is {at}"
    if target.name == OUTAGE_MEASURE:
        return "no odds: outages cannot be forecast"
    if points < MIN_POINTS:
        return f"no forecast before {plural(MIN_POINTS, 'week')} of evidence; there {_are(points, 'week')}"
    return ""


def _are(number: int, noun: str) -> str:
    return f"{'is' if number == 1 else 'are'} {plural(number, noun)}"


def _forecast_text(
    milestone: Milestone, target: Target, measure: Measure, odds: float | None, expected_on: date | None
) -> str:
    goal = target_text(target.direction, target.value, measure.unit)
    due = day(milestone.due)
    head = f"the due date {due} is past" if odds is None else f"{odds_text(odds)} that {goal} is proven by {due}"
    if expected_on is not None:
        return f"{head}; expected around {day(expected_on)} if things stay as they are"
    never = "not at the one evaluation" if milestone.evidence.mode == "fixed" else "not within three years"
    return f"{head}; {never} if things stay as they are"
