"""Pages and data as a browser or a script gets them."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import plotly.graph_objects as go
import pytest

import roadmap
from metrics.measures.registry import MEASURES
from metrics.store.database import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient

PLAN = Path(roadmap.__file__).with_name("milestones.toml")
PAGES = ["/", "/milestones", "/milestones/M1", "/decisions"]
CHARTS = ["busy", "failed", "plan", "gains-M1"]


def test_the_front_page_answers_in_words_first(client: FlaskClient) -> None:
    """The answer, its range, the target, and the milestone it is about stand in plain HTML."""
    text = client.get("/").text
    assert "Proven. Runs take 64% less time." in text
    assert "Likely between 61% and 67%; the target is 30%." in text
    assert "M1 Receive: proven" in text


def test_each_number_says_what_it_rests_on(client: FlaskClient) -> None:
    """Faults, grade, weeks and mode stand beside the numbers, for both readings."""
    text = re.sub(r"<a [^>]*>|</a>", "", client.get("/").text)
    assert "Under standard faults · grade B · 13 weeks · 462 runs · replay<br>" in text
    assert "Without faults · grade B · 13 weeks · 416 runs · replay</p>" in text


def test_what_nobody_recorded_is_said_and_not_invented(client: FlaskClient) -> None:
    """Spending is "not recorded" as long as nobody recorded any."""
    assert client.get("/").text.count("not recorded") == 1
    assert client.get("/milestones").text.count("not recorded") == 4


def test_recorded_spending_is_shown(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> None:
    """An entry in the store replaces "not recorded", for its milestone only."""
    store = made_up()
    db = open_store(store, "replay")
    entry = {"code": "M1", "amount": 1250.0, "note": "", "as_of": "2013-02-01", "recorded_at_us": 0}
    with db.conn:
        db.table("cost_entry").insert(entry)
    db.close()
    client = app_on(store).test_client()
    assert "1,250" in client.get("/").text
    assert client.get("/milestones").text.count("not recorded") == 3


def test_the_definition_stands_beside_the_number(client: FlaskClient) -> None:
    """The one definition of busy_time_saved is printed from the measures themselves."""
    text = client.get("/").text
    assert str(MEASURES["busy_time_saved"].definition).replace("'", "&#39;") in text


def test_too_few_weeks_give_no_verdict(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> None:
    """Six weeks are too early to say, with when there could be enough."""
    text = app_on(made_up(weeks=6)).test_client().get("/").text
    assert "Too early to say." in text
    assert "6 of 12 weeks." in text
    assert "Proven." not in text


def test_a_newer_milestone_is_an_early_look_only(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> None:
    """The headline stays with the last milestone that has enough evidence."""
    text = app_on(made_up(weeks=17), built=2).test_client().get("/").text
    assert "Proven. Runs take 64% less time." in text
    assert "No runs yet on M2. Started 1 Apr." in text


def test_a_slow_service_is_called_slower(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> None:
    """Nothing is flattered: a service that takes longer is said to."""
    text = app_on(made_up(cost=1.3)).test_client().get("/").text
    assert "Slower than the monolith. Runs take" in text


def test_every_milestone_has_status_reason_and_criteria(client: FlaskClient) -> None:
    """The plan's four milestones stand with computed status, reasons and what would change them."""
    text = client.get("/milestones").text
    for said in (
        "M1 Receive</a>", "Not built: it needs service level 2", "What would change this?", "7 days early",
        "likely 61% to 67%", "1 of 4 milestones proven by 31 Dec 2013",
    ):  # fmt: skip
        assert said in text
    assert "counted in full" in client.get("/milestones/M1").text


@pytest.mark.parametrize("name", CHARTS)
def test_data_behind_a_chart(client: FlaskClient, name: str) -> None:
    """JSON carries the rows and a valid figure; CSV carries the same rows."""
    body = client.get(f"/charts/{name}.json").json
    assert body is not None
    assert go.Figure(body["figure"]).data
    rows = list(csv.DictReader(io.StringIO(client.get(f"/charts/{name}.csv").text)))
    assert len(rows) == len(body["rows"]) > 0
    assert list(rows[0]) == list(body["columns"])


def test_charts_of_the_other_faults_differ(client: FlaskClient) -> None:
    """The switch changes the numbers, and says which are shown."""
    calm, hard = (client.get(f"/charts/failed.json?faults={faults}").json for faults in ("none", "standard"))
    assert calm is not None
    assert hard is not None
    assert calm["rows"] != hard["rows"]
    assert "Without faults" in client.get("/?faults=none").text.split("Week by week")[1].split("figcaption")[1]


def test_markup_in_the_milestone_file_stays_text(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], tmp_path: Path
) -> None:
    """A title with markup in it cannot end a script element, in the page or in its data."""
    plan = tmp_path / "milestones.toml"
    plan.write_text(PLAN.read_text().replace('"Receive"', '"</script><script>alert(1)</script>"'), encoding="utf-8")
    client = app_on(made_up(), milestones=plan).test_client()
    for page in PAGES:
        assert "<script>alert" not in client.get(page).text


@pytest.mark.parametrize("page", PAGES)
def test_an_unknown_key_gets_a_visible_notice(client: FlaskClient, page: str) -> None:
    """A key that a page does not know is named on it, and escaped."""
    text = client.get(f"{page}?range=%3Cb%3E&%3Ci%3E=1").text
    assert "“range” in the address is not known here" in text
    assert "“&lt;i&gt;” in the address" in text
    assert 'class="notice' not in client.get(page).text


def test_an_unknown_value_gets_a_visible_notice(client: FlaskClient) -> None:
    """A value that is none of the choices is named with them; data addresses refuse it."""
    assert "“faults=wild” is not one of standard, none; standard is shown." in client.get("/?faults=wild").text
    assert client.get("/charts/busy.json?faults=wild").status_code == 400
    assert client.get("/charts/busy.csv?fault=none").status_code == 400


def test_only_pages_that_exist_are_linked(client: FlaskClient) -> None:
    """Every address on every page answers."""
    for page in PAGES:
        for href in set(re.findall(r'(?:href|src)="(/[^"#]*)', client.get(page).text)):
            assert client.get(href.replace("&amp;", "&"), buffered=True).status_code == 200, href


@pytest.mark.parametrize("page", [*PAGES, "/charts/busy.json", "/charts/failed.csv?faults=real"])
def test_live_runs_are_shown_as_they_happened(app_on: Callable[..., Flask], live_quarter: Path, page: str) -> None:
    """A live store has one reading, is judged by the day it is given, and says that it is live."""
    response = app_on(live_quarter, clock="live", today=lambda: date(2013, 4, 2)).test_client().get(page)
    assert response.status_code == 200
    if page == "/":
        assert "Data up to 29 Mar 2013 05:00 UTC · " in response.text
        assert "As it happened · grade C" in response.text
        assert "Without faults" not in response.text


def test_json_is_what_the_page_draws(client: FlaskClient) -> None:
    """The figure in the page and the figure behind its JSON link are the same."""
    text = client.get("/").text
    inside = text.split('id="figure-busy">')[1].split("</script>")[0]
    body = client.get("/charts/busy.json").json
    assert body is not None
    assert json.loads(inside) == body["figure"]
