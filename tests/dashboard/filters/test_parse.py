"""Addresses as lists of runs, and back."""

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


def found(query: str, today: date = TODAY) -> parse.ParsedFilter:
    """What a query picks."""
    known = dict.fromkeys(parse.KEYS)
    return parse.parse_filter(
        query_string.parse_query(parse_qsl(query), known),
        KNOWN,
        today,
        lambda text: READING if text == "M1:x:none" else f"no {text}",
    )


@settings(deadline=None)  # how long it takes is the machine's matter
@given(lists)
def test_an_address_stands_for_one_list(picked: RunFilter) -> None:
    """Whatever a list holds, and whatever names there are, its address gives the same list."""
    again = found(urlencode(parse.filter_keys(picked, "M1:x:none" if picked.counted else "")))
    same = {name: tuple(n for n in getattr(picked, name) if n) for name in ("partners", "feeds", "faults")}
    assert again.notices == ()
    assert {name: getattr(again.run_filter, name) for name in same} == same
    others = ("sides", "states", "first", "last", "attempt", "fingerprint", "reason", "counted")
    assert [getattr(again.run_filter, name) for name in others] == [getattr(picked, name) for name in others]


@settings(deadline=None)
@given(st.text())
def test_any_text_can_be_asked_for(text: str) -> None:
    """No value of any key is an error: it is understood, or the page says that it is not."""
    for key in parse.KEYS:
        again = found(urlencode({key: text}))
        assert again.run_filter == RunFilter() or again.keys


def test_short_words_are_enough() -> None:
    """`partner=ua,dl` finds partners in whatever case, and `range=90d` counts back from the data's last day."""
    again = found("state=failed&partner=ua,dl,STRASSE&range=90d")
    assert again.run_filter == RunFilter(states=("failed",), partners=("UA", "DL", "Straße"), first=date(2013, 10, 3))
    assert again.keys == {"state": "failed", "partner": "UA,DL,Straße", "range": "90d"}
    assert again.notices == again.unknown == ()


def test_a_name_that_no_run_has_lists_nothing_and_is_told() -> None:
    """It is kept, so that a link to no run leads to an empty list, and not to all."""
    again = found("partner=zz")
    assert again.run_filter.partners == ("zz",)
    assert again.unknown == ("No run here has “partner=zz”; nothing is listed for it.",)


@pytest.mark.parametrize("key", ["side", "state", "partner", "feed", "faults"])
def test_more_names_than_a_list_takes_are_left_out_and_told(key: str) -> None:
    """The store can be asked for so many at once, and the page says that these are not all."""
    again = found(urlencode({key: ",".join(f"service@{n}" for n in range(1, 40_001))}))
    assert again.notices[0] == f"“{key}” gives 40,000 names, and a list takes 1,000; the others were left out."
    picked = again.run_filter
    assert sum(map(len, (picked.sides, picked.partners, picked.feeds, picked.faults))) == (
        0 if key == "state" else 1_000
    )


def test_partners_are_asked_for_by_no_more_names(client: FlaskClient) -> None:
    """The table of partners takes as many names as a list, and says what of them it has not."""
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
def test_what_cannot_be_meant_is_left_out_and_told(query: str) -> None:
    """One notice, and the list is that of the rest of the address."""
    again = found(query)
    assert len(again.notices) == 1
    assert "left out" in again.notices[0] or again.notices[0] == "no M9:x:none"
    assert again.run_filter == RunFilter(first=date(2013, 1, 1) if "from=2013-01-01" in query else None)


def test_as_of_an_earlier_day_nothing_later_counts() -> None:
    """A list as of a day holds what was known then, whatever days are asked for; these stay the reader's own."""
    known, day = dict.fromkeys(parse.KEYS), date(2013, 6, 30)
    for told, last in (([], None), ([("to", "2013-12-31")], date(2013, 12, 31))):
        again = parse.parse_filter(query_string.parse_query([("as_of", "2013-06-30"), *told], known), KNOWN, day, str)
        assert (again.run_filter.known_by, again.run_filter.last) == (day, last)


def test_states_are_all_that_a_run_can_be() -> None:
    """Every outcome can be asked for, and so can what goes on, and all that does not."""
    assert set(parse.STATES) == {*RUN_OUTCOMES, "running", "ended"}


@settings(deadline=None)
@given(st.lists(st.text(min_size=1), unique=True))
def test_names_stay_apart_whatever_is_in_them(values: list[str]) -> None:
    """Commas and backslashes belong to a name or part two, and both can be told."""
    assert query_string.split_values(query_string.join_values(values)) == tuple(values)


def test_a_list_of_a_reading_needs_its_name() -> None:
    """Without the name there is no address that would hold the same runs."""
    with pytest.raises(ValueError, match="name of the reading"):
        parse.filter_keys(RunFilter(counted=READING))
