"""The pages of the plan: every milestone at a glance, each with all that is known of it, at whatever stage it is."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import roadmap
from dashboard.charts.slips import slips_chart
from dashboard.queries.plan_history import plan_history
from metrics.prices import Prices
from metrics.store.database import open_store
from roadmap.judge.evaluate import evaluate
from roadmap.plan.loader import load_plan
from roadmap.records import decide
from roadmap.records.checkins import CheckinOrder, record_checkin
from roadmap.records.prices import record_prices

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient


PLAN = Path(roadmap.__file__).with_name("milestones.toml")


def test_a_stopped_milestone_shows_both(example: FlaskClient, get_html: Callable) -> None:
    """The computed status and what was decided stand side by side, in the table and on the milestone's own page."""
    table = get_html(example, "/milestones").one("table", class_="plan-table")
    statuses = [cell.one("span", class_="chip").text for cell in table.all("td", data_label="Status")]
    assert statuses == ["proven", "proven", "proven", "at risk", *["not started"] * 2]
    assert table.texts("td", data_label="Decision")[2:4] == [
        "nothing decided numbers advise: continue",
        "stopped Stopped by Example Owner 31 Dec 2013: Example: the partner leaves numbers advise: change",
    ]
    assert get_html(example, "/milestones/M4").one("div", class_="card-head").text == "M4 Persist at risk stopped"


def test_links_keep_to_the_day(example: FlaskClient, get_html: Callable) -> None:
    """As of an earlier day, a milestone's link leads to its page as of that day."""
    assert "/milestones/M1?as_of=2013-03-01" in get_html(example, "/milestones?as_of=2013-03-01").links()


def test_what_nobody_recorded_is_said_with_the_command_for_it(client: FlaskClient, get_html: Callable) -> None:
    """Without decisions and spending the page says so, and how they are recorded."""
    page = get_html(client, "/milestones/M2")
    decide, spend = (page.one("section", aria_labelledby=name).text for name in ("decisions", "spending"))
    assert decide.endswith("milepost roadmap decide M2 change --owner NAME --why TEXT")
    assert "Not recorded." in spend
    assert spend.endswith("milepost roadmap spend M2 AMOUNT --note TEXT")


def test_too_much_spending_is_said(example: FlaskClient, get_html: Callable) -> None:
    """A milestone over its budget says so, and one within it does not."""
    texts = [
        get_html(example, f"/milestones/{code}").one("section", aria_labelledby="spending").text
        for code in ("M1", "M2")
    ]
    assert ["That is more than the budget." in text for text in texts] == [False, True]


def test_a_number_leads_to_the_runs_that_it_counts(example: FlaskClient, get_html: Callable) -> None:
    """The gain, each criterion and each partner link to exactly their runs."""
    reading = "/runs?counted=M2:busy_time_saved:standard"
    page = get_html(example, "/milestones/M2")
    counting = {link["href"]: link.text for link in page.all("a", data_counts=True)}
    assert counting[reading] == "608 runs"
    assert counting[f"{reading}&partner=UA"].isdigit()
    assert page.links()["/runs?counted=M2:good_rows_delivered:standard"] == "all"
    assert get_html(example, "/milestones").links()[reading] == "64% less time"


def test_an_unknown_milestone_is_a_page_that_names_those_there_are(client: FlaskClient) -> None:
    """A code that the plan has not is 404 with the codes, and what was asked for is text."""
    response = client.get("/milestones/<i>M9")
    assert response.status_code == 404
    assert "The plan has M1, M2, M3, M4, M5, M6." in response.text
    assert "“&lt;i&gt;M9”" in response.text


def test_charts_that_have_nothing_to_show_are_words(client: FlaskClient) -> None:
    """Where nothing was judged on record there is no chart of it, and its data is not found."""
    text = client.get("/milestones").text
    assert "No forecast is recorded yet." in text
    assert "No judgement is recorded yet." in text
    for name in ("slips", "burnup", "gains-M4", "gains-M9", "gains-", "gains", "plan-M1"):
        assert client.get(f"/charts/{name}.csv").status_code == 404


