"""Partner names in URLs and on pages."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.filters.partner_slug import decode_partner, display_name, encode_partner, find_partner, list_partners

if TYPE_CHECKING:
    from flask import Flask

#: Any name that a store can hold: UTF-8 has no lone surrogates.
names = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
#: Names that a URL path or the encoding itself could change.
awkward = st.text(st.sampled_from("./~% \\\n?#a1"), max_size=8)


@settings(deadline=None)
@given(names | awkward)
def test_every_name_comes_back_from_its_url(year_app: Flask, name: str) -> None:
    """The URL of a partner's page leads to a segment that decodes to the same name."""
    with year_app.test_request_context():
        url = year_app.url_for("partners.detail", part=encode_partner(name))
    segments = url.removeprefix("/partners/").split("/")
    assert not {"", ".", "..", "%2E", "%2E%2E"} & set(segments)  # which browsers and servers change
    received = year_app.url_map.bind("localhost").match(unquote(url))
    assert received == ("partners.detail", {"part": encode_partner(name)})
    assert decode_partner(received[1]["part"]) == name


@given(st.lists(names | awkward, unique=True, min_size=1))
def test_a_segment_finds_its_own_name_among_others(partners: list[str]) -> None:
    """No name hides another one, not even a name that looks like the encoding of another."""
    for name in partners:
        assert find_partner(encode_partner(name), tuple(partners)) == name


@pytest.mark.parametrize(
    ("name", "segment"),
    [("UA", "UA"), ("Grüße & Söhne", "Grüße & Söhne"), ("..", "~2e2e"), ("a/b", "~612f62"), ("", "~"), ("~", "~7e")],
)
def test_only_names_that_a_path_would_change_are_encoded(name: str, segment: str) -> None:
    """Other names stand in the URL as they are."""
    assert encode_partner(name) == segment


def test_a_name_is_found_in_any_case() -> None:
    """A typed URL need not have the store's case; two names that differ in case alone are not guessed."""
    assert find_partner("ua", ("UA", "DL")) == "UA"
    assert find_partner("Ua", ("UA", "ua")) is None
    assert find_partner("~zz", ("UA", "~zz")) == "~zz"


def test_names_are_shown_short_and_never_blank() -> None:
    """A blank name is shown as "(no name)", a long one is cut, and a list names twenty."""
    assert [display_name(" "), display_name("a" * 41)] == ["(no name)", "a" * 39 + "…"]
    assert list_partners(()) == "No partner has a run yet."
    assert list_partners(tuple("abcdefghijklmnopqrstuvw")).endswith(", t and 3 more.")
