"""Runs as lists, grid and files, on the made-up year and on a few runs of our own."""

from __future__ import annotations

import csv
import io
import re
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from dashboard.pages import run_downloads
from metrics.queries import run_grid, runs
from metrics.queries.run_filter import RunFilter
from metrics.store.database import open_reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient


@pytest.fixture
def store(year_app: Flask) -> Path:
    """The store that the dashboard is on."""
    return year_app.config["MILEPOST"].store


def heading(text: str) -> str:
    """What a list says of itself, and how many it counts."""
    found = re.search(r'data-total="(\d+)">(.*?)</p>', text)
    assert found
    return found[2]


def test_a_list_says_in_words_what_it_holds(client: FlaskClient, store: Path) -> None:
    """The exact number, then everything that the address picks by."""
    with closing(open_reader(store)) as db:
        many = runs.count_runs(db, RunFilter(sides=("service@1",), states=("failed",), partners=("UA", "B6")))
    said = heading(client.get("/runs?side=service@1&state=failed&partner=ua,b6").text)
    assert said == f"{many:,} runs: service@1, failed (any way), UA or B6."


def test_pages_lead_to_older_runs_and_back(client: FlaskClient) -> None:
    """The page after the first leads back to the first, run by run."""
    first = client.get("/runs?partner=UA").text
    older = re.search(r'rel="next" href="([^"#]+)', first)
    assert older
    second = client.get(older[1].replace("&amp;", "&")).text
    newer = re.search(r'rel="prev" href="([^"#]+)', second)
    assert newer
    again = client.get(newer[1].replace("&amp;", "&")).text
    listed = [re.findall(r'rowheader"><a href="(/runs/\d+)"', text) for text in (first, second, again)]
    assert len(listed[0]) == len(listed[1]) == 50
    assert listed[0] == listed[2]
    assert not set(listed[0]) & set(listed[1])


def test_a_reading_leads_to_exactly_the_runs_it_counts(client: FlaskClient) -> None:
    """The front page says how many runs a number rests on, and the list of that reading is as long."""
    assert (
        '13 weeks · <a href="/runs?counted=M1:busy_time_saved:standard" data-counts>462 runs</a>'
        in client.get("/").text
    )
    said = heading(client.get("/runs?counted=M1:busy_time_saved:standard").text)
    assert said == "462 runs: counted by M1 for processing time saved, standard faults."
    sides = [
        heading(client.get(f"/runs?counted=M1:busy_time_saved:standard&side={side}").text)
        for side in ("monolith", "service")
    ]
    assert sum(int(text.split()[0]) for text in sides) == 462


def test_a_reading_keeps_to_the_day_that_is_asked_for(client: FlaskClient) -> None:
    """As of an earlier day it counts fewer runs, and none later."""
    text = client.get("/runs?counted=M1:busy_time_saved:standard&as_of=2013-02-10").text
    assert 0 < int(heading(text).split()[0]) < 462
    assert "Feb 2013" in text
    assert "Remove" not in client.get("/runs?as_of=2013-02-10").text
    assert "Mar 2013" not in text.replace("31 Mar 2013", "")


def test_the_control_of_a_reading_can_be_asked_for(client: FlaskClient) -> None:
    """What stands beside a number as "was" has its own list, of the monolith alone."""
    text = client.get("/runs?counted=M1:failed_first:standard:control").text
    assert ", of the control" in heading(text)
    assert "<span>monolith<" in text
    assert "<span>service@1<" not in text


@pytest.mark.parametrize(
    "query",
    ["colour=red", "side=x", "state=broken", "range=long", "after=there", "before=..", "counted=M9:x:y", "counted=M1",
     "counted=M1:busy_time_saved:standard:all", "fingerprint=zz", "attempt=9", "from=x"],
)  # fmt: skip
def test_what_an_address_cannot_mean_is_pointed_out(client: FlaskClient, query: str) -> None:
    """A visible notice and all other runs; never an error."""
    answer = client.get(f"/runs?{query}")
    assert answer.status_code == 200
    assert answer.text.count('class="notice small"') == 1
    assert heading(answer.text).endswith("runs, all there are.")


@pytest.mark.parametrize("query", ["colour=red", "state=broken", "from=x"])
def test_data_is_refused_where_the_address_is_not_understood(client: FlaskClient, query: str) -> None:
    """Nobody reads the notices of a file, so there is none."""
    for path in ("/runs.csv", "/runs.json", "/quarantine.csv", "/quarantine.json"):
        assert client.get(f"{path}?{query}").status_code == 400 or (path[1] == "q" and query == "state=broken")


