"""What every page keeps to: nothing is written, nothing leaves, and what cannot be shown is said in words."""

from __future__ import annotations

import contextlib
import gzip
import re
import sqlite3
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import roadmap
from metrics.store.database import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient

PLAN = Path(roadmap.__file__).with_name("milestones.toml")
PAGES = ["/", "/milestones", "/milestones/M1", "/decisions"]
CHARTS = ["busy", "failed", "plan", "gains-M1"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("page", [*PAGES, "/charts/busy.json", "/nowhere"])
def test_writing_is_refused_everywhere(client: FlaskClient, method: str, page: str) -> None:
    """The dashboard changes nothing: every method that writes gets 405."""
    assert client.open(page, method=method).status_code == 405


@pytest.mark.parametrize(
    ("host", "code"),
    [
        ("localhost:8765", 200), ("127.0.0.1:8765", 200), ("[::1]:8765", 200), ("LOCALHOST", 200),
        ("evil.example", 403), ("evil.example:8765", 403), ("localhost.evil.example", 403), ("127.0.0.1.evil", 403),
    ],
)  # fmt: skip
def test_only_its_own_names_are_answered(client: FlaskClient, host: str, code: int) -> None:
    """A page elsewhere that rebinds its name to this machine reads nothing."""
    assert client.get("/", headers={"Host": host}).status_code == code


@pytest.mark.parametrize("page", [*PAGES, "/charts/busy.json", "/charts/plan.csv", "/static/charts.js", "/nowhere"])
def test_the_policy_is_on_every_response(client: FlaskClient, page: str) -> None:
    """The strict policy comes with pages, data, scripts and errors alike."""
    response = client.get(page, buffered=True)
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self';")
    assert response.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("page", [*PAGES, "/charts/busy.json"])
def test_a_page_that_did_not_change_is_not_sent_again(client: FlaskClient, page: str) -> None:
    """The tag of an answer, sent back, gets 304 and no body."""
    tag = client.get(page).headers["ETag"]
    again = client.get(page, headers={"If-None-Match": tag})
    assert (again.status_code, again.data) == (304, b"")


def test_there_is_a_404_in_the_house_look(client: FlaskClient) -> None:
    """A wrong address gets a page with the navigation, escaped."""
    response = client.get("/runs/<script>")
    assert response.status_code == 404
    assert "There is no page at /runs/&lt;script&gt;" in response.text
    assert 'href="/milestones"' in response.text
    assert client.get("/charts/nothing.json").status_code == 404


def test_no_store_yet_is_a_page_with_the_command(app_on: Callable[..., Flask], tmp_path: Path) -> None:
    """Before the first measurement the page says how to make one, and makes no file itself."""
    response = app_on(tmp_path / "none.db").test_client().get("/")
    assert response.status_code == 200
    assert "Nothing measured yet" in response.text
    assert "milepost metrics measure" in response.text
    assert not (tmp_path / "none.db").exists()


@pytest.mark.parametrize("page", PAGES)
def test_a_store_without_runs_says_so(app_on: Callable[..., Flask], tmp_path: Path, page: str) -> None:
    """An empty store is no error and no zero."""
    open_store(tmp_path / "empty.db", "replay").close()
    response = app_on(tmp_path / "empty.db").test_client().get(page)
    assert response.status_code == 200
    assert "No runs yet on M1." in response.text


@pytest.mark.parametrize("damage", ["text", "cut", "other"])
@pytest.mark.parametrize("page", [*PAGES, "/charts/busy.json"])
def test_a_damaged_store_is_named_without_a_traceback(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], page: str, damage: str
) -> None:
    """A file that is no database, cut short, or not ours gives 503 with its name, and stays as it is."""
    store = made_up(weeks=2)
    if damage == "other":
        store.unlink()
        with contextlib.closing(sqlite3.connect(store)) as other:
            other.execute("CREATE TABLE letters (text)")
    else:
        store.write_bytes(b"no database at all" * 100 if damage == "text" else store.read_bytes()[:20_000])
    before = store.read_bytes()
    response = app_on(store).test_client().get(page)
    assert response.status_code == 503
    assert str(store) in response.text
    assert "Traceback" not in response.text
    assert store.read_bytes() == before


def test_a_store_of_the_other_clock_is_refused(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> None:
    """Replayed numbers are never shown as live ones."""
    response = app_on(made_up(weeks=2), clock="live", today=lambda: date(2013, 2, 1)).test_client().get("/")
    assert response.status_code == 503
    assert "holds replay runs, not live ones" in response.text


def test_a_bad_milestone_file_is_named(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], tmp_path: Path
) -> None:
    """What is wrong in the file stands on the page."""
    bad = tmp_path / "milestones.toml"
    bad.write_text("schema = 1\n", encoding="utf-8")
    response = app_on(made_up(weeks=2), milestones=bad).test_client().get("/")
    assert response.status_code == 503
    assert str(bad) in response.text


def test_the_store_is_not_changed_by_reading(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> None:
    """All pages and data together leave every byte of the database as it was."""
    store = made_up()
    before = store.read_bytes()
    client = app_on(store).test_client()
    for page in [*PAGES, *(f"/charts/{name}.json" for name in CHARTS)]:
        assert client.get(page).status_code == 200
    assert store.read_bytes() == before


def test_plotly_comes_compressed_from_here_and_stays(client: FlaskClient) -> None:
    """The script is the wheel's own, gzip'd, for ever under its version; another version is not there."""
    found = re.search(r'src="(/assets/plotly-[^"]+)"', client.get("/").text)
    assert found
    response = client.get(found[1], headers={"Accept-Encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert "immutable" in response.headers["Cache-Control"]
    assert gzip.decompress(response.data) == client.get(found[1]).data
    assert client.get("/assets/plotly-0.0.0.min.js").status_code == 404


def test_no_request_imports_plotly(made_up: Callable[..., Path]) -> None:
    """A page is made without plotly's Python in memory."""
    program = (
        "import sys, pathlib, dashboard.app as a, dashboard.config as c\n"
        "plan = pathlib.Path(a.__file__).parents[1] / 'roadmap' / 'milestones.toml'\n"
        f"store = pathlib.Path({str(made_up(weeks=2))!r})\n"
        "config = c.Config(store=store, milestones=plan, built=1, workspace_name='w')\n"
        "client = a.create_app(config).test_client()\n"
        "print(client.get('/').status_code, client.get('/milestones').status_code, 'plotly' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["200", "200", "False"], done.stderr