def test_recorded_forecasts_and_criteria_are_charts(example: FlaskClient) -> None:
    """Slips and criteria reached come from what was recorded, with the same numbers as data."""
    text = example.get("/milestones").text
    assert "12 of 21 criteria met on 31 Dec 2013" in text
    rows = example.get("/charts/burnup.csv").text.splitlines()
    assert rows[:2] == ["as_of,met,scope", "2013-02-17,0,21"]
    assert rows[-1] == "2013-12-31,12,21"
    slips = example.get("/charts/slips.csv").text.splitlines()
    assert slips[1].startswith("M1,2013-02-17,2013-03-31,")
    assert slips[-1] == "M4,2013-12-31,2013-12-31,,,not expected within three years"
    assert example.get("/charts/burnup.csv?as_of=2013-03-30").text.splitlines()[-1] == "2013-03-24,2,21"


@pytest.mark.parametrize(
    "address", ["/charts/slips.csv?faults=none", "/charts/burnup.json?a=1", "/charts/gains-M1.csv?faults=none"]
)
def test_data_refuses_keys_that_it_does_not_know(example: FlaskClient, address: str) -> None:
    """Charts without faults to choose refuse the key rather than leave it out."""
    assert example.get(address).status_code == 400


@pytest.mark.parametrize(
    ("settings", "code", "built", "status"),
    [
        ({"weeks": 2}, "M1", 1, "not enough evidence"),
        ({"weeks": 1}, "M4", 1, "not started"),
        ({"weeks": 20}, "M2", 1, "stalled"),
        ({"weeks": 40}, "M2", 1, "missed"),
        ({"moves": True, "lost": 3, "weeks": 40}, "M3", 4, "missed"),
    ],
)
def test_every_stage_has_a_page(
    app_on: Callable,
    made_up: Callable[..., Path],
    get_html: Callable,
    settings: dict,
    code: str,
    built: int,
    status: str,
) -> None:
    """Whether it has just begun, waits, went silent or failed: its page says so in words, with what would change it."""
    client = app_on(made_up(**settings), built=built).test_client()
    text = get_html(client, f"/milestones/{code}").one("section", aria_labelledby="why").text
    assert text.startswith(f"Why {status} ")
    assert "What would change this?" in text
    assert status in get_html(client, "/milestones").one("table", class_="plan-table").texts("span", class_="chip")


def test_one_look_is_words_and_two_are_a_line(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], get_html: Callable
) -> None:
    """A store that was judged on one day says how much is met; from the second on there is a chart of it."""
    store = made_up(weeks=8)
    db = open_store(store, "replay")
    evaluate(db, load_plan(PLAN), date(2013, 2, 17), 1, 0)
    db.close()
    client = app_on(store).test_client()
    part = get_html(client, "/milestones").one("section", aria_labelledby="criteria").text
    assert "0 of 21 criteria met on 17 Feb 2013. A line is drawn here once milestones were judged on two days" in part
    assert client.get("/charts/burnup.json").status_code == 404
    db = open_store(store, "replay")
    evaluate(db, load_plan(PLAN), date(2013, 2, 24), 1, 0)
    db.close()
    assert client.get("/charts/burnup.json").json["title"] == "0 of 21 criteria met on 24 Feb 2013"


def test_the_table_of_the_plan_has_the_computed_status(example: FlaskClient) -> None:
    """In the words of the page, and without what was decided: M4, which somebody stopped, is at risk by the numbers."""
    rows = [row.rpartition(",")[2] for row in example.get("/charts/plan.csv").text.splitlines()]
    assert rows == ["status", "proven", "proven", "proven", "at risk", "not started", "not started"]
    then = example.get("/charts/plan.csv?as_of=2013-02-17").text.splitlines()
    assert then[1].endswith(",not enough evidence")


def test_a_milestone_that_left_the_plan_keeps_its_decisions(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], values_of: Callable, tmp_path: Path
) -> None:
    """What was decided on a milestone is shown when the plan has lost it, and leads nowhere."""
    store, fewer = made_up(weeks=8), tmp_path / "milestones.toml"
    plan = load_plan(PLAN)
    db = open_store(store, "replay")
    verdict = evaluate(db, plan, date(2013, 2, 24), 1, 0)[3]
    decide.record_decision(db, plan.milestone("M4"), verdict, "stop", "no need", "Ada", None, 0)
    db.close()
    fewer.write_text(PLAN.read_text().partition('[[milestone]]\ncode = "M4"')[0], encoding="utf-8")
    client = app_on(store, milestones=fewer).test_client()
    (row,) = values_of(client, "/decisions")["page"]["made"]
    assert (row.code, row.text, row.in_plan) == ("M4", "stopped", False)
    assert "M4 (no longer in the plan) stopped" in client.get("/decisions").text
    assert client.get("/milestones/M4").status_code == 404
    assert client.get("/milestones").status_code == 200


