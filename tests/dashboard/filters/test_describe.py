"""A run filter in words."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from urllib.parse import parse_qsl

import pytest

from dashboard.filters import describe, parse
from dashboard.filters.query_string import parse_query
from metrics.queries.run_grid import FilterChoices

CHOICES = FilterChoices(
    sides=("monolith", "service@1"), partners=("UA", "DL"), feeds=("flights",), faults=("none", "standard"),
    first=date(2013, 1, 1), last=date(2013, 12, 31),
)  # fmt: skip


def parsed(query: str) -> parse.ParsedFilter:
    """The filter of a query string."""
    keys = parse_query(parse_qsl(query), dict.fromkeys(parse.KEYS))
    return parse.parse_filter(keys, CHOICES, date(2013, 12, 31), str)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("", "1,234 runs, all there are"),
        ("side=service&state=failed&partner=ua,dl", "1,234 runs: service, any level, failed (any way), UA or DL"),
        ("range=90d&faults=none", "1,234 runs: no faults, last 90 days"),
        ("range=12d&attempt=first", "1,234 runs: last 12 days, first attempts"),
        ("from=2013-12-23&to=2013-12-31", "1,234 runs: 23 to 31 Dec 2013"),
        ("from=2013-12-23", "1,234 runs: from 23 Dec 2013"),
        ("to=2013-12-23", "1,234 runs: until 23 Dec 2013"),
        ("fingerprint=-", "1,234 runs: failures without a recorded error"),
        ("fingerprint=0123456789ab", "1,234 runs: failures alike (0123456789ab)"),
        ("aside=type-error", "1,234 runs: quarantined: type-error"),
    ],
)
def test_a_filter_in_words(query: str, text: str) -> None:
    """Each key has its phrase, in one order."""
    assert describe.count_sentence(parsed(query), 1234) == text


def test_a_filter_that_reaches_whole_weeks_says_so() -> None:
    """Blocks beyond the filter's days are named."""
    found = replace(parsed("from=2013-12-25&to=2013-12-31"), block_range=(date(2013, 12, 23), date(2013, 12, 31)))
    assert describe.describe(found) == ": 25 to 31 Dec 2013, in whole weeks 23 to 31 Dec 2013"


def test_the_form_offers_the_choices_and_the_current_value() -> None:
    """A field with one choice is left out; a current value without runs is a choice too."""
    fields = {field.key: field for field in describe.form_fields(parsed("partner=zz"), CHOICES)}
    assert list(fields) == ["side", "state", "partner", "faults", "range", "attempt"]
    assert [(choice.label, choice.chosen) for choice in fields["partner"].choices] == [
        ("any", False), ("UA", False), ("DL", False), ("zz", True),
    ]  # fmt: skip


def test_filter_parts_lead_to_the_filter_without_them() -> None:
    """Those that the form sets come first, then days and a reason; each has the address that drops it."""
    parts = describe.filter_parts(
        parsed("from=2013-12-01&aside=type-error&state=done"), lambda **keys: str(sorted(keys))
    )
    assert [(part.label, part.without) for part in parts] == [
        ("Ended: done", "['aside', 'from']"),
        ("from 1 Dec 2013", "['aside', 'state']"), ("quarantined: type-error", "['from', 'state']"),
    ]  # fmt: skip
