"""Failures that are alike, and what was set aside: on a few runs made up for it."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import plotly.graph_objects as go
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

    from metrics.events import RunEvent

#: What partners, feeds, files and errors may be called by somebody who means harm, or none.
HOSTILE = (
    "<script>alert('1')</script>", '"><img src=x onerror=alert(2)>', "{{ 7 * 7 }}", "%3Cb%3E&lt;b&gt;", "a,b\\c;d/..",
    "\u202eright to left", "=1+1", "long" * 60, "</script><!--",
)  # fmt: skip


def told(text: str) -> str:
    """A page's words, without its marks."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", text)).split())


def named(run: RunEvent, exchange: str, **changes: object) -> RunEvent:
    """The same run as one of another exchange."""
    return replace(run, key=replace(run.key, exchange_id=exchange), **changes)  # type: ignore[arg-type]


def test_failures_are_put_together(on: Callable[..., FlaskClient], a_run: Callable[..., RunEvent]) -> None:
    """The same words with other numbers are one kind, with an example, its feeds, and a link to exactly its runs."""
    runs = [
        named(a_run(outcome="failed", error_type="http-503", error=f"answered 50{n}"), f"e{n}", partner=partner)
        for n, partner in enumerate(["AA", "AA", "UA"])
    ]
    client = on(*runs, named(a_run(outcome="refused", error="no such column"), "r"), named(a_run(), "d"))
    text = told(client.get("/failures").text)
    assert "4 failed runs , all there are." in text
    assert re.search(r"Partner answered 503 answered 50\d More Code http-503 What they share answered … First", text)
    assert re.search(r"3 runs Failed AA/f , UA/f service@1", text)
    assert "Error type not recorded no such column More Code none" in text
    assert "1 run Refused AA/f service@1" in text
    assert "1 failed run : UA." in told(client.get("/failures?partner=ua").text)


def test_what_failed_last_stands_on_top(on: Callable[..., FlaskClient], a_run: Callable[..., RunEvent]) -> None:
    """The newest kind first with its newest run, or the most frequent one, as the address says."""

    def failed(number: int, kind: str, at_us: int, partner: str = "AA") -> RunEvent:
        return named(a_run(outcome="failed", error_type=kind), f"e{number}", started_at_us=at_us, partner=partner)

    client = on(
        failed(1, "http-503", 10**15), failed(2, "killed", 3 * 10**15, "UA"), failed(3, "http-503", 2 * 10**15),
        failed(4, "not known here", 10**15),
    )  # fmt: skip

    def order(query: str) -> list[str]:
        return re.findall(r'<strong class="name">([^<]+)<', client.get(f"/failures{query}").text)

    assert order("") == ["Process was killed", "Partner answered 503", "not known here"]
    assert order("?order=count")[0] == "Partner answered 503"
    assert order("?order=count&partner=UA") == ["Process was killed"]
    text = client.get("/failures?partner=AA").text
    assert 'href="/failures?partner=AA&amp;order=count">Most frequent<' in text
    assert 'href="/failures?partner=AA" aria-current="true">Last seen<' in text
    assert 'href="/runs/3">18 May 2033 03:33<' in text
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
    on: Callable[..., FlaskClient], a_run: Callable[..., RunEvent], query: str, runs: int, said: str
) -> None:
    """A day in the middle of a week finds the week's runs, and the page says which days it shows."""
    weeks = [("2013-12-16", "2013-12-22"), ("2013-12-23", "2013-12-31")]
    client = on(
        *(named(a_run(outcome="failed"), f"e{n}", block=first, block_end=last, file=f"{n}.csv")
          for n, (first, last) in enumerate(weeks))
    )  # fmt: skip
    text = client.get(f"/runs?{query}").text
    assert f'data-total="{runs}">{runs} run{"" if runs == 1 else "s"}{said}.</p>' in text
    assert '<option value="1d"' in text
    failed = told(client.get(f"/failures?{query}").text)
    assert (f"{runs} failed run{'' if runs == 1 else 's'} {said}." if runs else "No failed run matches") in failed
    assert client.get(f"/runs.json?{query}").json["count"] == runs


