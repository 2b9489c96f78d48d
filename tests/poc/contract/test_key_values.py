"""Durations in keys: equal where their months and seconds are equal."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poc.batch import ROW
from poc.contract.contract import compile_contract
from poc.contract.key_values import duration_value
from poc.contract.schema import Schema
from poc.contract.unique_keys import UniqueKeyCheck


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        ("P1Y", "P12M", True),
        ("PT60S", "PT1M", True),
        ("PT0.50S", "PT0.5S", True),
        ("P1D", "PT24H", True),
        ("P1DT1H", "PT90000.0S", True),
        ("-P0Y", "PT0S", True),
        ("P007D", "P7D", True),
        ("P1M", "P30D", False),
        ("P1M", "PT1M", False),
        ("P1D", "-P1D", False),
        ("PT9007199254740993S", "PT9007199254740992S", False),
    ],
)
def test_a_duration_in_a_key_is_compared_by_its_value(one, other, equal):
    """Two notations of one duration repeat a key; a month is no number of days. Each is delivered as it came."""
    checked = compile_contract(
        Schema.model_validate({"fields": [{"name": "d", "type": "duration"}], "primaryKey": ["d"]})
    )
    typed, findings = checked.check(pl.DataFrame({ROW: [1, 2], "d": [one, other]}))
    assert (findings, typed["d"].to_list()) == ([], [one, other])
    with UniqueKeyCheck(checked.unique) as keys:
        assert bool(keys.add(checked.with_key_values(typed))) == equal


PARTS = st.integers(0, 10**12)


@settings(max_examples=100, deadline=None)
@given(years=PARTS, months=PARTS, days=PARTS, hours=PARTS, minutes=PARTS, seconds=PARTS)
def test_the_value_of_a_duration_is_exact(years, months, days, hours, minutes, seconds):
    """Months and seconds are added without rounding."""
    total_s = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    value = duration_value(f"P{years}Y{months}M{days}DT{hours}H{minutes}M{seconds}.250S")
    assert value == f"P{12 * years + months}MT{total_s}.25S"
    assert duration_value("P" + "9" * 5000 + "D") != duration_value("P" + "9" * 4999 + "8D")
