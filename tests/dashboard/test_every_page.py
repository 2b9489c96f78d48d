"""What every page keeps to, in every state that a workspace can be in."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import date
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import click
import pytest

from milepost.cli import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask


#: One address for each page; the detail pages of `PLAN_PAGES` and `RUN_PAGES` exist in every state with runs.
PLAN_PAGES = ("/milestones", "/milestones/M1", "/decisions", "/method", "/search")
RUN_PAGES = ("/", "/runs", "/runs/1", "/failures", "/quarantine", "/partners", "/partners/{partner}", "/report")
PAGES = (*PLAN_PAGES, *RUN_PAGES)
DATA = (
    "/runs.csv", "/runs.json", "/quarantine.csv", "/quarantine.json", "/partners.csv", "/charts/busy.json",
    "/charts/failed.csv", "/charts/plan.csv", "/charts/gains-M1.json", "/metrics",
)  # fmt: skip

#: The heading of a page, or how it begins; of a page about runs, with runs and without.
HEADINGS = {
    "/milestones": "Milestones", "/milestones/M1": "M1 Receive", "/decisions": "Decisions", "/method": "Method",
    "/search": "Search",
    "/": "Worth it?", "/runs": "Runs", "/runs/1": "Run 1", "/failures": "Failures", "/quarantine": "Quarantine",
    "/partners": "Partners", "/report": "Was it worth it?", "/partners/{partner}": "",
}  # fmt: skip
HEADINGS_WITHOUT_RUNS = HEADINGS | {"/runs/1": "Runs", "/report": "Report", "/partners/{partner}": "Partners"}


def address(page: str, state: Any) -> str:
    """The address of a page in a state."""
    return page.replace("{partner}", quote(state.partner, safe=""))


@pytest.mark.parametrize("page", PAGES)
def test_every_page_in_every_state(state: Any, get_html: Callable, page: str) -> None:
    """A page answers with its heading, names existing commands, escapes what it shows, and links only to itself."""
    shown = get_html(state.client, address(page, state))
    heading = (HEADINGS if state.has_runs else HEADINGS_WITHOUT_RUNS)[page]
    assert shown.one("h1").text.startswith(heading)
    assert "Traceback" not in shown.text
    assert not [script.source for script in shown.all("script") if script.source.startswith("alert")]
    assert [url for url in urls_of(shown) if not url.startswith(("/", "#", "?"))] == []
    for command in shown.texts("code"):
        if command.startswith("milepost "):
            assert_is_command(command.split()[1:])
    if not state.has_runs and page in RUN_PAGES:
        assert "The page Milestones shows the plan." in shown.text


def urls_of(page: Any) -> list[str]:
    """Every address on a page: of links, style sheets, scripts and pictures."""
    return [part[name] for name in ("href", "src") for part in page.all(**{name: True})]


def test_the_last_days_reach_no_further_back_than_the_calendar(states: Callable[[str], Any]) -> None:
    """In the first week of the calendar, the last ninety days are the days that there are."""
    client = states("first week of the calendar").client
    assert "1 failed" in client.get("/partners/AA").text
    assert client.get("/runs?range=99999d").status_code == 200


def test_without_runs_a_page_says_how_to_get_one(states: Callable[[str], Any], get_html: Callable) -> None:
    """By the workspace's clock: with a file in an inbox, by a measurement, or by waiting for the run in progress."""
    replay, live, begun = (
        get_html(states(name).client, "/") for name in ("no store", "no store, live", "first run in progress")
    )
    assert replay.one("pre").text == "milepost metrics measure"
    assert "Put a file into var/inbox/PARTNER/FEED/" in live.text
    assert live.one("pre").text == "milepost validate milepost partner"
    assert "No run has ended yet" in begun.text
    notice = get_html(states("empty store").client, "/decisions").one("p", class_="notice", role="status")
    assert notice.text.startswith("No runs yet on M1. ")
    assert notice.one("code").text == "milepost metrics measure"


def assert_is_command(words: list[str]) -> None:
    """That these words name a command, up to the first argument."""
    command: click.Command = main
    for word in words:
        if not isinstance(command, click.Group):
            return
        found = command.get_command(click.Context(command), word)
        assert found is not None, words
        command = found


@pytest.mark.parametrize("name", ["year", "live", "first week of the calendar"])
def test_data_for_programs(states: Callable[[str], Any], name: str) -> None:
    """CSV, JSON and metrics answer wherever there are runs; a chart without numbers is not there."""
    state = states(name)
    for path in DATA:
        assert state.client.get(path).status_code in ({200, 404} if "/charts/" in path else {200}), path


@pytest.mark.parametrize("name", ["no store", "empty store", "no store, live"])
def test_data_of_runs_is_not_there_without_runs(states: Callable[[str], Any], name: str) -> None:
    """Programs get 404 and no page; the plan's own chart is there, with a row for each milestone."""
    client = states(name).client
    for path in DATA:
        assert client.get(path).status_code == (200 if path in {"/charts/plan.csv", "/metrics"} else 404), path
    assert len(client.get("/charts/plan.csv").text.splitlines()) == 7


