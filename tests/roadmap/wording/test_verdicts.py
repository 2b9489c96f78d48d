"""Every formatter of targets, readings, standings, decisions and spending: a table of value and text."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from metrics.measures.reading import Reading
from roadmap.wording.decisions import decision_text
from roadmap.wording.sentences import sentence, shortened
from roadmap.wording.verdicts import (
    advice_text,
    reading_text,
    removed_text,
    spent_text,
    standing_sentences,
    target_text,
)


def saved(estimate, low, high, missing=""):
    """A reading of time saved."""
    return Reading(
        measure="busy_time_saved", estimate=estimate, low=low, high=high, ci_low=low, ci_high=high, n=24, n_of="runs",
        blocks=12, coverage=1.0, grade="B", faults="standard", mode="replay", series="s", method="1",
        start=date(2013, 1, 1), end=date(2013, 3, 31), missing=missing, inputs_sha256="1",
    )  # fmt: skip


def other(estimate, low=None, high=None, **changes):
    """A reading of another measure."""
    return replace(saved(estimate, low, high), measure="other", **changes)


@pytest.mark.parametrize(
    ("reading", "unit", "kind", "target", "text"),
    [
        (saved(0.65, 0.63, 0.67), "share", "sampled", 0.6, "65% less time, likely 63% to 67%"),
        (saved(0.62, 0.597, 0.64), "share", "sampled", 0.6, "62% less time, likely 59.7% to 64%"),
        (saved(0.60, 0.60, 0.64), "share", "sampled", 0.6, "60% less time, likely 60% to 64%"),
        (saved(0.04, -0.05, 0.12), "share", "sampled", 0.6, "4% less time, likely between 5% more and 12% less"),
        (saved(-0.10, -0.15, -0.05), "share", "sampled", 0.6, "10% more time, likely 5% to 15%"),
        (saved(0.5, None, None, "3 of 12 weeks"), "share", "sampled", 0.6, "50% less time (early look: 3 of 12 weeks)"),
        (saved(None, None, None, "no weeks"), "share", "sampled", 0.6, "no weeks"),
        (None, "share", "sampled", 0.6, "nothing measured yet"),
        (other(0.96, 0.94, 0.98), "share", "sampled", 0.95, "96%, likely 94% to 98%"),
        (other(4.2, 3.9, 4.5), "seconds", "sampled", 5.0, "4.2, likely 3.9 to 4.5 seconds"),
        (other(5.04, 4.8, 5.3), "seconds", "sampled", 5.0, "5.04, likely 4.80 to 5.30 seconds"),
        (other(0.004), "seconds", "sampled", 5.0, "0.004 seconds"),
        (other(412.34), "MB", "census", 5.0, "412.3 MB, the most of 24 runs"),
        (other(1.0), "records", "census", 5.0, "1 of 24 runs"),
        (other(1.0), "share", "census", 1.0, "all 24 runs"),
        (other(199_999 / 200_000, n=200_000, n_of="records"), "share", "census", 1.0, "199,999 of 200,000 records"),
    ],
)
def test_readings(reading, unit, kind, target, text):
    """Less or more time, never faster; no value is rounded onto its target, and a census is not rounded to all."""
    assert reading_text(reading, unit, kind, target) == text


@pytest.mark.parametrize(
    ("direction", "value", "unit", "text"),
    [
        ("at_least", 1.0, "share", "all"),
        ("at_least", 0.6, "share", "at least 60%"),
        ("at_least", -0.1, "share", "at least \N{MINUS SIGN}10%"),
        ("at_most", 0.0, "records", "none"),
        ("at_most", 0.0, "share", "none"),
        ("at_most", 5.0, "calls per outage hour", "at most 5 calls per outage hour"),
        ("at_least", 0.995, "share", "at least 99.5%"),
        ("at_most", 0.0005, "share", "at most 0.05%"),
        ("at_most", 1.0, "records", "at most 1 record"),
        ("at_most", 0.25, "seconds", "at most 0.25 seconds"),
        ("at_most", 512.0, "MB", "at most 512 MB"),
        ("at_most", 1.0, "calls per 1,000 records", "at most 1 call per 1,000 records"),
        ("at_most", 2.5, "times per 1,000 exchanges", "at most 2.5 times per 1,000 exchanges"),
    ],
)
def test_targets(direction, value, unit, text):
    """All, none, and values with as many decimals as they have."""
    assert target_text(direction, value, unit) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (standing_sentences({"M1": "on_track"}), ("0 of 1 milestone proven.",)),
        (
            standing_sentences({"M1": "proven", "M2": "paused", "M3": "at_risk"}),
            ("1 of 3 milestones proven: M1.", "At risk: M3.", "Paused: M2."),
        ),
        (removed_text({}), ""),
        (
            removed_text({"M1": date(2013, 3, 31), "M2": date(2013, 6, 30)}),
            "Planned once, and no longer in the file: M1 (due 31 Mar 2013), M2 (due 30 Jun 2013).",
        ),
        (decision_text("pause", "Ada"), "paused by Ada"),
        (decision_text("pause", "Ada", until="2013-06-30"), "paused by Ada until 30 Jun 2013"),
        (decision_text("pause", "Ada", until="the audit"), "paused by Ada until the audit"),
        (
            decision_text("stop", "Ada", as_of=date(2013, 5, 5), why="no budget", advised="change"),
            "stopped on 5 May 2013 by Ada (advised: change): no budget",
        ),
        (advice_text("continue", "continue: it is proven"), "continue: it is proven"),
        (advice_text("change", "re-plan: it is late"), "change: re-plan: it is late"),
        (spent_text(1200, 5000), "1,200 of 5,000"),
        (spent_text(0.5, None), "0.50, no budget set"),
        (spent_text(None, None), "not recorded"),
        (spent_text(None, 5000), "not recorded, of 5,000"),
        (sentence("at least 60% of it"), "At least 60% of it."),
        (shortened("a text\n of more words", 10), "a text\N{HORIZONTAL ELLIPSIS}"),
        (shortened("short", 10), "short"),
        (shortened("anything", 0), ""),
    ],
)
def test_sentences(text, expected):
    """Standings, decisions, advice and spending read the same on the command line, on paper and on pages."""
    assert text == expected
