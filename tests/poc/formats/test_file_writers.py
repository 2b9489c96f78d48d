"""Writers of whole files: the sums of trailers."""

from decimal import Decimal

import polars as pl
import pytest

from poc.batch import ROW
from poc.errors import BadInput
from poc.formats.registry import make_encoder, make_file_writer


@pytest.fixture
def trailer_of(make_feed):
    """A function that gives the trailer of a file with values, one a batch."""

    def trailer(values):
        feed = make_feed(out="csv", out_trailer="T,{sum.x}")
        writer = make_file_writer(feed, make_encoder(feed), frozenset())
        for value in values:
            writer.rows(pl.DataFrame({ROW: [1], "x": [value]}))
        return writer.end()

    return trailer


def test_a_sum_has_all_its_digits(trailer_of):
    """Also more than those with which Python computes unless it is told otherwise."""
    assert trailer_of([Decimal(12345678901234567890123456789012345678), Decimal("0.01")]) == (
        b"T,12345678901234567890123456789012345678.01\r\n"
    )


def test_a_sum_of_texts_is_an_error_of_the_settings(trailer_of):
    """The message names the field; the file waits until its settings are corrected."""
    with pytest.raises(BadInput, match="out_trailer names the sum of 'x', which has values that are no numbers"):
        trailer_of(["Ann"])