@pytest.mark.parametrize("page", [*PAGES, "/no-such-page", "/static/charts.js", *DATA])
def test_every_response_keeps_to_the_policy(states: Callable[[str], Any], page: str) -> None:
    """Nothing may be loaded from elsewhere, no form sent elsewhere, no content type guessed."""
    state = states("year")
    headers = state.client.get(address(page, state), buffered=True).headers
    assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("page", [*PAGES, "/charts/busy.json"])
def test_an_unchanged_page_is_not_sent_twice(states: Callable[[str], Any], page: str) -> None:
    """The tag of a response, sent back, gets 304 and no body."""
    state = states("year")
    path = address(page, state)
    again = state.client.get(path, headers={"If-None-Match": state.client.get(path).headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("page", PAGES)
def test_an_unknown_key_gets_a_notice(states: Callable[[str], Any], page: str) -> None:
    """A key that a page does not know is named on it, and escaped."""
    state = states("year")
    text = state.client.get(f"{address(page, state)}?colour=%3Cb%3E&%3Ci%3E=1").text
    assert "“colour” in the address is not known here" in text
    assert "“&lt;i&gt;” in the address" in text


@pytest.mark.parametrize("page", PAGES)
def test_a_day_without_data_gets_a_notice(states: Callable[[str], Any], page: str) -> None:
    """Before the first run the newest day is shown instead; without runs, the plan."""
    state = states("year")
    for day in ("2012-12-31", "0001-01-01"):
        text = state.client.get(f"{address(page, state)}?as_of={day}").text
        assert f"as_of={day} is before the first run: the data covers 2013-01-01 to 2013-12-31" in text
    if page in PLAN_PAGES:
        assert "“as_of=2013-02-01” was left out." in states("no store").client.get(f"{page}?as_of=2013-02-01").text


def test_every_link_answers(states: Callable[[str], Any], get_html: Callable) -> None:
    """Each address on each page of the year answers with 200."""
    state = states("year")
    pages = [get_html(state.client, address(page, state)) for page in PAGES]
    links = {url.partition("#")[0] for page in pages for url in urls_of(page) if url.startswith("/")}
    answers = {href: state.client.get(href, buffered=True).status_code for href in links}
    assert {href: status for href, status in answers.items() if status != 200} == {}


def rules(app: Flask) -> list[str]:
    """One address for each route of an app."""
    return sorted(
        {(rule.build(dict.fromkeys(rule.arguments, "1")) or ("", rule.rule))[1] for rule in app.url_map.iter_rules()}
    )


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "FETCH"])
def test_no_route_takes_a_method_that_writes(states: Callable[[str], Any], method: str) -> None:
    """Every route, and an address that is none, answers 405 with a sentence."""
    client = states("year").client
    for path in [*rules(client.application), "/no-such-page"]:
        answer = client.open(path, method=method)
        assert answer.status_code == 405, path
        assert "This dashboard is read-only" in answer.text


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8765", 200), ("127.0.0.1:8765", 200), ("[::1]:8765", 200), ("LOCALHOST", 200),
        ("evil.example", 403), ("evil.example:8765", 403), ("localhost.evil.example", 403), ("127.0.0.1.evil", 403),
    ],
)  # fmt: skip
def test_only_this_machine_is_answered(states: Callable[[str], Any], host: str, status: int) -> None:
    """A foreign site that resolves to this machine (DNS rebinding) reads nothing, on any route."""
    client = states("year").client
    assert client.get("/", headers={"Host": host}).status_code == status
    if status == 403:
        for path in rules(client.application):
            assert client.get(path, headers={"Host": host}).status_code == 403, path


@pytest.mark.parametrize("name", ["year", "no store"])
def test_reading_changes_no_file(states: Callable[[str], Any], name: str) -> None:
    """Requests for every route change no byte of the store, and make none where there is none."""
    state = states(name)
    before = state.store.read_bytes() if state.store.exists() else None
    for path in rules(state.client.application):
        assert state.client.get(path, buffered=True).status_code in {200, 404, 405}, path
    assert (state.store.read_bytes() if state.store.exists() else None) == before


@pytest.mark.parametrize("damage", ["text", "cut", "other", "other clock", "plan"])
def test_what_cannot_be_read_is_named(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], tmp_path: Path, damage: str
) -> None:
    """A file that is damaged, not ours, of the other clock, or a bad plan: 503 with its name, and nothing changed."""
    store, plan, settings = made_up(weeks=2), tmp_path / "milestones.toml", {}
    match damage:
        case "text":
            store.write_bytes(b"no database at all" * 100)
        case "cut":
            store.write_bytes(store.read_bytes()[:20_000])
        case "other":
            store.unlink()
            with contextlib.closing(sqlite3.connect(store)) as other:
                other.execute("CREATE TABLE letters (text)")
        case "other clock":
            settings = {"clock": "live", "today": lambda: date(2013, 2, 1)}
        case "plan":
            plan.write_text("schema = 1\n", encoding="utf-8")
            settings = {"milestones": plan}
    before = store.read_bytes()
    client = app_on(store, **settings).test_client()
    for page in [*PAGES, "/charts/busy.json"]:
        response = client.get(page.replace("{partner}", "AA"))
        assert response.status_code == 503, page
        assert str(plan if damage == "plan" else store) in response.text
        assert "Traceback" not in response.text
    assert ("holds replay runs, not live ones" in client.get("/").text) == (damage == "other clock")
    assert store.read_bytes() == before
