"""`?as_of=DAY`: what was known at the end of the day, on every page alike, and nothing of what came later."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from metrics.events import HoldingEvent, RunEvent, RunKey
from metrics.store.database import open_reader, open_store
from metrics.store.writer import insert_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient


WEEKS = (("2013-01-01", "2013-01-06"), ("2013-01-07", "2013-01-13"), ("2013-01-14", "2013-01-20"))
STARTED_US = 1_357_020_000_000_000  # 1 January, 6:00
DAY_US = 86_400_000_000

#: In the third week; only two are over.
THEN = "as_of=2013-01-16"


def exchanges(week: int, partner: str, side: tuple[str, int], many: int = 3) -> Iterator[RunEvent | HoldingEvent]:
    """Exchanges of one week: the first attempt at each fails, the second sets a row aside."""
    (block, block_end), (system, level) = WEEKS[week], side
    who = {"system": system, "level": level, "mode": "replay", "faults": "standard", "series": "5e1f", "round": 1}
    where = {"partner": partner, "feed": "flights", "block": block, "block_end": block_end}
    for number in range(many):
        name = f"{partner}-{block}-{number}.csv"
        at_us = STARTED_US + (date.fromisoformat(block) - date(2013, 1, 1)).days * DAY_US + number * 60_000_000
        for attempt, outcome in enumerate(("failed", "done"), 1):
            rows = {"in": 4, "failed": 4} if attempt == 1 else {"in": 4, "delivered": 3, "quarantined": 1}
            yield RunEvent(
                key=RunKey(**who, exchange_id=name, attempt=attempt), **where, release="0.1.0", file=name,
                due_at_us=at_us, started_at_us=at_us + attempt, duration_ns=1_000_000_000, outcome=outcome, records=4,
                rows=rows, error_type="http-503" if attempt == 1 else "",
                error=f"week {week}: no answer" if attempt == 1 else "",
                aside={"type-error" if week < 2 else "late-error": 1} if attempt == 2 else None,
            )  # fmt: skip
        yield HoldingEvent(**who, **where, file=name, due=4, held=3, twice=0, lost=0, foreign=0)


def kept(path: Path, weeks: int) -> Path:
    """A store of AA; in the third week the service moves on, and OO begins."""
    told = [("AA", ("monolith", 0)), ("AA", ("service", 1))], [("AA", ("monolith", 0)), ("AA", ("service", 2))]
    with closing(open_store(path, "replay")) as db, db.conn:
        for week in range(weeks):
            for partner, side in [*told[week == 2], *([("OO", ("service", 2))] if week == 2 else [])]:
                insert_events(db, [("", event) for event in exchanges(week, partner, side)])
    return path


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three weeks."""
    return kept(tmp_path_factory.mktemp("as_of") / "store.db", 3)


@pytest.fixture(scope="module")
def then(app_on: Callable[..., Flask], store: Path) -> FlaskClient:
    """Requests to a dashboard on them."""
    return app_on(store).test_client()


def known(store: Path) -> set[int]:
    """The runs of the two weeks that were over."""
    with closing(open_reader(store)) as db:
        return {number for (number,) in db.execute("SELECT id FROM run WHERE block_end <= '2013-01-16'")}


@pytest.mark.parametrize("day", ["2013-01-13", "2013-01-14", "2013-01-16", "2013-01-19"])
def test_every_page_counts_the_same_weeks(then: FlaskClient, values_of: Callable, day: str) -> None:
    """What is said of all runs, the list, failures and rows set aside end with the last week that was over."""
    pages = [values_of(then, f"/{name}?as_of={day}") for name in ("runs", "failures", "quarantine")]
    for page in pages:
        assert page["fresh"].runs == "24 runs"
        assert page["fresh"].data_until.startswith("Data up to 7 Jan 2013")
    listed, failures, quarantine = pages
    assert listed["many"] == 24
    assert listed["summary"].startswith("24 runs: known by the end of")
    assert (failures["count"], [kind.example for kind in failures["kinds"]]) == (
        "12 failed runs",
        ["week 1: no answer"],
    )
    assert quarantine["summary"].startswith("12 rows: known by the end of")
    assert [line.reason for line in quarantine["lines"]] == ["type-error"]


@pytest.mark.parametrize(("day", "many"), [("2013-01-03", 0), ("2013-01-20", 42)])
def test_the_last_day_of_a_week_knows_all_of_it(then: FlaskClient, values_of: Callable, day: str, many: int) -> None:
    """At its end, and not before."""
    page = values_of(then, f"/runs?as_of={day}")
    assert (page["many"], page["fresh"].runs) == (many, f"{many} runs")


def test_before_the_first_week_was_over_no_partner_was_known(then: FlaskClient) -> None:
    """No partner has a run yet."""
    assert "AA" not in then.get("/partners.csv?as_of=2013-01-03").text
    assert then.get("/partners/AA?as_of=2013-01-03").status_code == 404


@pytest.mark.parametrize(
    "page", ["/runs", "/runs?side=service", "/failures", "/quarantine", "/partners", "/partners/AA", "/runs/1"]
)
def test_no_page_leads_to_a_later_run(then: FlaskClient, get_html: Callable, store: Path, page: str) -> None:
    """Every run that a page names was known then: in its list, its grid and its examples."""
    links = get_html(then, f"{page}{'&' if '?' in page else '?'}{THEN}").links()
    named = {int(urlsplit(href).path.split("/")[2]) for href in links if href.startswith("/runs/")}
    assert named <= known(store)
    assert named or page == "/quarantine"


