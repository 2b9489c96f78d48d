"""Exact numbers: their values, keys and bounds, in small and in large columns."""

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poc.batch import ROW
from poc.contract.contract import compile_contract
from poc.contract.numbers import Limit, canonical_numbers, value_texts
from poc.contract.schema import Schema
from poc.contract.unique_keys import UniqueKeyCheck

#: Numbers that are close to each other, in several notations.
NUMBERS = st.one_of(
    st.builds(
        "{}{}.{}".format,
        st.sampled_from(["", "-"]),
        st.sampled_from(["0", "1", "10", "9007199254740992", "9007199254740993"]),
        st.sampled_from(["0", "10", "1", "100000000000000001", "3", "30000000000000001"]),
    ),
    st.builds(
        "{}{}{}".format, st.sampled_from(["1", "-1", "0", "-0", "10"]), st.sampled_from("eE"), st.integers(-400, 400)
    ),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-1000, max_value=1000, places=4).map(str),
    st.integers(-(10**20), 10**20).map(str),
)

MANY = 600


@settings(max_examples=150, deadline=None)
@given(texts=st.lists(NUMBERS, min_size=2, max_size=6), many=st.booleans())
def test_keys_are_equal_exactly_where_values_are_equal(texts, many):
    """Two notations of one value are one key; two values never are, however close."""
    numbers = canonical_numbers(pl.Series("n", texts * (MANY if many else 1)))
    keys = value_texts(numbers).to_list()[: len(texts)]
    for one, left in zip(keys, texts, strict=True):
        for other, right in zip(keys, texts, strict=True):
            assert (one == other) == (Decimal(left) == Decimal(right))


@settings(max_examples=150, deadline=None)
@given(
    texts=st.lists(st.one_of(st.none(), NUMBERS), min_size=1, max_size=6),
    limit=NUMBERS,
    is_lower=st.booleans(),
    exclusive=st.booleans(),
)
def test_a_bound_is_compared_exactly(texts, limit, is_lower, exclusive):
    """A value breaks a bound exactly if its decimal does; null breaks none."""
    bound = Decimal(limit)
    numbers = canonical_numbers(pl.Series("n", texts, dtype=pl.String))
    compared = Limit(bound, is_lower=is_lower, exclusive=exclusive)
    wanted = []
    for text in texts:
        value = None if text is None else Decimal(text)
        if value is None:
            wanted.append(False)
        elif is_lower:
            wanted.append(value <= bound if exclusive else value < bound)
        else:
            wanted.append(value >= bound if exclusive else value > bound)
    assert compared.beyond(numbers).fill_null(value=False).to_list() == wanted
    assert compared.holds(numbers) == (not any(wanted))


@pytest.mark.parametrize("kind", ["primaryKey", "uniqueKeys"])
def test_numbers_in_a_key_are_compared_by_value(kind):
    """`1.5` repeats `1.50`; `0.1` and `0.100000000000000001` differ."""
    fields = [{"name": "n", "type": "number"}]
    checked = compile_contract(
        Schema.model_validate({"fields": fields, kind: [["n"]] if kind == "uniqueKeys" else ["n"]})
    )
    texts = ["0.1", "0.100000000000000001", "1.5", "1.50", "15e-1", "-0", "0.0"]
    typed, findings = checked.check(pl.DataFrame({ROW: range(1, 8), "n": texts}))
    assert findings == []
    assert typed["n"].to_list() == texts
    with UniqueKeyCheck(checked.unique) as keys:
        repeats = keys.add(checked.with_key_values(typed))
    assert [finding.row for finding in repeats] == [4, 5, 7]