def test_without_failures_the_page_says_so(on: Callable[..., FlaskClient], a_run: Callable[..., RunEvent]) -> None:
    """Nothing failed at all, or nothing of what is asked for."""
    client = on(a_run())
    assert "No run has failed so far." in told(client.get("/failures").text)
    assert "No failed run matches the filter." in told(client.get("/failures?side=monolith").text)


def test_quarantine_by_reason_and_over_time(on: Callable[..., FlaskClient], a_run: Callable[..., RunEvent]) -> None:
    """Reasons by feed, a line for each of the two most frequent, the rest in one, and weeks without any as 0."""
    rows = {"in": 9, "delivered": 2, "quarantined": 7}
    client = on(
        named(a_run(rows=rows, aside={"a": 3, "b": 2, "c": 1}), "e1"),
        named(a_run(), "e2", block="2013-01-07", block_end="2013-01-13", file="b.csv"),
    )
    text = client.get("/quarantine").text
    assert "7 rows, all there are." in told(text)
    assert "Most often: a, 3 rows" in told(text)
    for said in ("AA/f a 3 1", "AA/f b 2 1", "AA/f c 1 1", "AA/f reasons not recorded 1 1"):
        assert said in told(text)
    figure = json.loads(re.search(r'id="figure-aside">(.*?)</script>', text)[1])  # type: ignore[index]
    go.Figure(figure)
    assert [(line["name"], line["y"]) for line in figure["data"]] == [
        ("a", [3.0, 0.0]), ("b", [2.0, 0.0]), ("2 other reasons", [2.0, 0.0]),
    ]  # fmt: skip
    lines = list(csv.DictReader(io.StringIO(client.get("/quarantine.csv").text)))
    assert [(line["reason"], line["rows"]) for line in lines] == [("", "1"), ("a", "3"), ("b", "2"), ("c", "1")]
    assert [row["reason"] for row in client.get("/quarantine.json").json["rows"]] == [None, "a", "b", "c"]


def test_nothing_set_aside_is_said(on: Callable[..., FlaskClient], a_run: Callable[..., RunEvent]) -> None:
    """Once, and without an empty chart or a script for it."""
    client = on(a_run())
    text = client.get("/quarantine").text
    assert "No row was quarantined so far." in text
    assert "0 rows" not in text
    assert "plotly" not in text
    assert "No row of this list was quarantined. All quarantined rows" in told(
        client.get("/quarantine?side=service").text
    )


def test_reasons_that_nobody_recorded_are_said_once(
    on: Callable[..., FlaskClient], a_run: Callable[..., RunEvent]
) -> None:
    """Where no row has a reason there is no column of reasons, and the chart counts rows, in whole numbers."""
    rows = {"in": 4, "delivered": 2, "quarantined": 2}
    text = on(named(a_run(rows=rows), "e1"), named(a_run(rows=rows), "e2", partner="UA")).get("/quarantine").text
    assert told(text).count("not recorded") == 1
    assert "The reasons were not recorded." in text
    assert "4 rows quarantined Quarantined rows by week, all feeds of the list together." in told(text)
    assert '<th scope="col" role="columnheader">Reason</th>' not in text
    figure = json.loads(re.search(r'id="figure-aside">(.*?)</script>', text)[1])  # type: ignore[index]
    assert figure["layout"]["yaxis"]["dtick"] == 1
    assert [line["name"] for line in figure["data"]] == ["rows"]


def test_hostile_texts_are_shown_as_texts(on: Callable[..., FlaskClient], a_run: Callable[..., RunEvent]) -> None:
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
        text = client.get(path).text
        shown = html.unescape(text)
        assert any(name in shown for name in HOSTILE), path
        for mark in ("<script>alert", "<img", "<!--", "49"):
            assert mark not in re.sub(r"<svg.*?</svg>", "", text), (path, mark)
    assert sum(name in html.unescape(client.get("/runs").text) for name in HOSTILE) == len(HOSTILE)
    figure = re.search(r'id="figure-aside">(.*?)</script>', client.get("/quarantine").text)
    assert figure
    drawn = json.loads(figure[1])
    for label in (
        *(line["name"] for line in drawn["data"]),
        *(note["text"] for note in drawn["layout"]["annotations"]),
    ):
        assert "<" not in label
