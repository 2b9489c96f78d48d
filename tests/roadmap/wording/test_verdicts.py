"""Numbers as people read them."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from metrics.measures.reading import Reading
from roadmap.judge.status import judge
from roadmap.model import Evidence
from roadmap.plan.loader import load_plan
from roadmap.report import verdict_text
from roadmap.wording import verdicts
from roadmap.wording.dates import block_noun
from roadmap.wording.numbers import counted, odds_text, plural


def saved(estimate, low, high, missing=""):
    """A reading of time saved."""
    return Reading(
        measure="busy_time_saved", estimate=estimate, low=low, high=high, ci_low=low, ci_high=high, n=24, n_of="runs",
        blocks=12, coverage=1.0, grade="B", faults="standard", mode="replay", series="s", method="1",
        start=date(2013, 1, 1), end=date(2013, 3, 31), missing=missing, inputs_sha256="1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("reading", "text"),
    [
        (saved(0.65, 0.63, 0.67), "65% less time, likely 63% to 67%"),
        (saved(0.62, 0.597, 0.64), "62% less time, likely 59.7% to 64%"),
        (saved(0.60, 0.60, 0.64), "60% less time, likely 60% to 64%"),
        (saved(0.04, -0.05, 0.12), "4% less time, likely between 5% more and 12% less"),
        (saved(-0.10, -0.15, -0.05), "10% more time, likely 5% to 15%"),
        (saved(0.5, None, None, "3 of 12 weeks"), "50% less time (early look: 3 of 12 weeks)"),
        (saved(None, None, None, "no weeks"), "no weeks"),
        (None, "nothing measured yet"),
    ],
)
def test_time_saved_in_words(reading, text):
    """Less or more time, never faster; a bound just short of the target is not rounded onto it."""
    assert verdicts.reading_text(reading, "share", "sampled", 0.60) == text


@pytest.mark.parametrize(
    ("direction", "value", "unit", "text"),
    [
        ("at_least", 1.0, "share", "all"),
        ("at_least", 0.6, "share", "at least 60%"),
        ("at_most", 0.0, "records", "none"),
        ("at_most", 5.0, "calls per outage hour", "at most 5 calls per outage hour"),
        ("at_most", 0.0, "share", "none"),
        ("at_least", 0.995, "share", "at least 99.5%"),
        ("at_most", 0.0005, "share", "at most 0.05%"),
        ("at_most", 1.0, "records", "at most 1 record"),
        ("at_most", 0.25, "seconds", "at most 0.25 seconds"),
        ("at_most", 1.0, "seconds", "at most 1 second"),
        ("at_most", 512.0, "MB", "at most 512 MB"),
        ("at_most", 1.0, "calls per 1,000 records", "at most 1 call per 1,000 records"),
        ("at_most", 2.5, "times per 1,000 exchanges", "at most 2.5 times per 1,000 exchanges"),
        ("at_most", 1.0, "touches per 1,000 exchanges", "at most 1 touch per 1,000 exchanges"),
    ],
)
def test_targets_in_words(direction, value, unit, text):
    """Targets read as a person would say them."""
    assert verdicts.target_text(direction, value, unit) == text


def test_a_census_is_never_rounded_to_all():
    """One of 200,000 records that differs shows as a count."""
    reading = saved(199_999 / 200_000, None, None)
    reading = type(reading)(**{f: getattr(reading, f) for f in reading.__slots__} | {"n": 200_000, "n_of": "records"})
    assert verdicts.reading_text(reading, "share", "census", 1.0) == "199,999 of 200,000 records"


@pytest.mark.parametrize(
    ("number", "nouns", "text"),
    [
        (1, "runs", "1 run"),
        (0, "runs", "0 runs"),
        (2, "runs", "2 runs"),
        (1, "good rows due beside broken ones", "1 good row due beside broken ones"),
        (1, "records compared", "1 record compared"),
        (1, "outages of a day", "1 outage of a day"),
        (1, "exchanges with a transient fault", "1 exchange with a transient fault"),
        (1200, "records due", "1,200 records due"),
    ],
)
def test_one_is_not_many(number, nouns, text):
    """One of a thing is said in the singular, whatever follows the noun."""
    assert counted(number, nouns) == text


def test_blocks_go_by_their_names():
    """A replayed week, a day of production, and one of either."""
    assert [plural(n, block_noun(days)) for n in (1, 12) for days in (7, 1)] == [
        "1 week",
        "1 day",
        "12 weeks",
        "12 days",
    ]


@pytest.mark.parametrize(
    ("chance", "text"),
    [
        (0.0, "odds below 1%"),
        (0.01, "odds of 1%"),
        (0.5, "odds of 50%"),
        (0.99, "odds of 99%"),
        (1.0, "odds above 99%"),
    ],
)
def test_odds_are_never_certain(chance, text):
    """What is merely very likely is not called sure."""
    assert odds_text(chance) == text


@pytest.mark.parametrize(
    ("estimate", "low", "high", "unit", "kind", "text"),
    [
        (4.2, 3.9, 4.5, "seconds", "sampled", "4.2, likely 3.9 to 4.5 seconds"),
        (5.04, 4.8, 5.3, "seconds", "sampled", "5.04, likely 4.80 to 5.30 seconds"),
        (0.004, None, None, "seconds", "sampled", "0.004 seconds"),
        (412.34, None, None, "MB", "census", "412.3 MB, the most of 24 runs"),
        (1.0, None, None, "records", "census", "1 of 24 runs"),
    ],
)
def test_other_units_in_words(estimate, low, high, unit, kind, text):
    """Seconds and megabytes; a value beside its target keeps decimals enough to be told from it."""
    reading = replace(saved(estimate, low, high), measure="other")
    assert verdicts.reading_text(reading, unit, kind, 5.0) == text


def test_markdown_has_a_row_a_milestone(one_milestone):
    """Verdicts and plan as tables; the plan's holds no result."""
    plan = load_plan(one_milestone)
    verdict = judge(plan.milestone("M1"), Evidence(), date(2013, 1, 6), 1)
    assert verdict_text.to_markdown([verdict]).splitlines()[2] == (
        "| M1 Receive | not started | starts on 7 Jan 2013, in 1 day | "
        "Processing time saved: target at least 30%<br>Records lost: target none |"
    )
    assert verdict_text.plan_markdown(plan) == (
        "| Milestone | What for | When | Proven by |\n"
        "| --- | --- | --- | --- |\n"
        "| M1 Receive | Same answers, in less time | 7 Jan 2013 to 31 Mar 2013 "
        "| Processing time saved: at least 30% |"
    )