def test_the_grid_has_the_last_runs_of_the_sides_that_are_asked_for(client: FlaskClient, store: Path) -> None:
    """Twenty cells a feed, the oldest first, each a link with a name that says how it ended and when."""
    text = client.get("/runs?side=monolith&faults=standard").text
    with closing(open_reader(store)) as db:
        rows = run_grid.latest_runs(db, ("monolith",), ("standard",), 20)
    cells = re.findall(r'<a class="mark is-(\w+)" href="/runs/(\d+)"[^>]* aria-label="(\w+[^"]*)"', text)
    assert [int(number) for _, number, _ in cells] == [cell.id for row in rows for cell in row.runs]
    assert [look for look, *_ in cells] == [cell.outcome for row in rows for cell in row.runs]
    assert all(re.fullmatch(r"[A-Z][a-z ]+, \d+ \w{3} 2013 \d\d:\d\d, .+", label) for *_, label in cells)
    assert "the newest last: monolith, standard faults." in text


def test_the_grid_stands_only_where_its_filters_act(client: FlaskClient) -> None:
    """A list of failures, of a reading or further down is no matter of sides and feeds."""
    for query in ("state=failed", "counted=M1:busy_time_saved:standard", "after=2013-03-01.0.0"):
        assert 'class="grid"' not in client.get(f"/runs?{query}").text
    text = client.get("/runs?partner=ua").text
    assert re.findall(r'<tr><th scope="row"><span class="name">([^<]+)<', text) == ["UA/flights"]


def test_a_form_makes_a_short_address(client: FlaskClient) -> None:
    """Fields that nobody filled in are left out, and a chosen range replaces days."""
    asked = "/runs?form=1&as_of=2013-06-30&from=2013-01-01&side=&state=failed&partner=&range=90d"
    answer = client.get(asked)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/runs?as_of=2013-06-30&state=failed&range=90d")


def test_what_the_form_cannot_set_can_be_taken_away(client: FlaskClient) -> None:
    """A reading or a stretch of days stands above the list, with the address of the list without it."""
    text = client.get("/runs?counted=M1:busy_time_saved:standard&from=2013-02-01&to=2013-02-28&side=service").text
    assert "1 to 28 Feb 2013 <a href" in text
    assert 'href="/runs?side=service&amp;from=2013-02-01&amp;to=2013-02-28"' in text
    assert '<input type="hidden" name="from" value="2013-02-01">' in text


def test_an_empty_list_is_said_in_words(client: FlaskClient) -> None:
    """A partner that nothing has lists nothing, and the page says both."""
    text = client.get("/runs?partner=nobody").text
    assert "0 runs: nobody." in text
    assert "No run here has “partner=nobody”" in text
    assert "No run matches the filter." in text


def test_the_file_holds_the_whole_list(client: FlaskClient, store: Path) -> None:
    """As CSV and as JSON: every run of the list in its order, what is missing empty, and how much of it is there."""
    with closing(open_reader(store)) as db:
        many = runs.count_runs(db, RunFilter(states=("failed",)))
        newest = runs.get_page(db, RunFilter(states=("failed",)), None, many).rows
    answer = client.get("/runs.csv?state=failed")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [int(row["id"]) for row in rows] == [run.id for run in newest]
    assert answer.headers["X-Milepost-Runs"] == f"{many} of {many}"
    body = client.get("/runs.json?state=failed").json
    assert (body["count"], body["sent"], len(body["runs"])) == (many, many, many)
    assert list(body["runs"][0]) == list(run_downloads.COLUMNS) == list(rows[0])
    assert {row["aside"] for row in rows} == {""}
    assert {run["aside"] for run in body["runs"]} == {None}


def test_a_long_list_is_cut_and_says_so(
    app_on: Callable[..., Flask], store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The header, the file's name and the page say that it has the newest alone."""
    monkeypatch.setattr(run_downloads, "MAX_RUNS", 30)
    client = app_on(store).test_client()
    answer = client.get("/runs.csv?partner=UA")
    assert len(answer.text.splitlines()) == 31
    assert answer.headers["X-Milepost-Runs"].startswith("30 of ")
    assert "milepost-runs-newest-30.csv" in answer.headers["Content-Disposition"]
    assert "The newest 30 runs; filter the list to get others." in client.get("/runs?partner=UA").text


@pytest.mark.parametrize("path", ["/runs", "/failures", "/quarantine", "/runs/1"])
def test_the_main_navigation_marks_runs(client: FlaskClient, path: str) -> None:
    """All pages of the area count as Runs, and their own navigation says which one this is."""
    text = client.get(path).text
    assert re.search(r'<a href="/runs" aria-current="(page|true)">Runs</a>', text)
    assert text.count("aria-current=") >= 2
