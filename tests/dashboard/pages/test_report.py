"""`/report`: the same sheet that the command line writes, on any day, and nothing hostile gets through."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

from click.testing import CliRunner

import roadmap
from metrics.store.database import open_store
from roadmap.cli.main import roadmap as command

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient


PLAN = Path(__file__).parents[3] / "roadmap" / "milestones.toml"
STYLE = Path(roadmap.__file__).with_name("templates") / "report.css"


def sheet_of(html: str) -> str:
    """The sheet itself, byte for byte, without what stands around it."""
    begin = html.index('<article class="paper ')
    return html[begin : html.rindex("</article>")]


def written(store: Path, plan: Path, *words: str) -> str:
    """What `milepost roadmap report --html` prints."""
    front = SimpleNamespace(name="demo", clock="replay", store=store, milestones=plan, built=1, prices=None)
    done = CliRunner().invoke(command, ["report", "--html", *words], obj=front)
    assert done.exit_code == 0, done.exception
    return done.output


def test_page_and_file_hold_the_same_sheet(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> None:
    """Byte for byte, today and as of an earlier day, however often it is asked for; and one style sheet for both."""
    store = made_up()
    written(store, PLAN)  # the first judgement pins the baseline's weights, and numbers rest on those from then on
    browser = app_on(store).test_client()
    for asked, words in (("/report", ()), ("/report?as_of=2013-06-30", ("--as-of", "2013-06-30"))):
        page = browser.get(asked).text
        assert sheet_of(page) == sheet_of(written(store, PLAN, *words)) == sheet_of(browser.get(asked).text)
    style = browser.get("/assets/report.css")
    assert style.mimetype == "text/css"
    assert style.text == STYLE.read_text("utf-8")
    assert style.text.strip() in written(store, PLAN)


def test_a_day_gives_the_sheet_of_that_day(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], client: FlaskClient
) -> None:
    """What the store said when it had come to that day is what `?as_of=` says later, when there is more in it."""
    then = app_on(made_up(weeks=26)).test_client().get("/report").text
    later = client.get("/report?as_of=2013-06-30").text
    assert "as of 30 Jun 2013" in then
    assert sheet_of(then) == sheet_of(later)


def test_the_frame_says_how_to_print_and_how_to_write_it(client: FlaskClient, get_html: Callable) -> None:
    """One heading; the line above the sheet names both ways; nothing inline, nothing from elsewhere."""
    page = get_html(client, "/report")
    assert len(page.all("h1")) == 1
    assert "milepost roadmap report --as-of 2013-12-31 --html FILE" in page.text
    assert "This page prints as one sheet of A4" in page.text
    assert not page.all("style") + page.all(style=True)
    addresses = [part[name] for name in ("href", "src") for part in page.all(**{name: True})]
    assert [address for address in addresses if not address.startswith(("/", "#"))] == []
    assert all("src" in script.attributes for script in page.all("script"))


def test_hostile_names_are_shown_as_text(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], tmp_path: Path
) -> None:
    """Titles, owners, reasons of decisions and the workspace's name: nobody's words become markup."""
    hostile = "<img src=x onerror=alert(1)>"
    plan = tmp_path / "milestones.toml"
    plan.write_text(PLAN.read_text("utf-8").replace('"Receive"', f'"{hostile}"'), "utf-8")
    store = made_up(weeks=13)
    open_store(store, "replay").close()
    front = SimpleNamespace(name="demo", clock="replay", store=store, milestones=plan, built=1, prices=None)
    told = ["decide", "M1", "continue", "--why", f"why {hostile}", "--owner", f"Eve {hostile}"]
    done = CliRunner().invoke(command, told, obj=front)
    assert done.exit_code == 0, done.output
    html = app_on(store, milestones=plan, workspace_name=hostile).test_client().get("/report").text
    assert "<img" not in html
    assert html.count("&lt;img src=x onerror=alert(1)&gt;") >= 4


def test_an_unknown_key_is_pointed_out(client: FlaskClient) -> None:
    """As on every page."""
    assert "“colour” in the address is not known here" in client.get("/report?colour=red").text
