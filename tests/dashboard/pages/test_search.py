"""Search: what it finds by name, where it leads at once, and that a day is kept to."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from metrics.store.database import open_reader

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient


@pytest.fixture
def a_file(year_app: Flask) -> tuple[str, str, str]:
    """Partner, name and exchange id of a file of the made-up year."""
    with closing(open_reader(year_app.config["MILEPOST"].store)) as db:
        sql = "SELECT partner, file, exchange_id FROM run ORDER BY id LIMIT 1"
        partner, file, exchange = db.execute(sql).fetchone()
    return partner, file, exchange


@pytest.mark.parametrize(
    ("text", "leads_to"),
    [
        ("ua", "/partners/UA"),
        (" M2 ", "/milestones/M2"),
        ("m2", "/milestones/M2"),
        ("ua/FLIGHTS", "/runs?partner=UA&feed=flights"),
        ("flights", "/runs?feed=flights"),
    ],
)
def test_a_single_exact_match_leads_to_its_page(client: FlaskClient, text: str, leads_to: str) -> None:
    """The whole name, in any case: the page of a partner or milestone, or the runs of a feed."""
    answer = client.get("/search", query_string={"q": text})
    assert (answer.status_code, answer.headers["Location"]) == (303, leads_to)


def test_the_day_and_the_time_zone_go_along(client: FlaskClient) -> None:
    """A search on the page of an earlier day stays there, and in the time zone of the reader."""
    answer = client.get("/search?q=ua&as_of=2013-06-30&zone=europe/berlin")
    assert answer.headers["Location"] == "/partners/UA?as_of=2013-06-30&zone=Europe/Berlin"


def test_a_file_and_an_exchange_are_found(
    client: FlaskClient, values_of: Callable, a_file: tuple[str, str, str]
) -> None:
    """By the whole name or id, their runs on all sides; by the beginning of the name in any case, the file."""
    partner, file, exchange = a_file
    matches = values_of(client, f"/search?q={file}")["matches"]
    assert {run.side for run in matches.runs} == {"monolith", "service@1"}
    assert {run.file for run in matches.runs} == {file}
    matches = values_of(client, f"/search?q={exchange}")["matches"]
    assert {run.exchange_id for run in matches.runs} == {exchange}
    matches = values_of(client, f"/search?q={file[:-1].upper()}")["matches"]
    assert (partner, file) in {(match.partner, match.file) for match in matches.files}


def test_a_run_that_was_not_known_is_not_found(client: FlaskClient, values_of: Callable, year_app: Flask) -> None:
    """As of an earlier day, a later file and exchange match nothing."""
    with closing(open_reader(year_app.config["MILEPOST"].store)) as db:
        row = db.execute("SELECT file, exchange_id FROM run ORDER BY block DESC LIMIT 1").fetchone()
    for text in row:
        matches = values_of(client, f"/search?q={text}&as_of=2013-06-30")["matches"]
        assert not [run for run in matches.runs if run.block > "2013-06-30"]
        assert text not in {match.file for match in matches.files}


@pytest.mark.parametrize("query", ["", "?q=", "?q=%20"])
def test_an_empty_search_says_what_can_be_searched(client: FlaskClient, get_html: Callable, query: str) -> None:
    """Partners, feeds, files, exchanges and milestones; nothing is said to be missing."""
    page = get_html(client, f"/search{query}")
    assert page.one("section").texts("dt") == ["Partner or feed", "File", "Exchange", "Milestone"]
    assert not page.all("p", class_="empty")


def test_nothing_found_is_said_with_what_can_be_searched(client: FlaskClient, get_html: Callable) -> None:
    """The text is quoted and escaped."""
    page = get_html(client, "/search?q=%3Cb%3Ezz")
    assert page.one("p", class_="empty").text == "Nothing here matches “<b>zz”."
    assert page.one("section").texts("dt")


def test_every_page_has_the_search(client: FlaskClient, get_html: Callable) -> None:
    """A form in the header that needs no script, and keeps the day."""
    for path in ("/", "/runs/1", "/method"):
        form = get_html(client, path).one("form", class_="search")
        assert (form["action"], form["method"], form.one("input", type="search")["name"]) == ("/search", "get", "q")
    form = get_html(client, "/milestones?as_of=2013-06-30").one("form", class_="search")
    assert form.one("input", name="as_of")["value"] == "2013-06-30"
