"""Failures that are alike, and what was set aside: on a few runs made up for it."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

    from metrics.events import RunEvent

    On = Callable[..., FlaskClient]
    Run = Callable[..., RunEvent]

#: What partners, feeds, files and errors may be called by somebody who means harm, or none.
HOSTILE = (
    "<script>alert('1')</script>", '"><img src=x onerror=alert(2)>', "{{ 7 * 7 }}", "%3Cb%3E&lt;b&gt;", "a,b\\c;d/..",
    "\u202eright to left", "=1+1", "long" * 60, "</script><!--",
)  # fmt: skip

#: The same on a page, where a direction mark is escaped.
SHOWN = [name.replace("\u202e", r"\u202e") for name in HOSTILE]


def named(run: RunEvent, exchange: str, **changes: object) -> RunEvent:
    """The same run as one of another exchange."""
    return replace(run, key=replace(run.key, exchange_id=exchange), **changes)  # type: ignore[arg-type]


def test_failures_are_put_together(on: On, a_run: Run, values_of: Callable, get_html: Callable) -> None:
    """The same words with other numbers are one kind, with an example, its feeds, and a link to exactly its runs."""
    runs = [
        named(a_run(outcome="failed", error_type="http-503", error=f"answered 50{n}"), f"e{n}", partner=partner)
        for n, partner in enumerate(["AA", "AA", "UA"])
    ]
    client = on(*runs, named(a_run(outcome="refused", error="no such column"), "r"), named(a_run(), "d"))
    values = values_of(client, "/failures")
    assert (values["count"], values["summary"]) == ("4 failed runs", ", all there are")
    assert {
        (kind.label, kind.error_type, kind.pattern, kind.runs, kind.ends, kind.feeds, kind.sides)
        for kind in values["kinds"]
    } == {
        ("Partner answered 503", "http-503", "answered …", "3 runs", (("is-failed", "Failed"),), ("AA/f", "UA/f"),
         "service@1"),
        ("Error type not recorded", "", "no such column", "1 run", (("is-refused", "Refused"),), ("AA/f",),
         "service@1"),
    }  # fmt: skip
    some = values_of(client, "/failures?partner=ua")
    assert (some["count"], some["summary"]) == ("1 failed run", ": UA")
    row = get_html(client, "/failures?partner=ua").all("tr", role="row")[1]
    assert row.text == (
        "Partner answered 503 answered 502 More Code http-503 What they share answered … First seen "
        "1 Jan 1970 00:00 UTC answered 502 1 Jan 1970 00:00 UA/f 1 run Failed UA/f service@1"
    )


def test_what_failed_last_stands_on_top(on: On, a_run: Run, values_of: Callable, get_html: Callable) -> None:
    """The newest kind first with its newest run, or the most frequent one, as the address says."""

    def failed(number: int, kind: str, at_us: int, partner: str = "AA") -> RunEvent:
        return named(a_run(outcome="failed", error_type=kind), f"e{number}", started_at_us=at_us, partner=partner)

    client = on(
        failed(1, "http-503", 10**15), failed(2, "killed", 3 * 10**15, "UA"), failed(3, "http-503", 2 * 10**15),
        failed(4, "not known here", 10**15),
    )  # fmt: skip

    def order(query: str) -> list[str]:
        return [kind.label for kind in values_of(client, f"/failures{query}")["kinds"]]

    assert order("") == ["Process was killed", "Partner answered 503", "not known here"]
    assert order("?order=count")[0] == "Partner answered 503"
    assert order("?order=count&partner=UA") == ["Process was killed"]
    page = get_html(client, "/failures?partner=AA")
    assert page.one("nav", class_="order").links() == {
        "/failures?partner=AA": "Last seen", "/failures?partner=AA&order=count": "Most frequent",
    }  # fmt: skip
    assert page.one("nav", class_="order").texts("a", aria_current="true") == ["Last seen"]
    assert page.links()["/runs/3"] == "18 May 2033 03:33"
    assert client.get("/failures?form=1&order=count&side=service").location == "/failures?side=service&order=count"
    assert "“order=x” is not one of last, count" in client.get("/failures?order=x").text


@pytest.mark.parametrize(
    ("query", "runs", "said"),
    [
        ("range=1d", 1, ": last day, in whole weeks 23 to 31 Dec 2013"),
        ("range=7d", 1, ": last 7 days, in whole weeks 23 to 31 Dec 2013"),
        ("range=9d", 1, ": last 9 days"),
        ("range=10d", 2, ": last 10 days, in whole weeks 16 to 31 Dec 2013"),
        ("from=2013-12-30&to=2013-12-30", 1, ": 30 Dec 2013, in whole weeks 23 to 31 Dec 2013"),
        ("from=2013-12-16&to=2013-12-22", 1, ": 16 to 22 Dec 2013"),
        ("from=2013-12-20&to=2013-12-23", 2, ": 20 to 23 Dec 2013, in whole weeks 16 to 31 Dec 2013"),
        ("to=2013-12-17", 1, ": until 17 Dec 2013, in whole weeks 16 to 22 Dec 2013"),
        ("from=2013-12-22", 2, ": from 22 Dec 2013, in whole weeks 16 to 31 Dec 2013"),
        ("to=2013-12-15", 0, ": until 15 Dec 2013"),
    ],
)
def test_days_pick_the_whole_weeks_they_lie_in(
    on: On, a_run: Run, values_of: Callable, query: str, runs: int, said: str
) -> None:
    """A day in the middle of a week finds the week's runs, and the page says which days it shows."""
    weeks = [("2013-12-16", "2013-12-22"), ("2013-12-23", "2013-12-31")]
    client = on(
        *(named(a_run(outcome="failed"), f"e{n}", block=first, block_end=last, file=f"{n}.csv")
          for n, (first, last) in enumerate(weeks))
    )  # fmt: skip
    page, failures = values_of(client, f"/runs?{query}"), values_of(client, f"/failures?{query}")
    plural = "" if runs == 1 else "s"
    assert (page["many"], page["summary"]) == (runs, f"{runs} run{plural}{said}")
    assert "1d" in {choice.value for field in page["fields"] for choice in field.choices if field.key == "range"}
    assert (failures["count"], failures["summary"]) == (f"{runs} failed run{plural}", said)
    assert client.get(f"/runs.json?{query}").json["count"] == runs


