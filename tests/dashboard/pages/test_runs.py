"""Runs as lists, grid and files, on the made-up year and on a few runs of our own."""

from __future__ import annotations

import csv
import io
from contextlib import closing
from datetime import UTC, datetime
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


def test_a_list_says_in_words_what_it_holds(client: FlaskClient, store: Path, values_of: Callable) -> None:
    """The exact number, then everything that the address picks by."""
    with closing(open_reader(store)) as db:
        many = runs.count_runs(db, RunFilter(sides=("service@1",), states=("failed",), partners=("UA", "B6")))
    values = values_of(client, "/runs?side=service@1&state=failed&partner=ua,b6")
    assert (values["many"], values["summary"]) == (many, f"{many:,} runs: service@1, failed (any way), UA or B6")


def test_pages_lead_to_older_runs_and_back(client: FlaskClient, get_html: Callable) -> None:
    """The third page leads back to the second, and that to the first, run by run."""
    pages = [get_html(client, "/runs?partner=UA")]
    for way in ("next", "next", "prev", "prev"):
        pages.append(get_html(client, pages[-1].one("a", rel=way)["href"]))
    first, second, third, *back = [list(page.one("table", class_="runs").links()) for page in pages]
    assert back == [second, first]
    assert len({*first, *second, *third}) == 150


def test_a_reading_leads_to_exactly_the_runs_it_counts(
    client: FlaskClient, values_of: Callable, get_html: Callable
) -> None:
    """The front page says how many runs a number rests on, and the list of that reading is as long."""
    reading = "/runs?counted=M1:busy_time_saved:standard"
    assert get_html(client, "/").links()[reading] == "462 runs"
    assert values_of(client, reading)["summary"] == "462 runs: counted by M1 for processing time saved, standard faults"
    assert sum(values_of(client, f"{reading}&side={side}")["many"] for side in ("monolith", "service")) == 462


def test_a_reading_keeps_to_the_day_that_is_asked_for(client: FlaskClient, values_of: Callable) -> None:
    """As of an earlier day it counts fewer runs, and none later."""
    values = values_of(client, "/runs?counted=M1:busy_time_saved:standard&as_of=2013-02-10")
    assert 0 < values["many"] < 462
    assert all(line.started_at_us < datetime(2013, 2, 11, tzinfo=UTC).timestamp() * 1e6 for line in values["lines"])
    assert values_of(client, "/runs?as_of=2013-02-10")["filter_parts"] == ()


def test_the_control_of_a_reading_can_be_asked_for(client: FlaskClient, values_of: Callable) -> None:
    """What stands beside a number as "was" has its own list, of the monolith alone."""
    values = values_of(client, "/runs?counted=M1:failed_first:standard:control")
    assert ", of the control" in values["summary"]
    assert {line.side for line in values["lines"]} == {"monolith"}


@pytest.mark.parametrize(
    "query",
    ["colour=red", "side=x", "state=broken", "range=long", "after=there", "before=..", "counted=M9:x:y", "counted=M1",
     "counted=M1:busy_time_saved:standard:all", "fingerprint=zz", "attempt=9", "from=x"],
)  # fmt: skip
def test_what_an_address_cannot_mean_is_pointed_out(client: FlaskClient, values_of: Callable, query: str) -> None:
    """A visible notice and all other runs; never an error."""
    values = values_of(client, f"/runs?{query}")
    assert len(values["notices"]) == 1
    assert values["summary"].endswith("runs, all there are")


@pytest.mark.parametrize("query", ["colour=red", "state=broken", "from=x"])
def test_data_is_refused_where_the_address_is_not_understood(client: FlaskClient, query: str) -> None:
    """Nobody reads the notices of a file, so there is none."""
    for path in ("/runs.csv", "/runs.json", "/quarantine.csv", "/quarantine.json"):
        assert client.get(f"{path}?{query}").status_code == 400 or (path[1] == "q" and query == "state=broken")


