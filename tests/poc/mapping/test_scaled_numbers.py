"""Products of the map: exact decimals, rounded half to even once."""

from decimal import ROUND_HALF_EVEN, Context, Decimal

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from poc.mapping.scaled_numbers import ScaledNumber
from poc.monolith import flights as monolith

EXACT = Context(prec=5000, rounding=ROUND_HALF_EVEN)

MANY = 1_001

FACTORS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**6), max_value=10**6, places=6)

INTEGERS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-2000, 2000))

NUMBERS = st.one_of(
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=5).map(
        lambda number: format(number, "f")
    ),
    st.builds("{}e{}".format, st.integers(-99, 99), st.integers(-999, 900)),
    INTEGERS.map(str),
)


def check_products(values, dtype, times, decimals):
    """Compare the products of a small and of a large column with those of the decimal module."""
    scaled = ScaledNumber("x", "n", times, decimals)
    last = Decimal(1).scaleb(-decimals)
    wanted = [
        None if value is None else EXACT.multiply(Decimal(value), times).quantize(last, None, EXACT) for value in values
    ]
    for copies in (1, MANY):
        products = scaled.compute(pl.Series("n", values * copies, dtype=dtype))
        assert (products.name, products.dtype) == ("x", pl.String)
        for product, exact in zip(products.to_list()[: len(values)], wanted, strict=True):
            assert (product is None) == (exact is None)
            if product is not None:
                assert Decimal(product) == exact
                assert "e" not in product.lower()
                assert product != "-0"
                assert "." not in product or product[-1] not in ".0"


@settings(max_examples=60, deadline=None)
@example(values=[9007199254740993], times=Decimal("1.0"), decimals=3)
@example(values=[5, 15, 25, -5, -15], times=Decimal("0.1"), decimals=0)
@example(values=[1], times=Decimal("0.000001"), decimals=9)
@given(
    values=st.lists(st.one_of(st.none(), INTEGERS), min_size=1, max_size=4), times=FACTORS, decimals=st.integers(0, 9)
)
def test_products_of_integers_are_exact(values, times, decimals):
    """Every product is rounded once, half to even, and has no zeros at its end."""
    check_products(values, pl.Int64, times, decimals)


@settings(max_examples=60, deadline=None)
@example(values=["1.005", "2.675", "0.5"], times=Decimal(1), decimals=2)
@given(
    values=st.lists(st.one_of(st.none(), NUMBERS), min_size=1, max_size=4), times=FACTORS, decimals=st.integers(0, 9)
)
def test_products_of_numbers_are_exact(values, times, decimals):
    """Also those of numbers with many digits or an exponent."""
    check_products(values, pl.String, times, decimals)


@pytest.mark.parametrize("rows", [1_000, 20_000])
def test_distances_are_those_of_the_monolith(rows):
    """Each distance that the flights contract allows is the monolith's number of kilometres."""
    miles = list(range(1, rows + 1))
    row = dict.fromkeys(monolith.COLUMNS) | {"carrier": "UA", "flight": 1}
    wanted = [monolith.record(row | {"distance": distance})["distance_km"] for distance in miles]
    kilometres = ScaledNumber("distance_km", "distance", Decimal("1.609344"), 3).compute(pl.Series("distance", miles))
    assert [float(text) for text in kilometres] == wanted


def test_a_product_of_too_many_digits_is_none():
    """It is not rounded; the map rejects its row."""
    scaled = ScaledNumber("x", "n", Decimal(10), 0)
    for copies in (1, MANY):
        products = scaled.compute(pl.Series("n", ["1e998", "1e999"] * copies)).to_list()
        assert products[:2] == ["1" + "0" * 999, None]
