"""The keys of one field of the partner."""

from datetime import date
from decimal import Decimal

import pytest
from pydantic import ValidationError

from poc.config.map_field import MapField


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ({"value": "1", "default": "2"}, "`default` does not go with `value`"),
        ({"value": "1", "from": "a"}, "needs one of `from`, `join` and `value`"),
        ({"from": "a", "separator": "-"}, "`separator` goes with `join`"),
        ({"join": ["a"], "format": "%Y"}, "`format` goes with `from`, not with `join`"),
        ({"join": ["a"], "zone": "UTC"}, "`zone` goes with `from`, not with `join`"),
        ({"from": "a", "zone": "Europe/Berlinn"}, "zones with such names: Europe/Berlin"),
        ({"from": "a", "times": 2, "lookup": {"1": "2"}}, "has both `times` and `lookup`"),
        ({"from": "a", "lookup": {"1": "2"}, "lookup_file": "x.csv"}, "has both `lookup` and `lookup_file`"),
        ({"from": "a", "plus_minutes": "b", "lookup_file": "x.csv"}, "does not go with `plus_minutes`"),
        ({"from": "a", "lookup_default": "x"}, "`lookup_default` goes with `lookup` or `lookup_file`"),
        ({"from": "a", "lookup": {}}, "at least 1 item"),
        ({"from": "a", "format": "iso"}, "has no directive"),
        ({"from": "a", "format": "100%%"}, "has no directive"),
        ({"from": "a", "format": "%Y %s"}, "`%s` is not supported; there are "),
        ({"from": "a", "format": "%-Y"}, "`%-Y` is not supported"),
        ({"from": "a", "format": "%Y %"}, "`%` is not supported"),
        ({"value": Decimal("NaN")}, "must be a finite number, as JSON has no other"),
        ({"value": date(2024, 1, 26)}, "must be a text, a number or a boolean; write a date in quotes"),
        ({"from": "a", "default": float("nan")}, "finite number"),
    ],
    ids=str,
)  # fmt: skip
def test_keys_that_contradict_each_other_are_refused(field, message):
    """The message names the keys, so that one of them can be removed."""
    with pytest.raises(ValidationError) as error:
        MapField.model_validate({"to": "x", **field})
    assert message in str(error.value)


def test_decimals_that_round_nothing_are_noted():
    """`decimals` rounds the product of `times`; without one, the field keeps its digits, which `validate` says."""
    field = {"to": "x", "from": "a", "decimals": 0}
    assert "add `times = 1`" in MapField.model_validate(field).note
    assert MapField.model_validate({**field, "times": 1}).note == ""