def test_the_grid_has_the_last_runs_of_the_sides_that_are_asked_for(
    client: FlaskClient, store: Path, values_of: Callable, get_html: Callable
) -> None:
    """Twenty cells a feed, the oldest first, each a link with a name that says how it ended and when."""
    address = "/runs?side=monolith&faults=standard"
    with closing(open_reader(store)) as db:
        rows = run_grid.latest_runs(db, ("monolith",), ("standard",), 20)
    grid = values_of(client, address)["grid"]
    assert grid.about == "monolith, standard faults"
    marks = [mark for row in grid.rows for mark in row.marks]
    assert [(mark.id, mark.css_class) for mark in marks] == [
        (cell.id, f"is-{cell.outcome}") for row in rows for cell in row.runs
    ]
    assert marks[-1].label.startswith("Done, 26 Dec 2013 05:00, ")
    links = get_html(client, address).one("table", class_="grid").all("a")
    assert [(link["href"], link["title"]) for link in links] == [(f"/runs/{mark.id}", mark.label) for mark in marks]


def test_the_grid_stands_only_where_its_filters_act(client: FlaskClient, values_of: Callable) -> None:
    """A list of failures, of a reading or further down is no matter of sides and feeds."""
    for query in ("state=failed", "counted=M1:busy_time_saved:standard", "after=2013-03-01.0.0"):
        assert values_of(client, f"/runs?{query}")["grid"] is None
    assert [(row.partner, row.feed) for row in values_of(client, "/runs?partner=ua")["grid"].rows] == [
        ("UA", "flights")
    ]


def test_a_form_makes_a_short_address(client: FlaskClient) -> None:
    """Fields that nobody filled in are left out, and a chosen range replaces days."""
    asked = "/runs?form=1&as_of=2013-06-30&from=2013-01-01&side=&state=failed&partner=&range=90d"
    answer = client.get(asked)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/runs?as_of=2013-06-30&state=failed&range=90d")


def test_each_part_of_a_filter_can_be_taken_away(client: FlaskClient, get_html: Callable) -> None:
    """Each part stands above the list, with the address of the list without it; the last link removes all."""
    days = "from=2013-02-01&to=2013-02-28"
    page = get_html(client, f"/runs?counted=M1:busy_time_saved:standard&{days}&side=service")
    parts = page.one("ul", class_="filter-parts")
    assert {link["href"]: link.attributes.get("aria-label") or link.text for link in parts.all("a")} == {
        f"/runs?{days}&counted=M1:busy_time_saved:standard": "Remove “Side: service, any level”",
        f"/runs?side=service&{days}": "Remove “counted by M1 for processing time saved, standard faults”",
        "/runs?side=service&counted=M1:busy_time_saved:standard": "Remove “1 to 28 Feb 2013”",
        "/runs": "Remove all",
    }
    assert page.one("form", class_="filters").one("input", type="hidden", name="from")["value"] == "2013-02-01"


def test_an_empty_list_is_said_in_words(client: FlaskClient, get_html: Callable) -> None:
    """A partner that nothing has lists nothing, and the page says both."""
    page = get_html(client, "/runs?partner=nobody")
    assert page.one("p", data_total="0").text == "0 runs: nobody."
    assert "No run here has “partner=nobody”" in page.one("p", class_="notice").text
    assert page.one("p", class_="empty").text == "No run matches the filter. All runs"


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


@pytest.mark.parametrize(
    ("path", "inside"),
    [("/runs", "Runs"), ("/failures", "Failures"), ("/quarantine", "Quarantine"), ("/runs/1", "Runs")],
)
def test_the_navigation_inside_runs_marks_the_page(
    client: FlaskClient, get_html: Callable, path: str, inside: str
) -> None:
    """All pages of the area have their own navigation, which says which one this is."""
    assert get_html(client, path).one("nav", class_="inside").texts("a", aria_current=True) == [inside]


def test_a_run_of_an_exchange_that_was_delivered_again_says_so(
    app_on: Callable[..., Flask], store: Path, get_html: Callable
) -> None:
    """Its own page and the line of each attempt at the exchange have the note; no other run has it."""
    with closing(open_reader(store)) as db:
        listed = runs.get_page(db, RunFilter(sides=("service@1",)), None).rows
    chosen, other = listed[:2]
    assert chosen.exchange_id != other.exchange_id
    note = "Delivered again as 4d2a on 2026-11-30 18:00:00 UTC because: the map was wrong (ana)."
    client = app_on(store, exchange_notes=lambda: {chosen.exchange_id: note}).test_client()
    assert get_html(client, f"/runs/{chosen.id}").one("p", id="note").text == note
    assert note not in client.get(f"/runs/{other.id}").text
    assert client.get("/runs?side=service@1").text.count(note) == sum(
        run.exchange_id == chosen.exchange_id for run in listed
    )
