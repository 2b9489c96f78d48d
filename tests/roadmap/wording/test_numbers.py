"""Every formatter of numbers: a table of value and text."""

from __future__ import annotations

import pytest

from roadmap.wording.numbers import (
    amount,
    control_share,
    count,
    counted,
    duration,
    exchange_share,
    exchange_share_unit,
    odds_text,
    per_thousand,
    percent,
    plural,
    rate,
    span,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (percent(0.65), "65%"),
        (percent(0.595, 1), "59.5%"),
        (percent(-0.12), "\N{MINUS SIGN}12%"),
        (percent(-0.004), "0%"),
        (percent(12.5), "1,250%"),
        (percent(None), "not recorded"),
        (span(0.5958, 0.64), "60% to 64%"),
        (span(0.5958, 0.64, target=0.60), "59.6% to 64%"),
        (span(0.60, 0.64, target=0.60), "60% to 64%"),
        (span(None, 0.64), ""),
        (per_thousand(0.02), "20"),
        (per_thousand(0.0034), "3.4"),
        (per_thousand(0.0), "0"),
        (per_thousand(None), "not recorded"),
        (rate(0.02, 0.05), "20 of every 1,000 (was 50)"),
        (rate(0.02, None), "20 of every 1,000"),
        (rate(None, 0.05), "not recorded"),
        (exchange_share(0.084, 1000), "84"),
        (exchange_share(1 / 3, 3), "1 of 3"),
        (exchange_share_unit(1000), "of every 1,000"),
        (exchange_share_unit(3), "exchanges"),
        (control_share(0.1, 1000, 1000), " (was 100)"),
        (control_share(0.1, 1000, 3), " (was 100 of every 1,000)"),
        (control_share(None, 1000, 3), ""),
        (count(1234567), "1,234,567"),
        (count(None), "not recorded"),
        (plural(1, "week"), "1 week"),
        (plural(1200, "week"), "1,200 weeks"),
        (plural(2, "criterion", "criteria"), "2 criteria"),
        (duration(0.0), "0 ms"),
        (duration(0.0042), "4.2 ms"),
        (duration(0.00996), "10 ms"),
        (duration(0.9994), "999 ms"),
        (duration(0.9996), "1.0 s"),
        (duration(0.85), "850 ms"),
        (duration(41), "41 s"),
        (duration(310), "5m 10s"),
        (duration(5400), "1h 30m"),
        (duration(None), "not recorded"),
        (odds_text(0.0), "odds below 1%"),
        (odds_text(0.01), "odds of 1%"),
        (odds_text(0.5), "odds of 50%"),
        (odds_text(0.99), "odds of 99%"),
        (odds_text(1.0), "odds above 99%"),
        (amount(-0.1, "share"), "\N{MINUS SIGN}10%"),
        (amount(1.0, "seconds"), "1 second"),
        (amount(0.25, "seconds"), "0.2 seconds"),
        (amount(0.004, "seconds"), "0.004 seconds"),
    ],
)
def test_numbers_are_written_in_one_style(text: str, expected: str) -> None:
    """Units, separators, minus signs and missing numbers; a value close to 0, 1 or a target is not rounded onto it."""
    assert text == expected


@pytest.mark.parametrize(
    ("number", "nouns", "text"),
    [
        (1, "runs", "1 run"),
        (0, "runs", "0 runs"),
        (1, "good rows due beside broken ones", "1 good row due beside broken ones"),
        (1, "outages of a day", "1 outage of a day"),
        (1, "exchanges that failed in passing", "1 exchange that failed in passing"),
        (1, "touches per 1,000 exchanges", "1 touch per 1,000 exchanges"),
        (1200, "records due", "1,200 records due"),
    ],
)
def test_one_is_singular(number: int, nouns: str, text: str) -> None:
    """Only the first noun of a phrase is bent."""
    assert counted(number, nouns) == text
