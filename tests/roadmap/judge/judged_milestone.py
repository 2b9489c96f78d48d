"""A milestone, its readings and its verdict, for tests of the judge."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from metrics.measures.reading import Reading
from roadmap.judge.status import judge
from roadmap.model import Evidence

START, DUE = date(2013, 1, 7), date(2013, 3, 31)


SAVED, LOST = ("busy_time_saved", "standard"), ("lost_records", "standard")


SAVED_READING = Reading(
    measure="busy_time_saved", estimate=0.65, low=0.63, high=0.67, ci_low=0.64, ci_high=0.66, n=240, n_of="runs",
    blocks=12, coverage=0.9, grade="B", faults="standard", mode="replay", series="s", method="3", start=START, end=DUE,
    missing="", inputs_sha256="1", scale="log_ratio", spread=0.05,
)  # fmt: skip


LOST_READING = replace(
    SAVED_READING, measure="lost_records", estimate=0.0, low=None, high=None, n=1200, n_of="records due",
    coverage=None, scale=None, spread=None,
)  # fmt: skip


GOOD = {SAVED: SAVED_READING, LOST: LOST_READING}


def day(number):
    """The day of that number; the start is day 1."""
    return START + timedelta(days=number - 1)


def found(milestone, today, built=1, **evidence):
    """Status and reason codes."""
    verdict = judge(milestone, Evidence(**evidence), today, built)
    return verdict.status, [reason.code for reason in verdict.reasons]
