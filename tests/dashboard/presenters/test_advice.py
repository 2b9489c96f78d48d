"""What somebody has to decide: advised by the numbers, asked where nobody has answered, decided by no page."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import roadmap
from dashboard.pages.markup import format_commands
from metrics.store.database import open_store
from roadmap.judge.advice import advise, decision_needed
from roadmap.judge.evaluate import evaluate
from roadmap.plan.loader import load_plan
from roadmap.records import decide

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient


PLAN = Path(roadmap.__file__).with_name("milestones.toml")
DAY = date(2013, 12, 31)


def decided(store: Path, day: date, code: str, choice: str) -> None:
    """Judge a made-up year as of a day, and record a decision then."""
    plan, db = load_plan(PLAN), open_store(store, "replay")
    verdicts = {verdict.code: verdict for verdict in evaluate(db, plan, day, 4, 0)}
    decide.record_decision(db, plan.milestone(code), verdicts[code], choice, "for a reason", "Ada", None, 0)
    db.close()


@pytest.fixture(scope="module")
def at_risk(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> FlaskClient:
    """A year in which all that has started is proven but M4, which is at risk."""
    return app_on(made_up(moves=True, recovers=90), built=4).test_client()


COMMAND = "milepost roadmap decide M4 change --owner NAME --why TEXT"


@pytest.mark.parametrize("page", ["/milestones", "/decisions"])
def test_what_to_decide_has_its_advice_and_command(at_risk: FlaskClient, values_of: Callable, page: str) -> None:
    """The milestone in need, its status, the advice, and the command with that milestone and that choice."""
    values = values_of(at_risk, page)["page"]
    (row,) = values["asking"]
    assert (row.code, row.status_text, row.last_decision, row.command) == ("M4", "at risk", "", COMMAND)
    assert row.text == "Change something: as it stands, it is at risk of not being proven in time."


def test_the_table_of_milestones_has_a_button_where_a_decision_is_needed(
    at_risk: FlaskClient, get_html: Callable
) -> None:
    """Only M4's row has one, it leads to where the decision is made, and a sentence above the table counts them."""
    page = get_html(at_risk, "/milestones")
    buttons = page.all("a", class_="button")
    assert [(button["href"], button.text) for button in buttons] == [("/milestones/M4#decisions", "Decide… on M4")]
    assert page.one("p", class_="standing-line").text == (
        "3 of 6 milestones proven: M1, M2, M3. At risk: M4. 1 needs a decision."
    )
    rows = page.one("table", class_="plan-table").texts("td", data_label="Decision")
    assert rows[3] == "Decide… on M4 numbers advise: change"


def test_a_command_never_breaks_inside_an_option(at_risk: FlaskClient, get_html: Callable) -> None:
    """Each option with its value is kept on one line, so that a narrow page wraps between them."""
    (part,) = get_html(at_risk, "/decisions").all("article", class_="decision-needed")
    assert part.text == (
        "M4 Persist at risk The numbers alone advise: Change something: as it stands, it is at risk of not being "
        f"proven in time. There is no decision yet. {COMMAND}"
    )
    assert part.one("code").texts("span", class_="unbroken") == ["--owner NAME", "--why TEXT"]


def test_each_milestone_has_its_advice_and_its_page(
    at_risk: FlaskClient, values_of: Callable, get_html: Callable
) -> None:
    """Each row says what the numbers advise and leads to its milestone, in the order of the plan."""
    values = values_of(at_risk, "/milestones")["page"]
    assert [values["advice"][row.code].choice for row in values["milestones"]] == [
        *["continue"] * 3, "change", *["continue"] * 2,
    ]  # fmt: skip
    heads = get_html(at_risk, "/milestones").all("th", role="rowheader")
    assert [(head["id"], head.one("a")["href"]) for head in heads] == [
        (code, f"/milestones/{code}") for code in ("M1", "M2", "M3", "M4", "M5", "M6")
    ]


def test_a_milestones_page_shows_the_advised_choice(at_risk: FlaskClient, get_html: Callable) -> None:
    """Both commands on it name that milestone and that choice; a proven one is asked nothing."""
    page = get_html(at_risk, "/milestones/M4")
    assert page.texts("pre")[:2] == [COMMAND] * 2
    assert "numbers advise: change" in page.text
    proven = [text for text in get_html(at_risk, "/milestones/M1").texts("pre") if "decide" in text]
    assert proven == ["milepost roadmap decide M1 continue --owner NAME --why TEXT"]


def test_a_decision_on_the_same_findings_is_enough(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], values_of: Callable
) -> None:
    """Who decided on these very findings has decided, whatever was chosen; the row keeps both."""
    store = made_up(moves=True, recovers=90)
    decided(store, DAY, "M4", "continue")
    page = values_of(app_on(store, built=4).test_client(), "/milestones")["page"]
    assert page["asking"] == ()
    assert page["nothing"] == (
        "Nothing to decide now: wherever the numbers advise anything but to continue, a decision was recorded."
    )
    (row,) = (row for row in page["milestones"] if row.code == "M4")
    assert (row.code, row.decision, row.decision_reason) == ("M4", "continued by Ada", "31 Dec 2013: for a reason")
    assert page["advice"]["M4"].choice == "change"


def test_a_decision_on_other_findings_is_not_enough(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], get_html: Callable
) -> None:
    """Decided when all went well, and at risk since: it is asked for, with what was decided then."""
    store = made_up(moves=True, recovers=90)
    decided(store, date(2013, 10, 13), "M4", "continue")
    text = get_html(app_on(store, built=4).test_client(), "/decisions").one("article", class_="decision-needed").text
    assert "Decided last, on other findings: continued on 13 Oct 2013 by Ada." in text


def test_a_decision_that_holds_is_enough(example: FlaskClient, values_of: Callable) -> None:
    """A milestone that somebody stopped asks for no further decision."""
    assert values_of(example, "/milestones")["page"]["asking"] == ()


def test_the_pages_say_when_no_decision_is_needed(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], values_of: Callable, get_html: Callable
) -> None:
    """Where the numbers advise to go on everywhere, both pages say so in their own way."""
    client = app_on(made_up(weeks=2)).test_client()
    page = values_of(client, "/milestones")["page"]
    assert page["nothing"] == "Nothing to decide now: the numbers advise to continue every milestone."
    decisions = get_html(client, "/decisions")
    assert not decisions.all("section", aria_labelledby="decide")
    assert decisions.one("pre").text == "milepost roadmap decide CODE CHOICE --owner NAME --why TEXT"


@pytest.mark.parametrize(
    ("status", "before", "asks"),
    [
        ("proven", False, False), ("not_started", False, False), ("insufficient", False, False),
        ("on_track", True, False), ("missed", False, True), ("at_risk", False, True), ("stalled", False, True),
        ("stalled", True, True),
    ],
)  # fmt: skip
def test_a_decision_is_needed_unless_the_advice_is_to_continue(status: str, before: bool, asks: bool) -> None:
    """For any other choice than to go on, and for going on in silence."""
    assert decision_needed(status, advise(status, stalled_before=before)) is asks


def test_commands_in_a_sentence_are_code_and_nothing_else_is_markup() -> None:
    """What stands between backticks is code, escaped like all the rest; a lone backtick stays."""
    assert (
        format_commands("`milepost run` or `<b>` & <i>")
        == "<code>milepost run</code> or <code>&lt;b&gt;</code> &amp; &lt;i&gt;"
    )
    assert format_commands("a ` alone") == "a ` alone"
