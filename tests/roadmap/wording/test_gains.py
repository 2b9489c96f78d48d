"""The sentences people read, situation by situation."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from roadmap.wording import gains, numbers
from roadmap.wording.gains import Gain

GAIN = Gain(
    estimate=0.65, low=0.63, high=0.67, target=0.60, blocks=13, min_blocks=12,
    today=date(2013, 3, 31), start=date(2013, 1, 1), due=date(2013, 3, 31), code="M1", proven_on=date(2013, 3, 24),
)  # fmt: skip
OPEN = replace(GAIN, proven_on=None)


@pytest.mark.parametrize(
    ("gain", "situation", "headline", "detail"),
    [
        (GAIN, "proven", "Proven. Runs take 65% less time.", "Likely between 63% and 67%; the target is 60%."),
        (
            replace(OPEN, estimate=0.61, low=0.57, high=0.65),
            "not_proven",
            "Not proven yet. Runs take 61% less time.",
            "Best estimate 61%, but it could be anywhere from 57% to 65%. The target is 60%.",
        ),
        (
            replace(OPEN, estimate=0.55, low=0.54, high=0.565),
            "short",
            "Short of the target. Runs take 55% less time.",
            "Likely between 54% and 56%; the target is 60%.",
        ),
        (
            replace(OPEN, estimate=0.55, low=0.53, high=0.57, today=date(2013, 4, 7)),
            "missed",
            "Missed. Runs take 55% less time.",
            "Likely between 53% and 57%; the target is 60%.",
        ),
        (
            replace(OPEN, estimate=0.03, low=-0.04, high=0.09),
            "no_difference",
            "No clear difference from the monolith.",
            "Best estimate 3% less time, but it could be anywhere from 4% more time to 9% less time.",
        ),
        (
            replace(OPEN, estimate=-0.10, low=-0.12, high=-0.08),
            "slower",
            "Slower than the monolith. Runs take 10% more time.",
            "Likely between 8% and 12% more; the target is 60%.",
        ),
        (
            replace(OPEN, low=None, high=None, blocks=6, today=date(2013, 2, 10)),
            "early",
            "Too early to say.",
            "6 of 12 weeks. Enough around 24 Mar at today's rate.",
        ),
        (
            replace(OPEN, estimate=None, low=None, high=None, blocks=0, code="M6", start=date(2013, 5, 1)),
            "none",
            "No runs yet on M6.",
            "Starts 1 May.",
        ),
        (
            replace(OPEN, lacks="same answers"),
            "target_reached",
            "Runs take 65% less time, but M1 is not proven.",
            "Likely between 63% and 67%; the target is 60%. Not reached: same answers.",
        ),
        (
            replace(GAIN, estimate=0.55, low=0.53, high=0.57),
            "regressed",
            "Proven on 24 Mar, regressed since.",
            "55% less time by now. Likely between 53% and 57%; the target is 60%.",
        ),
    ],
)
def test_each_situation_has_its_sentence(gain: Gain, situation: str, headline: str, detail: str) -> None:
    """Every row of the table of situations is said in its own fixed words."""
    assert gains.answer(gain) == gains.Answer(situation=situation, headline=headline, detail=detail)


def test_an_early_look_gives_a_number_and_no_verdict() -> None:
    """A milestone without enough evidence shows what it has, and says that this is no verdict."""
    early = replace(OPEN, code="M2", low=None, high=None, blocks=3, today=date(2013, 1, 20))
    assert gains.early_look(early) == (
        "Early look at M2: 3 of 12 weeks. Enough around 24 Mar at today's rate. So far "
        "65% less time, without a verdict."
    )


def test_too_late_for_enough_evidence_is_said() -> None:
    """When the rate of evidence cannot reach the minimum by the due date, no cheerful date is given."""
    slow = replace(OPEN, low=None, high=None, blocks=2, today=date(2013, 2, 24))
    assert gains.too_early(slow).endswith("not before 5 May, after the due date.")


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ((0.501, 0.378, 0.599, 0.60), "50% less time, 38% to 59.9%"),
        ((0.597, 0.55, 0.65, 0.60), "60% less time, 55% to 65%"),
        ((0.598, 0.59, 0.5996, 0.60), "59.8% less time, 59.0% to 59.96%"),
        ((0.6035, 0.60, 0.62, 0.60), "60.4% less time, 60% to 62%"),
        ((0.651, 0.645, 0.656, None), "65.1% less time, 64.5% to 65.6%"),
    ],
)
def test_no_number_has_more_digits_than_its_range_supports(
    known: tuple[float, float, float, float | None], said: str
) -> None:
    """An estimate has what its range supports, and more only where it lies beyond the target with all of its range."""
    estimate, low, high, target = known
    assert f"{gains.gained(estimate, low, high, target)}, {numbers.span(low, high, target)}" == said
    found = gains.answer(replace(OPEN, estimate=estimate, low=low, high=high, target=target))
    assert f" {said.partition(',')[0]}" in found.headline
    assert said.partition(", ")[2] in found.detail.replace(" and ", " to ")
