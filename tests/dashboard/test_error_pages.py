"""What stands in an address or on the disk that nobody wished for is said in words, and takes no other page along."""

from __future__ import annotations

import shutil
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from dashboard.cache.views import Views
from metrics.errors import StoreDamaged
from metrics.queries import failure_groups
from metrics.queries.run_filter import RunFilter
from metrics.store.change_detector import ChangeDetector
from metrics.store.database import open_snapshot, open_store
from metrics.store.writer import insert_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient


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


def test_an_unknown_address_gets_a_page_with_the_navigation(client: FlaskClient, parse_html: Callable) -> None:
    """A wrong address gets a page with the navigation, escaped."""
    response = client.get("/runs/<script>")
    assert response.status_code == 404
    page = parse_html(response.text)
    assert "There is no page at /runs/<script>" in page.one("main").text
    assert "/milestones" in page.one("nav", aria_label="Pages").links()
    assert client.get("/charts/nothing.json").status_code == 404


def test_a_page_that_was_kept_stands_where_the_store_has_gone(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], get_html: Callable
) -> None:
    """The definitions need no measurements, also where they were shown with some before."""
    store = made_up(weeks=2)
    client = app_on(store).test_client()
    for _ in range(2):
        assert get_html(client, "/method").one("h1").text == "Method"
        store.unlink(missing_ok=True)


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


def test_markup_in_the_milestone_file_stays_text(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], tmp_path: Path
) -> None:
    """A title with markup in it cannot end a script element, in the page or in its data."""
    plan = tmp_path / "milestones.toml"
    plan.write_text(
        app_on(tmp_path / "none")
        .config["MILEPOST"]
        .milestones.read_text("utf-8")
        .replace('"Receive"', '"</script><script>alert(1)</script>"'),
        encoding="utf-8",
    )
    client = app_on(made_up(weeks=2), milestones=plan).test_client()
    for page in ("/", "/milestones", "/milestones/M1", "/decisions", "/method"):
        assert "<script>alert" not in client.get(page).text
