"""Query strings as run filters, and back."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.filters import parse, query_string
from metrics.events import RUN_OUTCOMES
from metrics.queries.run_filter import NO_ERROR_RECORDED, CountedRuns, RunFilter
from metrics.queries.run_grid import FilterChoices

if TYPE_CHECKING:
    from flask.testing import FlaskClient

KNOWN = FilterChoices(
    sides=("monolith", "service@1"),
    partners=("UA", "DL", "Straße", "a,b\\c"),
    feeds=("flights",),
    faults=("none", "standard"),
    first=date(2013, 1, 1),
    last=date(2013, 12, 31),
)
TODAY = date(2013, 12, 31)
READING = CountedRuns(
    sides={"service@1": None}, scope=("*/*",), mode="replay", faults="none", series="s", start=date(2013, 1, 1),
    end=TODAY,
)  # fmt: skip

#: Names as runs have them; in another case each would be found all the same, and be another text.
WRITTEN = {name.casefold(): name for name in (*KNOWN.partners, *KNOWN.feeds, *KNOWN.faults)}
texts = st.text(min_size=1, max_size=6).map(lambda name: WRITTEN.get(name.casefold(), name))
names = st.lists(texts, unique=True, max_size=3).map(tuple)
days = st.none() | st.dates(date(1900, 1, 1), date(2200, 1, 1))
lists = st.builds(
    RunFilter,
    sides=st.lists(st.sampled_from(["monolith", "service", "service@1", "service@12"]), unique=True).map(tuple),
    states=st.lists(st.sampled_from(parse.STATES), unique=True).map(tuple),
    partners=names,
    feeds=names,
    faults=names,
    first=days,
    last=days,
    attempt=st.sampled_from(["", "first", "last"]),
    fingerprint=st.sampled_from(["", NO_ERROR_RECORDED, "0123456789ab"]),
    reason=st.sampled_from(["", NO_ERROR_RECORDED, "type-error"]),
    counted=st.none() | st.just(READING),
)


def parsed(query: str, today: date = TODAY) -> parse.ParsedFilter:
    """The filter of a query string."""
    known = dict.fromkeys(parse.KEYS)
    return parse.parse_filter(
        query_string.parse_query(parse_qsl(query), known),
        KNOWN,
        today,
        lambda text: READING if text == "M1:x:none" else f"no {text}",
    )


@settings(deadline=None)  # how long it takes is the machine's matter
@given(lists)
def test_a_filter_comes_back_from_its_query_string(picked: RunFilter) -> None:
    """Every filter, with any names in it, is parsed from its own keys result."""
    result = parsed(urlencode(parse.filter_keys(picked, "M1:x:none" if picked.counted else "")))
    same = {name: tuple(n for n in getattr(picked, name) if n) for name in ("partners", "feeds", "faults")}
    assert result.notices == ()
    assert {name: getattr(result.run_filter, name) for name in same} == same
    others = ("sides", "states", "first", "last", "attempt", "fingerprint", "reason", "counted")
    assert [getattr(result.run_filter, name) for name in others] == [getattr(picked, name) for name in others]


@settings(deadline=None)
@given(st.text())
def test_any_text_is_parsed_or_reported(text: str) -> None:
    """No value of any key is an error: it is understood, or a notice says that it is not."""
    for key in parse.KEYS:
        result = parsed(urlencode({key: text}))
        assert result.run_filter == RunFilter() or result.keys


def test_names_are_found_in_any_case() -> None:
    """`partner=ua,dl` finds partners in whatever case, and `range=90d` counts back from the data's last day."""
    result = parsed("state=failed&partner=ua,dl,STRASSE&range=90d")
    assert result.run_filter == RunFilter(states=("failed",), partners=("UA", "DL", "Straße"), first=date(2013, 10, 3))
    assert result.keys == {"state": "failed", "partner": "UA,DL,Straße", "range": "90d"}
    assert result.notices == result.unknown == ()


def test_an_unknown_name_picks_nothing_and_is_reported() -> None:
    """It is kept, so that a link to no run leads to an empty list, and not to all."""
    result = parsed("partner=zz")
    assert result.run_filter.partners == ("zz",)
    assert result.unknown == ("No run here has “partner=zz”; nothing is listed for it.",)


@pytest.mark.parametrize("key", ["side", "state", "partner", "feed", "faults"])
def test_more_names_than_a_filter_takes_are_left_out_with_a_notice(key: str) -> None:
    """The store takes a thousand names at once, and the notice says how many were given."""
    result = parsed(urlencode({key: ",".join(f"service@{n}" for n in range(1, 40_001))}))
    assert result.notices[0] == f"“{key}” gives 40,000 names, and a list takes 1,000; the others were left out."
    picked = result.run_filter
    assert sum(map(len, (picked.sides, picked.partners, picked.feeds, picked.faults))) == (
        0 if key == "state" else 1_000
    )


def test_the_partners_page_takes_as_many_names_as_a_filter(client: FlaskClient) -> None:
    """It reports the names that it leaves out, and those that it does not know."""
    answer = client.get(f"/partners?partner=UA,{','.join(map(str, range(2_000)))}")
    text = answer.text
    assert answer.status_code == 200
    assert "“partner” gives 2,001 names, and a list takes 1,000; the others were left out." in text
    assert text.count("No partner is called") == 999


@pytest.mark.parametrize(
    "query",
    ["side=server", "side=service@0", "state=broken", "range=0d", "range=soon", "from=2013-13-01", "to=x", "attempt=2",
     "fingerprint=xyz", "counted=M9:x:none", "from=2013-01-01&range=9d"],
)  # fmt: skip
def test_an_invalid_value_is_left_out_with_a_notice(query: str) -> None:
    """One notice, and the filter is that of the other keys."""
    result = parsed(query)
    assert len(result.notices) == 1
    assert "left out" in result.notices[0] or result.notices[0] == "no M9:x:none"
    assert result.run_filter == RunFilter(first=date(2013, 1, 1) if "from=2013-01-01" in query else None)


def test_a_filter_as_of_an_earlier_day_keeps_its_own_days() -> None:
    """It picks what was known on that day; the days of the query string stay as they are."""
    known, day = dict.fromkeys(parse.KEYS), date(2013, 6, 30)
    for pairs, last in (([], None), ([("to", "2013-12-31")], date(2013, 12, 31))):
        result = parse.parse_filter(query_string.parse_query([("as_of", "2013-06-30"), *pairs], known), KNOWN, day, str)
        assert (result.run_filter.known_by, result.run_filter.last) == (day, last)


def test_every_outcome_is_a_state() -> None:
    """A filter takes every outcome, running runs, and ended ones."""
    assert set(parse.STATES) == {*RUN_OUTCOMES, "running", "ended"}


@settings(deadline=None)
@given(st.lists(st.text(min_size=1), unique=True))
def test_names_with_commas_and_backslashes_are_split_result(values: list[str]) -> None:
    """Joined values are split into the same values, with any text in them."""
    assert query_string.split_values(query_string.join_values(values)) == tuple(values)


def test_the_runs_of_a_reading_have_keys_only_with_its_name() -> None:
    """Without the name no keys would pick the same runs."""
    with pytest.raises(ValueError, match="name of the reading"):
        parse.filter_keys(RunFilter(counted=READING))
