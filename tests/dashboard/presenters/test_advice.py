"""What somebody has to decide: advised by the numbers, asked where nobody has answered, decided by no page."""

from __future__ import annotations

import re
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


def plain(text: str) -> str:
    """Markup as words."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def asked(client: FlaskClient, address: str = "/milestones") -> list[str]:
    """Each milestone on which a page says that somebody has to decide, in words."""
    parts = client.get(address).text.split('<article class="asked"')[1:]
    return [plain(part.split("</article>")[0].partition(">")[2]) for part in parts]


def decided(store: Path, day: date, code: str, choice: str) -> None:
    """Judge a made-up year as of a day, and record a decision then."""
    plan, db = load_plan(PLAN), open_store(store, "replay")
    verdicts = {verdict.code: verdict for verdict in evaluate(db, plan, day, 4, 0)}
    decide.record_decision(db, plan.milestone(code), verdicts[code], choice, "for a reason", "Ada", None, 0)
    db.close()


@pytest.fixture(scope="module")
def at_risk(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> FlaskClient:
    """A year in which all is proven but M4, which is at risk."""
    return app_on(made_up(moves=True, recovers=90), built=4).test_client()


@pytest.mark.parametrize("page", ["/milestones", "/decisions"])
def test_what_to_decide_stands_first_with_its_command(at_risk: FlaskClient, page: str) -> None:
    """The milestone in need, its status, the advice, and the command with that milestone and that choice."""
    (one,) = asked(at_risk, page)
    assert one == (
        "M4 Persist at risk The numbers alone advise: Change something: as it stands, it is at risk of not being "
        "proven in time. There is no decision yet. milepost roadmap decide M4 change --owner NAME --why TEXT"
    )
    text = plain(at_risk.get(page).text)
    assert text.index("What to decide") < text.index("Computed status")


def test_the_milestone_in_need_is_the_first_row(at_risk: FlaskClient) -> None:
    """In both tables it stands above those that are proven, and each row says what the numbers advise."""
    for page in ("/milestones", "/decisions"):
        rows = at_risk.get(page).text.split('<tr role="row">')[2:]
        assert [re.findall(r"/milestones/(M\d)", row)[0] for row in rows[:4]] == ["M4", "M1", "M2", "M3"]
    said = re.findall(r"numbers advise: (\w+)", at_risk.get("/milestones").text)
    assert said == ["change", "continue", "continue", "continue"]


def test_a_proven_milestone_is_named_once_and_links_to_its_page(at_risk: FlaskClient) -> None:
    """Below the charts stand the open milestones alone; every milestone's page is reached from its row."""
    text = at_risk.get("/milestones").text
    assert re.findall(r'<h2 id="open-(M\d)"', text) == ["M4"]
    assert all(f'id="M{n}"><a href="/milestones/M{n}">' in text for n in (1, 2, 3, 4))


def test_a_milestones_page_shows_the_advised_choice(at_risk: FlaskClient) -> None:
    """Both commands on it name that milestone and that choice; a proven one is asked nothing."""
    text = plain(at_risk.get("/milestones/M4").text)
    assert text.count("milepost roadmap decide M4 change --owner NAME --why TEXT") == 2
    assert "numbers advise: change" in text
    proven = plain(at_risk.get("/milestones/M1").text)
    assert proven.count("milepost roadmap decide M1 continue --owner NAME --why TEXT") == 1


def test_a_decision_on_the_same_findings_is_enough(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> None:
    """Who decided on these very findings has decided, whatever was chosen; the row keeps both."""
    store = made_up(moves=True, recovers=90)
    decided(store, DAY, "M4", "continue")
    client = app_on(store, built=4).test_client()
    assert asked(client) == []
    text = plain(client.get("/milestones").text)
    assert "Nothing now: wherever the numbers advise anything but to continue, a decision was recorded." in text
    assert "Continued by Ada 31 Dec 2013: for a reason numbers advise: change" in text


def test_a_decision_on_other_findings_is_not_enough(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> None:
    """Decided when all went well, and at risk since: it is asked for, with what was decided then."""
    store = made_up(moves=True, recovers=90)
    decided(store, date(2013, 10, 13), "M4", "continue")
    (one,) = asked(app_on(store, built=4).test_client())
    assert "Decided last, on other findings: continued on 13 Oct 2013 by Ada." in one


def test_a_decision_that_holds_is_enough(example: FlaskClient) -> None:
    """A milestone that somebody stopped asks for no further decision."""
    assert asked(example) == []


def test_the_pages_say_when_no_decision_is_needed(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> None:
    """Where the numbers advise to go on everywhere, both pages say so in their own way."""
    client = app_on(made_up(weeks=2)).test_client()
    assert "Nothing now: the numbers advise to continue every milestone." in plain(client.get("/milestones").text)
    text = plain(client.get("/decisions").text)
    assert "What to decide" not in text
    assert "milepost roadmap decide CODE CHOICE --owner NAME --why TEXT" in text


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


def test_a_command_never_breaks_inside_an_option(at_risk: FlaskClient) -> None:
    """Each option with its value is kept on one line, so that a narrow page wraps between them."""
    text = at_risk.get("/milestones").text
    assert (
        'M4 change <span class="unbroken">--owner NAME</span> <span class="unbroken">--why TEXT</span></code>' in text
    )