PAGES = (
    "/", "/milestones", "/milestones/M1", "/runs", "/runs?side=monolith", "/runs?state=failed&attempt=first&range=9d",
    "/runs?counted=M1:busy_time_saved:standard", "/runs/1", "/runs/9", "/failures", "/failures?side=service",
    "/quarantine", "/quarantine?partner=AA", "/partners", "/partners/AA", "/decisions", "/report", "/runs.csv",
    "/runs.json", "/quarantine.csv", "/partners.csv", "/charts/busy.csv", "/charts/failed.json", "/charts/plan.json",
    "/charts/partner.csv?partner=AA",
)  # fmt: skip


def test_every_page_says_what_it_said_then(then: FlaskClient, app_on: Callable[..., Flask], tmp_path: Path) -> None:
    """Letter by letter what a store says that has come no further than that day."""
    before = app_on(kept(tmp_path / "before.db", 2)).test_client()
    for page in PAGES:
        asked = f"{page}{'&' if '?' in page else '?'}as_of=2013-01-13"
        now, said = then.get(asked), before.get(asked)
        assert (now.status_code, now.text) == (200, said.text), page


@pytest.mark.parametrize("day", ["2013-01-09", "2013-01-13", "2013-01-16"])
def test_a_number_is_the_length_of_its_list(
    then: FlaskClient, day: str, check_counts: Callable[..., list[int]]
) -> None:
    """In the middle of a week and at its end: on pages of runs, failures, quarantined rows and partners."""
    pages = ("/runs/1", "/failures", "/quarantine", "/partners", "/partners/AA")
    checked = check_counts(then, *(f"{page}?as_of={day}" for page in pages))
    assert min(checked) >= 1
    assert checked[-2] + checked[-1] >= 6


def test_files_hold_what_was_known(then: FlaskClient, store: Path) -> None:
    """Programs get the same list as people, and the partners of then."""
    assert {run["id"] for run in then.get(f"/runs.json?{THEN}").json["runs"]} == known(store)
    assert len(then.get(f"/runs.csv?{THEN}").text.splitlines()) == 1 + len(known(store))
    assert {row["reason"] for row in then.get(f"/quarantine.json?{THEN}").json["rows"]} == {"type-error"}
    assert [line[:2] for line in then.get(f"/partners.csv?{THEN}").text.splitlines()] == ["pa", "AA"]


def test_what_only_came_later_is_no_choice(then: FlaskClient, values_of: Callable) -> None:
    """Forms offer the sides and partners of then; those that came later are unknown."""
    fields = {
        field.key: [choice.value for choice in field.choices] for field in values_of(then, f"/runs?{THEN}")["fields"]
    }
    assert fields["side"] == ["", "service", "monolith", "service@1"]
    assert "partner" not in fields  # one name is no choice
    assert "No run here has “partner=OO”" in then.get(f"/runs?partner=OO&{THEN}").text
    assert "OO" not in then.get(f"/partners?{THEN}").text
    assert then.get(f"/partners/OO?{THEN}").status_code == 404


def test_the_grid_has_the_last_runs_of_then(then: FlaskClient, values_of: Callable) -> None:
    """One row for the only feed of then, with all that the service had run of it."""
    (row,) = values_of(then, f"/runs?{THEN}")["grid"].rows
    assert (row.partner, row.feed, len(row.marks)) == ("AA", "flights", 12)


def test_a_run_of_a_week_that_was_not_over_was_not_known(then: FlaskClient, store: Path, parse_html: Callable) -> None:
    """404, in words, with the way to today; a run that was known has its page."""
    with closing(open_reader(store)) as db:
        later = db.execute("SELECT MIN(id) FROM run WHERE block = '2013-01-14'").fetchone()[0]
    answer = then.get(f"/runs/{later}?{THEN}")
    assert answer.status_code == 404
    assert f"Run {later} was not known yet at the end of 16 Jan 2013" in answer.text
    assert "its week is over, and that is on 20 Jan 2013." in answer.text
    assert parse_html(answer.text).one(id="as-of").links() == {f"/runs/{later}": "Show today’s page"}
    assert then.get(f"/runs/{later}").status_code == 200
    assert then.get(f"/runs/{min(known(store))}?{THEN}").status_code == 200


def test_an_attempt_on_a_later_day_was_not_known(
    app_on: Callable[..., Flask], tmp_path: Path, a_run: Callable[..., RunEvent]
) -> None:
    """In production an exchange goes on for days: its page shows the attempts of then."""
    first = a_run(1, "failed", mode="live", error_type="http-503")
    first = replace(first, key=replace(first.key, faults="real", series="", round=0), block_end="2013-01-01")
    again = replace(
        first, key=replace(first.key, attempt=2), block="2013-01-02", block_end="2013-01-02", outcome="done",
        started_at_us=first.started_at_us + DAY_US, error_type="",
    )  # fmt: skip
    store = tmp_path / "live.db"
    with closing(open_store(store, "live")) as db, db.conn:
        insert_events(db, [("run", first), ("run", again)])
    client = app_on(store, clock="live", today=lambda: date(2013, 1, 2)).test_client()
    assert "2 attempts at this file" in client.get("/runs/1").text
    text = client.get("/runs/1?as_of=2013-01-01").text
    assert "1 attempt at this file" in text
    assert "/runs/2" not in text
    assert (
        "Run 2 was not known yet at the end of 1 Jan 2013: it is of 2 Jan 2013."
        in client.get("/runs/2?as_of=2013-01-01").text
    )
