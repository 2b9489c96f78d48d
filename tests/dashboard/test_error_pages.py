"""What stands in an address or on the disk that nobody wished for is said in words, and takes no other page along."""

from __future__ import annotations

import shutil
from contextlib import closing
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from dashboard.cache.views import Views
from metrics.errors import StoreDamaged
from metrics.queries import failure_groups
from metrics.queries.run_filter import RunFilter
from metrics.store.change_detector import ChangeDetector
from metrics.store.database import open_snapshot, open_store
from metrics.store.writer import insert_events
from roadmap.wording import numbers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient

PAGES = (
    "/",
    "/milestones",
    "/milestones/M1",
    "/runs",
    "/failures",
    "/quarantine",
    "/partners",
    "/decisions",
    "/report",
)


@pytest.mark.parametrize(("built", "starts"), [(1, "2013-02-01"), (0, "2013-01-01")])
def test_every_page_stands_before_a_milestone_does(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], tmp_path: Path, built: int, starts: str
) -> None:
    """Where nothing is built, or the first milestone begins after the data, pages show what there is."""
    plan = tmp_path / "milestones.toml"
    shutil.copyfile(app_on(tmp_path / "none").config["MILEPOST"].milestones, plan)
    text = plan.read_text("utf-8").replace("start = 2013-01-01", f"start = {starts}")
    plan.write_text(text.replace("due = 2013-03-31", "due = 2013-04-30"), "utf-8")
    client = app_on(made_up(weeks=2), milestones=plan, built=built, keep_s=2.0).test_client()
    for page in PAGES:
        answer = client.get(page)
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("day", ["2012-12-31", "0001-01-01"])
def test_a_day_before_the_data_is_pointed_out(client: FlaskClient, day: str) -> None:
    """The newest is shown, with the days there are; data for programs is refused."""
    for page in PAGES:
        text = client.get(f"{page}?as_of={day}").text
        assert f"as_of={day} is before the first run: the data covers 2013-01-01 to 2013-12-31" in text
    assert client.get(f"/charts/busy.json?as_of={day}").status_code == 400


@pytest.mark.parametrize(
    "address",
    [
        "/?as_of=2013-06-30&endpoint=x", "/partners/UA?as_of=2013-06-30&part=x", "/runs/5?as_of=2013-06-30&number=7",
        "/milestones/M1?as_of=2013-06-30&code=M2", "/runs?form=1&endpoint=x&_method=POST&_anchor=y&partner=UA",
        "/partners/~eda080",
    ],
)  # fmt: skip
def test_keys_of_an_address_are_only_text(client: FlaskClient, address: str) -> None:
    """A key that means something to the program that makes addresses means nothing in one."""
    answer = client.get(address)
    assert answer.status_code in {200, 303, 404}
    assert "endpoint" not in answer.headers.get("Location", "")


def test_data_that_is_not_there_is_not_a_page(app_on: Callable[..., Flask], tmp_path: Path) -> None:
    """Before the first measurement programs get 404; people get a page that says how to measure."""
    client = app_on(tmp_path / "none.db").test_client()
    for address in ("/runs.csv", "/runs.json", "/quarantine.csv", "/partners.csv", "/charts/busy.json"):
        assert client.get(address).status_code == 404, address


def test_a_page_that_was_kept_stands_where_the_store_has_gone(
    app_on: Callable[..., Flask], made_up: Callable[..., Path]
) -> None:
    """The definitions need no measurements, also where they were shown with some before."""
    store = made_up(weeks=2)
    client = app_on(store).test_client()
    before = client.get("/method")
    store.unlink()
    after = client.get("/method")
    assert (before.status_code, after.status_code) == (200, 200)
    assert '<h1 class="page-title">Method</h1>' in after.text


def test_a_run_that_has_begun_is_no_empty_database(
    app_on: Callable[..., Flask], tmp_path: Path, a_run: Callable
) -> None:
    """While the very first run is under way, nobody is told that there is none."""
    store = tmp_path / "metrics-live.db"
    with closing(open_store(store, "live")) as db, db.conn:
        begun = replace(a_run(outcome="running"), duration_ns=None, rows={})
        insert_events(
            db, [("", replace(begun, key=replace(begun.key, mode="live", faults="real", series="", round=0)))]
        )
    text = app_on(store, clock="live", today=lambda: date(2013, 1, 1)).test_client().get("/").text
    assert "No run has ended yet" in text
    assert "empty" not in text


@pytest.mark.parametrize("wrong", [StoreDamaged, ValueError])
def test_what_one_page_cannot_read_is_said_there_alone(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], wrong: type[Exception]
) -> None:
    """Something dear that cannot be made leaves the pages alone that have no use for it."""

    def dear(db: object, view: object) -> None:
        raise wrong("no such table")

    view = Views(app_on(made_up(weeks=2)).config["MILEPOST"], [dear]).newest()
    assert view.verdicts
    with pytest.raises(wrong, match="no such table"):
        view.cached(dear)


def test_a_store_of_an_older_release_has_the_pages_that_count_no_runs(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], tmp_path: Path
) -> None:
    """Only what is counted by new means says what brings the store up to date; also as of an earlier day."""
    store = tmp_path / "older.db"
    shutil.copyfile(made_up(weeks=2), store)
    with closing(open_store(store, "replay")) as db, db.conn:
        for sql in ("DROP TABLE tally", "DELETE FROM _sqlite_migrations WHERE name = 'add_tallies'"):
            db.execute(sql)
    client = app_on(store, keep_s=2.0).test_client()
    for asked in ("", "?as_of=2013-01-09"):
        for page in ("/milestones", "/method", "/decisions", "/partners", "/report"):
            assert client.get(page + asked).status_code == 200, page + asked
        for page in ("/", "/runs", "/failures", "/quarantine", "/runs/1"):
            answer = client.get(page + asked)
            assert answer.status_code == 503
            assert "milepost roadmap status" in answer.text
        assert "milepost roadmap status" in client.get(f"/partners/UA{asked}").text


def test_all_that_a_page_reads_is_of_one_moment(tmp_path: Path, a_run: Callable) -> None:
    """What is collected while a page is made does not change what it has begun to tell."""
    store = tmp_path / "metrics.db"
    with closing(open_store(store, "replay")) as writer, closing(open_snapshot(store)) as reader:
        with writer.conn:
            insert_events(writer, [("", a_run(outcome="failed", error_type="late", error="row 1"))])
        assert reader.execute("SELECT COUNT(*) FROM run").fetchone()[0] == 1
        with writer.conn:
            insert_events(writer, [("", a_run(2))])
        assert [group.runs for group in failure_groups.group_failures(reader, RunFilter(attempt="last"))] == [1]


def test_a_folder_in_the_place_of_the_store_is_no_change(tmp_path: Path) -> None:
    """What cannot be opened has no version; whoever reads it says why."""
    changes = ChangeDetector(tmp_path)
    assert changes.version() is None


def test_just_under_a_second_is_a_second() -> None:
    """A thousand milliseconds are never said, and a few are told apart."""
    assert [numbers.duration(s) for s in (0.0, 0.0042, 0.00996, 0.9994, 0.9996)] == [
        "0 ms", "4.2 ms", "10 ms", "999 ms", "1.0 s",
    ]  # fmt: skip