def test_a_gain_has_the_same_digits_on_every_page(client: FlaskClient, values_of: Callable, get_html: Callable) -> None:
    """On the front page, in the table of milestones, on the milestone's own page and on paper."""
    figure = values_of(client, "/")["page"].figures[0].values[0].figure
    row = next(row for row in values_of(client, "/milestones")["page"]["milestones"] if row.code == "M1")
    criterion = next(one for one in row.criteria if one.key == "M1:busy_time_saved:standard")
    assert {f"{figure.big} {figure.unit}", row.gain, criterion.measured} == {"64% less time"}
    assert "64% less time" in get_html(client, "/report").text


def test_the_message_of_slips_names_the_target_that_comes_last(example_app: Flask) -> None:
    """Of several targets it says which is not expected, so that another's date does not contradict it."""
    seen = example_app.extensions["views"].newest()
    told = seen.cached(plan_history)
    *rest, last = told.forecasts
    late = replace(told, forecasts=(*rest, replace(last, expected_on=None, latest_targets=("busy_time_saved",))))
    chart = slips_chart(late, seen.today)
    assert chart is not None
    assert chart.title.endswith("is not expected within three years, as things stand, with processing time saved")


def test_a_milestone_that_people_report_on_has_its_check_ins_beside_the_computed_status(
    made_up: Callable, app_on: Callable, tmp_path: Path, get_html: Callable
) -> None:
    """The newest in the table, all of them on its page, which has no targets; every page of the plan works with it."""
    plan, store = tmp_path / "milestones.toml", made_up(weeks=13)
    days = 'start = 2013-01-07\ndue = 2013-12-31\n[milestone.checkin]\nof = 12\nwhat = "partners moved"\n'
    plan.write_text(f'{PLAN.read_text()}\n[[milestone]]\ncode = "C1"\ntitle = "Move"\nobjective = "All"\n{days}')
    db = open_store(store, "replay")
    for text, done in (("begun", 1), ("AA is over", 2)):
        order = CheckinOrder(text=text, by="Ann", done=done)
        record_checkin(db, load_plan(plan).milestone("C1"), order, date(2013, 2, 17), 0)
    db.close()
    client = app_on(store, milestones=plan, built=4).test_client()
    table = get_html(client, "/milestones").one("table", class_="plan-table")
    assert table.all("td", data_label="Status")[-1].one("span", class_="chip").text == "check-ins only"
    newest = "17 Feb 2013, Ann: 2 of 12 partners moved: AA is over"
    assert newest in table.texts("td", data_label="Decision")[-1]
    page = get_html(client, "/milestones/C1")
    assert page.one("section", aria_labelledby="checkins").texts("li") == [
        newest,
        newest.replace("2 of 12 partners moved: AA is over", "1 of 12 partners moved: begun"),
    ]
    assert "Targets" not in page.text
    codes = {address: client.get(address).status_code for address in ("/", "/method", "/report", "/decisions", "/runs")}
    assert set(codes.values()) == {200}, codes


def test_money_stands_beside_the_gain(
    app_on: Callable[..., Flask], live_store: Callable[..., Path], values_of: Callable, get_html: Callable
) -> None:
    """With prices and spending in production: the cost of a point and the payback, as page one has them."""
    store = live_store()
    prices = Prices(currency="EUR", person_hour=60.0, touch_minutes=15.0, machine_hour=1.0, since=date(2013, 1, 1))
    with closing(open_store(store, "live")) as db, db.conn:
        record_prices(db, prices, date(2013, 1, 1), 0)
        db.execute(
            "INSERT INTO cost_entry (code, amount, note, as_of, recorded_at_us) VALUES ('M1', 900, '', '2013-01-02', 0)"
        )
    client = app_on(store, clock="live", today=lambda: date(2013, 4, 2)).test_client()
    row = next(row for row in values_of(client, "/milestones")["page"]["milestones"] if row.code == "M1")
    money = next(money for money in values_of(client, "/")["page"].money if money.code == "M1")
    assert (row.per_point, row.payback) == (money.per_point, money.payback)
    assert "a point of time saved" in row.per_point
    (cell, *_) = get_html(client, "/milestones").texts("td", data_label="Spent")
    assert cell.endswith(f"{row.per_point} {row.payback}".strip())
