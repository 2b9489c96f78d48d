"""Query strings: keys and values as a browser reads them."""

from __future__ import annotations

from urllib.parse import parse_qsl

from hypothesis import given
from hypothesis import strategies as st

from dashboard.filters.query_string import encode_query


@given(st.dictionaries(st.text(min_size=1), st.text(min_size=1)))
def test_a_query_string_holds_any_text(keys: dict[str, str]) -> None:
    """Reading it gives the same keys and values, in the same order."""
    encodable = {key: value for key, value in keys.items() if (key + value).isprintable()}
    assert parse_qsl(encode_query(encodable)) == list(encodable.items())


def test_a_query_string_is_short() -> None:
    """A key with None is left out, and punctuation that needs no quoting stays as it is."""
    keys = {"side": "service@1", "partner": "A&B c", "feed": None, "from": "2013-06-30", "page": 2}
    assert encode_query(keys) == "side=service@1&partner=A%26B+c&from=2013-06-30&page=2"
