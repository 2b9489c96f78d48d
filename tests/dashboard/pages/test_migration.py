"""The Migration pages: where each feed is on its route, what blocks the next step, and what both sides send."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from dashboard.migration_state import MigrationState
from dashboard.presenters.migration import standing_sentence
from dashboard.scope import Scope, scope_migration
from dashboard.service_state import ServiceUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient


@pytest.fixture(scope="module")
def pages(app_on: Callable[..., Flask], made_up: Callable[..., Path], moving: dict) -> FlaskClient:
    """A dashboard with five routes."""
    return app_on(made_up(weeks=2), **moving).test_client()


def test_the_matrix_has_each_feed_at_its_stage_with_what_blocks_it(pages: FlaskClient, get_html: Callable) -> None:
    """One row a feed: the stage with a canary's share, parity, and the next step with the first reason."""
    page = get_html(pages, "/migration")
    assert page.one("p", class_="standing-line").text == (
        "1 of 5 feeds is with the service for good, 1 with the service, 1 in canary, 1 in shadow, 1 with the monolith."
    )
    table = page.one("table", class_="routes")
    assert table.texts("td", class_="here") == [
        "service", "shadow", "canary at 10%", "monolith, held", "retired",
    ]  # fmt: skip
    assert table.texts("td", data_label="Next step")[:3] == [
        "To retired: 12 of 30 days without a call of the monolith",
        "To canary at 10%: 31 unexplained difference(s); milepost parity show B6/flights lists them, and 1 more",
        "To canary at 50% Advance… DL/flights",
    ]
    assert table.texts("td", data_label="Parity")[1] == "18 files compared, 31 differences unexplained"
    assert page.one("nav", aria_label="Pages").links("Migration") == {"/migration": "Migration"}


def test_the_newest_changes_say_who_and_why(pages: FlaskClient, get_html: Callable) -> None:
    """A guardrail's change is called automatic, and one against its gate names who answers for it."""
    rows = get_html(pages, "/migration").one("table", class_="changes").texts("tr", role="row")[1:]
    assert rows[1] == (
        "28 Mar 2013 12:00 DL/flights Went back to shadow automatic, by a guardrail milepost "
        "3 record(s) were not delivered"
    )
    assert "Advanced to service against its gate; bob answers for it ada the year ends" in rows[2]


def test_a_feed_has_its_reasons_numbers_and_commands(pages: FlaskClient, get_html: Callable) -> None:
    """Where nobody signs in, the steps are commands; one that is blocked has its reasons instead."""
    page = get_html(pages, "/migration/B6/flights")
    step = page.one("section", aria_labelledby="next")
    assert step.texts("li") == [
        "31 unexplained difference(s); milepost parity show B6/flights lists them.",
        "18 of 20 files compared in shadow.",
    ]  # fmt: skip
    assert step.texts("pre") == [
        "milepost route back B6/flights --why TEXT", "milepost route hold B6/flights --why TEXT",
    ]  # fmt: skip
    assert page.one("ol", class_="track").texts("li") == ["monolith", "shadow", "canary", "service", "retired"]
    assert "rounding 28, value 3" in page.text
    free = get_html(pages, "/migration/DL/flights").one("section", aria_labelledby="next")
    assert free.texts("pre")[0] == "milepost route advance DL/flights"


def test_differences_are_a_chart_with_marks_and_data(pages: FlaskClient) -> None:
    """By day and cause; a day without any counts 0, a stage change is marked, and a feed has its own."""
    body = pages.get("/charts/differences.json").json
    assert body["title"] == "Most often: rounding, 28 differences"
    assert body["columns"]["c0"] == "rounding"
    rows = {row["block"]: row for row in body["rows"]}
    assert (rows["2013-03-30"]["c0"], rows["2013-03-25"]["c0"]) == (20.0, 0.0)
    marks = {note["text"] for note in body["figure"]["layout"]["annotations"]}
    assert any("AA/flights: service" in text for text in marks)
    own = pages.get("/charts/differences.csv?feed=AA/flights").text
    assert "rounding" not in pages.get("/charts/differences.json?feed=AA/flights").json["columns"].values()
    assert own.splitlines()[0] == "block,c0"


def test_a_hostile_name_is_text_and_has_a_page(pages: FlaskClient, get_html: Callable) -> None:
    """Its address is found in the table, and nothing of it is markup."""
    (*_, address) = get_html(pages, "/migration").one("table", class_="routes").links()
    page = get_html(pages, address)
    assert "<script>alert(1)</script>/x" in page.one("h1").text
    assert "the last stage" in page.one("h2", id="next").text.lower()


def test_no_route_and_no_service_are_said(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], pages: FlaskClient, get_html: Callable
) -> None:
    """Without routes there is no entry in the navigation; an unreadable ledger is named, and no feed is made up."""
    store = made_up(weeks=2)
    without = app_on(store, migration=lambda: MigrationState(at=datetime(2013, 4, 2, tzinfo=UTC))).test_client()
    assert "Nothing to move" in get_html(without, "/migration").text
    assert not get_html(without, "/milestones").links("Migration")
    assert "Nothing to move" in app_on(store).test_client().get("/migration").text
    assert pages.get("/migration/AA/nothing").status_code == 404

    def unreadable() -> MigrationState:
        raise ServiceUnreadable("var/ledger.db: is damaged")

    broken = app_on(store, migration=unreadable).test_client()
    answer = broken.get("/migration")
    assert (answer.status_code, "var/ledger.db: is damaged" in answer.text) == (503, True)


def test_a_scope_leaves_no_trace_of_others(moving: dict) -> None:
    """Routes, changes, differences and days of other partners are gone, from the counts, too."""
    mine = scope_migration(moving["migration"](), Scope(frozenset({"DL"})))
    assert {route.partner for route in mine.routes} == {change.partner for change in mine.changes} == {"DL"}
    assert (mine.differences, mine.compared) == ((), ())
    assert standing_sentence(mine.routes) == "1 of 1 feed is in canary."
