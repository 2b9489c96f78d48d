"""The pages of the plan: every milestone at a glance, each with all that is known of it, at whatever stage it is."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import roadmap
from dashboard.charts.slips import slips_chart
from dashboard.presenters import milestone_detail
from dashboard.queries.plan_history import plan_history
from metrics.store.database import open_store
from roadmap.judge.evaluate import evaluate
from roadmap.plan.loader import load_plan
from roadmap.records import decide

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient

PLAN = Path(roadmap.__file__).with_name("milestones.toml")


def cell(text: str, code: str, label: str) -> str:
    """What the overview's table says of a milestone, without its markup."""
    row = next(row for row in text.split('<tr role="row">')[1:] if f'href="/milestones/{code}' in row)
    return plain(row.split(f'data-label="{label}">')[1].split("</td>")[0])


def plain(text: str) -> str:
    """Markup as words."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).replace("&#39;", "'").split())


def test_status_gain_slip_view_and_spending_stand_in_one_row(example: FlaskClient) -> None:
    """Each milestone's row has the computed status, the gain with its range, slip, the PM's view, and spent of plan."""
    text = example.get("/milestones").text
    assert cell(text, "M2", "Status") == "proven"
    assert re.fullmatch(r"6\d% less time likely \d\d% to \d\d%; target 30%", cell(text, "M2", "Time saved"))
    slip = "7 days early first due 30 Jun 2013, now 14 Jul 2013; proven 23 Jun 2013"
    assert cell(text, "M2", "First plan") == slip
    assert cell(text, "M2", "PM's view").startswith("Resumed by Example Deputy 12 May 2013")
    assert cell(text, "M2", "Spent") == "45,000 of 40,000"
    assert cell(text, "M3", "PM's view") == "nothing decided numbers advise: continue"
    assert cell(text, "M3", "Spent") == "not recorded"


def test_a_decision_stands_beside_the_computed_status(example: FlaskClient) -> None:
    """A stopped milestone keeps the status that the numbers alone give, and shows that it is stopped beside it."""
    text = example.get("/milestones").text
    assert cell(text, "M4", "Status") == "at risk"
    assert cell(text, "M4", "PM's view").startswith("stopped Stopped by Example Owner")
    page = plain(example.get("/milestones/M4").text)
    assert "M4 Persist at risk stopped" in page
    assert "Why at risk" in page


def test_a_pages_own_day_knows_nothing_of_later_days(example: FlaskClient) -> None:
    """As of an earlier day there are only the plans, decisions and spending until then, and links keep to that day."""
    text = example.get("/milestones?as_of=2013-03-01").text
    assert cell(text, "M1", "Spent") == "12,000 of 40,000"
    assert cell(text, "M2", "PM's view") == "nothing decided numbers advise: continue"
    assert cell(text, "M2", "First plan") == "not started first due 30 Jun 2013"
    assert 'href="/milestones/M1?as_of=2013-03-01"' in text
    paused = plain(example.get("/milestones/M2?as_of=2013-04-20").text)
    assert "not enough evidence paused" in paused
    assert "Decided: resumed" not in paused
    assert "Re-planned" not in paused
    assert "45,000" not in paused


def test_what_happened_is_told_in_order(example: FlaskClient) -> None:
    """Plans, first evidence, decisions, targets reached and proof stand by day, each once."""
    page = plain(example.get("/milestones/M2").text).split("What happened when")[1]
    told = [
        "1 Apr 2013 Start, by the plan", "First evidence of service@2",
        "14 Apr 2013 First plan recorded due 30 Jun 2013",
        "Decided: paused until 5 May 2013", "Re-planned, revision 2 due was 30 Jun 2013 and is 14 Jul 2013",
        "Decided: resumed", "Good rows delivered: target first reached", "23 Jun 2013 Proven 7 days early",
    ]  # fmt: skip
    places = [page.index(said) for said in told]
    assert places == sorted(places)
    assert page.count(" Proven ") == 1


def test_spending_is_listed_with_its_corrections(example: FlaskClient) -> None:
    """Each entry has its day, amount and note; a correction has a true minus sign; too much is said."""
    page = plain(example.get("/milestones/M1").text)
    assert "11,500 of 40,000." in page
    assert "3 Mar 2013 −500.00 Example: entered twice" in page
    assert "That is more than the budget" not in page
    assert "That is more than the budget" in plain(example.get("/milestones/M2").text)


def test_what_nobody_recorded_is_said_with_the_command_for_it(client: FlaskClient) -> None:
    """Without decisions and spending the page says so, and how they are recorded."""
    page = plain(client.get("/milestones/M2").text)
    assert "milepost roadmap decide M2 change --owner NAME --why TEXT" in page
    assert "Not recorded." in page
    assert "milepost roadmap spend M2 AMOUNT --note TEXT" in page


def test_a_number_leads_to_the_runs_that_it_counts(example: FlaskClient) -> None:
    """The gain, each criterion and each partner link to exactly their runs."""
    text = example.get("/milestones/M2").text
    assert re.search(r'<a data-counts href="/runs\?counted=M2:busy_time_saved:standard">\d+ runs</a>', text)
    assert re.search(r'<a href="/runs\?counted=M2:good_rows_delivered:standard">[^<]+</a>', text)
    assert re.search(r'<a data-counts href="/runs\?counted=M2:busy_time_saved:standard&amp;partner=UA">\d+</a>', text)
    assert '<a href="/runs?counted=M2:busy_time_saved:standard">' in example.get("/milestones").text


def test_an_unknown_milestone_is_a_page_that_names_those_there_are(client: FlaskClient) -> None:
    """A code that the plan has not is 404 with the codes, and what was asked for is text."""
    response = client.get("/milestones/<i>M9")
    assert response.status_code == 404
    assert "The plan has M1, M2, M3, M4." in response.text
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
    assert "12 of 14 criteria met on 31 Dec 2013" in text
    rows = example.get("/charts/burnup.csv").text.splitlines()
    assert rows[:2] == ["as_of,met,scope", "2013-02-17,0,14"]
    assert rows[-1] == "2013-12-31,12,14"
    slips = example.get("/charts/slips.csv").text.splitlines()
    assert slips[1].startswith("M1,2013-02-17,2013-03-31,")
    assert slips[-1] == "M4,2013-12-31,2013-12-31,,,not expected within three years"
    assert example.get("/charts/burnup.csv?as_of=2013-03-30").text.splitlines()[-1] == "2013-03-24,2,14"


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
        ({"moves": True, "lost": 3}, "M3", 4, "missed"),
    ],
)
def test_every_stage_has_a_page(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], settings: dict, code: str, built: int, status: str
) -> None:
    """Whether it has just begun, waits, went silent or failed: its page says so in words, with what would change it."""
    client = app_on(made_up(**settings), built=built).test_client()
    page = plain(client.get(f"/milestones/{code}").text)
    assert f"Why {status}" in page
    assert "What would change this?" in page
    assert cell(client.get("/milestones").text, code, "Status") == status


def test_one_look_is_words_and_two_are_a_line(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> None:
    """A store that was judged on one day says how much is met; from the second on there is a chart of it."""
    store = made_up(weeks=8)
    db = open_store(store, "replay")
    evaluate(db, load_plan(PLAN), date(2013, 2, 17), 1, 0)
    db.close()
    client = app_on(store).test_client()
    assert "0 of 14 criteria met on 17 Feb 2013. A line is drawn here once milestones were judged on two days" in plain(
        client.get("/milestones").text
    )
    assert client.get("/charts/burnup.json").status_code == 404
    db = open_store(store, "replay")
    evaluate(db, load_plan(PLAN), date(2013, 2, 24), 1, 0)
    db.close()
    assert client.get("/charts/burnup.json").json["title"] == "0 of 14 criteria met on 24 Feb 2013"


def test_the_table_of_the_plan_has_the_computed_status(example: FlaskClient) -> None:
    """In the words of the page, and without what was decided: M4, which somebody stopped, is at risk by the numbers."""
    rows = [row.rpartition(",")[2] for row in example.get("/charts/plan.csv").text.splitlines()]
    assert rows == ["status", "proven", "proven", "proven", "at risk"]
    then = example.get("/charts/plan.csv?as_of=2013-02-17").text.splitlines()
    assert then[1].endswith(",not enough evidence")


def test_a_proof_that_was_lost_since_is_said(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> None:
    """A milestone that was proven and got worse stays proven, regressed since."""
    store = made_up()
    db = sqlite3.connect(store)
    with db:
        sql = "UPDATE answer_block SET equal = equal - 1 WHERE faults = 'none' AND block_end = '2013-03-31'"
        assert db.execute(sql).rowcount
    db.close()
    client = app_on(store).test_client()
    assert "Proven, regressed since" in plain(client.get("/milestones/M1").text)
    assert cell(client.get("/milestones").text, "M1", "Status") == "proven"


def test_a_milestone_that_left_the_plan_keeps_its_decisions(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], tmp_path: Path
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
    assert "M4 (no longer in the plan) stopped" in plain(client.get("/decisions").text)
    assert client.get("/milestones/M4").status_code == 404
    assert client.get("/milestones").status_code == 200


def test_no_reader_waits_for_a_milestones_page(app_on: Callable[..., Flask], example_year: object) -> None:
    """Where views are kept, the page of every milestone is made before anybody asks for it."""
    app = app_on(example_year.store, milestones=example_year.milestones, built=4, keep_s=60.0)  # type: ignore[attr-defined]
    values = app.extensions["views"].newest()._values
    assert {(milestone_detail.milestone_page, code) for code in ("M1", "M2", "M3", "M4")} <= set(values)


def test_a_gain_has_the_same_digits_on_every_page(client: FlaskClient) -> None:
    """On the front page, in the table of milestones, on the milestone's own page and on paper."""
    found = re.search(r'<p class="big">([\d.]+%) <small>less time</small></p>', client.get("/").text)
    assert found
    for page in ("/milestones", "/milestones/M1"):
        assert f'<a href="/runs?counted=M1:busy_time_saved:standard">{found[1]} less time</a>' in client.get(page).text
    assert f"{found[1]} less time" in " ".join(re.sub(r"<[^>]+>", "", client.get("/report").text).split())


def test_the_message_of_slips_names_the_target_that_comes_last(example_app: Flask) -> None:
    """Of several targets it says which is not expected, so that another's date does not contradict it."""
    seen = example_app.extensions["views"].newest()
    told = seen.cached(plan_history)
    *rest, last = told.forecasts
    late = replace(told, forecasts=(*rest, replace(last, expected_on=None, latest_targets=("busy_time_saved",))))
    chart = slips_chart(late, seen.today)
    assert chart is not None
    assert chart.title.endswith("is not expected within three years, as things stand, with processing time saved")


def test_every_milestone_has_status_reason_and_criteria(client: FlaskClient) -> None:
    """The plan's four milestones stand with computed status, reasons and what would change them."""
    text = client.get("/milestones").text
    for said in (
        "M1 Receive</a>", "Not built: it needs service level 2", "What would change this?", "7 days early",
        "likely 61% to 67%", "1 of 4 milestones proven by 31 Dec 2013",
    ):  # fmt: skip
        assert said in text
    assert "counted in full" in client.get("/milestones/M1").text


def test_spending_that_is_not_recorded_is_said_so(client: FlaskClient) -> None:
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