def test_an_empty_page_says_so(on: On, a_run: Run, get_html: Callable) -> None:
    """Nothing failed and no row was quarantined at all, or nothing of what is asked for; once, without a chart."""
    client = on(a_run())
    for address, text in (
        ("/failures", "No run has failed so far."),
        ("/failures?side=monolith", "No failed run matches the filter. All failures"),
        ("/quarantine", "No row was quarantined so far."),
        ("/quarantine?side=service", "No row of this list was quarantined. All quarantined rows"),
    ):
        assert get_html(client, address).one("p", class_="empty").text == text
    assert "0 rows" not in client.get("/quarantine").text
    assert "plotly" not in client.get("/quarantine").text


def figure_of(page: Any) -> dict[str, Any]:
    """The figure that a page draws, which is one that plotly takes."""
    figure: dict[str, Any] = json.loads(page.one("script", id="figure-aside").source)
    go.Figure(figure)
    return figure


def test_quarantine_by_reason_and_over_time(on: On, a_run: Run, values_of: Callable, get_html: Callable) -> None:
    """Reasons by feed, a line for each of the two most frequent, the rest in one, and weeks without any as 0."""
    rows = {"in": 9, "delivered": 2, "quarantined": 7}
    client = on(
        named(a_run(rows=rows, aside={"a": 3, "b": 2, "c": 1}), "e1"),
        named(a_run(), "e2", block="2013-01-07", block_end="2013-01-13", file="b.csv"),
    )
    values = values_of(client, "/quarantine")
    assert (values["summary"], values["chart"].title) == ("7 rows, all there are", "Most often: a, 3 rows")
    assert [(line.partner, line.feed, line.reason, line.rows, line.exchanges) for line in values["lines"]] == [
        ("AA", "f", "a", "3", "1"), ("AA", "f", "b", "2", "1"), ("AA", "f", "reasons not recorded", "1", "1"),
        ("AA", "f", "c", "1", "1"),
    ]  # fmt: skip
    assert [(line["name"], line["y"]) for line in figure_of(get_html(client, "/quarantine"))["data"]] == [
        ("a", [3.0, 0.0]), ("b", [2.0, 0.0]), ("2 other reasons", [2.0, 0.0]),
    ]  # fmt: skip
    lines = list(csv.DictReader(io.StringIO(client.get("/quarantine.csv").text)))
    assert [(line["reason"], line["rows"]) for line in lines] == [("", "1"), ("a", "3"), ("b", "2"), ("c", "1")]
    assert [row["reason"] for row in client.get("/quarantine.json").json["rows"]] == [None, "a", "b", "c"]


def test_reasons_that_nobody_recorded_are_said_once(on: On, a_run: Run, get_html: Callable) -> None:
    """Where no row has a reason there is no column of reasons, and the chart counts rows, in whole numbers."""
    rows = {"in": 4, "delivered": 2, "quarantined": 2}
    page = get_html(on(named(a_run(rows=rows), "e1"), named(a_run(rows=rows), "e2", partner="UA")), "/quarantine")
    assert page.text.count("not recorded") == 1
    assert "The reasons were not recorded." in page.text
    assert "4 rows quarantined Quarantined rows by week, all feeds of the list together." in page.text
    assert "Reason" not in page.texts("th")
    figure = figure_of(page)
    assert figure["layout"]["yaxis"]["dtick"] == 1
    assert [line["name"] for line in figure["data"]] == ["rows"]


def test_hostile_texts_are_shown_as_texts(on: On, a_run: Run, get_html: Callable) -> None:
    """Whatever partners, feeds, files, errors and reasons are called, they stand on every page, and make no marks."""
    runs = []
    for name in HOSTILE:
        bad = {"in": 9, "delivered": 8, "quarantined": 1}
        runs += [
            named(a_run(outcome="failed", error_type=name, error=name), f"f{name}", partner=name, feed=name, file=name),
            named(a_run(rows=bad, aside={name: 1}), f"q{name}", partner=name, feed=name, file=name),
        ]
    client = on(*runs)
    for path in ("/runs", "/failures", "/quarantine", *(f"/runs/{n}" for n in range(1, len(runs) + 1, 2))):
        page = get_html(client, path)
        assert any(name in page.text for name in SHOWN), path
        assert not page.all("img"), path
        assert not [script.source for script in page.all("script") if "alert" in script.source], path
        assert "49" not in page.text, path
    text = get_html(client, "/runs").text
    assert [name for name in SHOWN if name not in text] == []
    drawn = figure_of(get_html(client, "/quarantine"))
    for label in (
        *(line["name"] for line in drawn["data"]),
        *(note["text"] for note in drawn["layout"]["annotations"]),
    ):
        assert "<" not in label
