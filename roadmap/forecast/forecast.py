"""Where the numbers lead if things go on as they do. Pure: no database, no clock.

A forecast is no evidence: it never proves nor fails anything. It is kept as it was made, to be scored later.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from metrics.measures.registry import MEASURES
from metrics.question import block_days
from roadmap.criteria import reaches_target, why_unusable
from roadmap.forecast.probability import HORIZON_DAYS, blocks_left, first_reaching_block, last_counted_day, projection
from roadmap.forecast.required_evidence import OUTAGE_MEASURE
from roadmap.model import Forecast
from roadmap.wording.dates import block_noun, day
from roadmap.wording.numbers import amount, digits_to_separate, odds_text, plural
from roadmap.wording.verdicts import target_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from metrics.measures.reading import Reading
    from metrics.measures.registry import Measure
    from roadmap.forecast.probability import Projection
    from roadmap.plan.milestones import Milestone, Target


#: Weeks of evidence before anything is foreseen.
MIN_POINTS = 6


def forecast_targets(
    milestone: Milestone, readings: Mapping[tuple[str, str], Reading], today: date, last_day: date | None = None
) -> tuple[Forecast, ...]:
    """A forecast of every target that has a number, metrics first.

    Odds are those of `odds.Course.odds`, up to the last block that can end by the due date, and none once a look has
    found the target reached. They and `expected_on` take
    six weeks of evidence, a range over blocks, and a due date that is not past. `last_day` is the last day of evidence;
    with it, a week that is under way counts as one that can still be had.
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
    said = _not_foreseen(target, measure, reading, points)
    if wrong := why_unusable(milestone.evidence, reading):
        said = f"no odds: {wrong}"
    if not said and path is None:
        said = f"no odds: the noise of a {block_noun(days)} is not known"
    elif not said and path is not None:
        expected_on = _expected(milestone, path, reading.blocks, since, today, days)
        if today <= milestone.due and not already_reached(milestone, path, reading.blocks):
            odds = _odds(milestone, path, reading.blocks, left)
        said = _foreseen(milestone, target, measure, odds, None if reached(expected_on, today) else expected_on)
        if reached(expected_on, today):
            by = day(milestone.due)
            said = "reached so far" + (f"; {odds_text(odds)} that it is proven by {by}" if odds is not None else "")
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
        text=said,
    )


def _odds(milestone: Milestone, path: Projection, have: int, left: int) -> float:
    """Odds that a look by the due date finds it; none where even all blocks by then are too few for a verdict."""
    blocks, least = have + left, milestone.evidence.min_blocks
    return path.odds(have, blocks, least) if blocks >= least else 0.0


def _expected(milestone: Milestone, path: Projection, have: int, since: date, today: date, days: int) -> date | None:
    rules = milestone.evidence
    if rules.mode == "fixed":  # one look, on the due date, and none after it
        blocks = have + blocks_left(milestone.due, since, days)
        return milestone.due if blocks >= rules.min_blocks and path.reaches(blocks) else None
    found = first_reaching_block(path, max(have, rules.min_blocks), have + HORIZON_DAYS // days)
    return None if found is None else max(today, since + timedelta(days=(found - have) * days))


def already_reached(milestone: Milestone, path: Projection, have: int) -> bool:
    """Whether this very look finds the target reached, so that nothing is left to foresee."""
    rules = milestone.evidence
    return rules.mode == "anytime" and have >= rules.min_blocks and path.reaches(have)


def reached(expected_on: date | None, today: date) -> bool:
    """Whether the bound is at the target as things stand."""
    return expected_on is not None and expected_on <= today


def best_possible(measure: Measure, reading: Reading, left: int) -> float | None:
    """The best that a measure can still be by the due date, were every block to come perfect; for `at_most` the least.

    (estimate x blocks had + best x blocks left) / all blocks. It takes the blocks to come for as large as those so far.
    A count only grows, so the least that it can be is what it is. None where nothing was measured.
    """
    if reading.estimate is None:
        return None
    if measure.kind == "census" and measure.unit != "share":
        return reading.estimate
    blocks = reading.blocks + left
    return (reading.estimate * reading.blocks + measure.best * left) / blocks if blocks else None


def best_possible_text(target: Target, measure: Measure, best: float, stands: float, days: int) -> str:
    """A ceiling in words, with what it takes for granted; it is the estimate, `stands`, when no block is left."""
    end = "most" if target.direction == "at_least" else "least"
    shown = amount(best, measure.unit, digits_to_separate([best], target.value, measure.unit))
    if best == stands:
        return f"no {block_noun(days)} is left before the due date, and it stands at {shown}"
    return (
        f"at {end} {shown} by the due date if all to come is perfect, and the {block_noun(days)}s to come are as "
        "large as those so far"
    )


def _not_foreseen(target: Target, measure: Measure, reading: Reading, points: int) -> str:
    """Why a measure has no odds, or nothing."""
    if measure.kind == "census":
        at = "at its target" if reaches_target(target, reading.estimate or 0.0) else "not at its target"
        return f"everything is counted, so there are no odds; it is {at}"
    if target.name == OUTAGE_MEASURE:
        return "no odds: nobody can foresee an outage"
    if points < MIN_POINTS:
        return f"no forecast before {plural(MIN_POINTS, 'week')} of evidence; there {_are(points, 'week')}"
    return ""


def _are(number: int, noun: str) -> str:
    return f"{'is' if number == 1 else 'are'} {plural(number, noun)}"


def _foreseen(
    milestone: Milestone, target: Target, measure: Measure, odds: float | None, expected_on: date | None
) -> str:
    goal = target_text(target.direction, target.value, measure.unit)
    due = day(milestone.due)
    head = f"the due date {due} is past" if odds is None else f"{odds_text(odds)} that {goal} is proven by {due}"
    if expected_on is not None:
        return f"{head}; expected around {day(expected_on)} if things stay as they are"
    never = "not at the one look" if milestone.evidence.mode == "fixed" else "not within three years"
    return f"{head}; {never} if things stay as they are"
