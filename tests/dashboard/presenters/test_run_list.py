"""What nobody recorded is said to be so on every page that shows a run, and is no 0 in any file."""

from __future__ import annotations

import csv
import io
import re
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from metrics.events import RunEvent, RunKey
from metrics.store.database import open_store
from metrics.store.writer import insert_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient

#: 5 Jan 2013, 05:00 UTC.
BEGAN_US = 1_357_362_000_000_000


def run(number: int, **told: object) -> RunEvent:
    """A run of production of which nothing is known but when it began and how long it took."""
    return RunEvent(
        key=RunKey(
            system="monolith", level=0, mode="live", faults="real", series="", round=0, exchange_id=f"UA/f/{number}",
            attempt=1,
        ),
        **{
            "release": "", "partner": "UA", "feed": "f", "file": "", "block": "2013-01-05", "block_end": "2013-01-05",
            "due_at_us": BEGAN_US, "started_at_us": BEGAN_US + number, "duration_ns": 60_000_000_000,
            "outcome": "done", "records": None, "rows": {}, "bytes_in": None, "bytes_out": None, "calls": None,
            "operator_touch": None, "source": "imported", **told,
        },
    )  # type: ignore[arg-type]  # fmt: skip


@pytest.fixture
def client(app_on: Callable[..., Flask], tmp_path: Path) -> FlaskClient:
    """A dashboard on a run of a log (run 1), one that has begun (run 2), and a log's with rows (run 3)."""
    begun = {"outcome": "running", "duration_ns": None, "source": "measured", "release": "1", "calls": 0}
    runs = [run(1), run(2, **begun), run(3, records=4, rows={"in": 4, "delivered": 4}, bytes_in=0)]
    with closing(open_store(tmp_path / "store.db", "live")) as db, db.conn:
        insert_events(db, [("run", one) for one in runs])
    now = datetime(2013, 1, 5, 6, tzinfo=UTC)
    settings = {"clock": "live", "today": now.date, "now": lambda: now}
    return app_on(tmp_path / "store.db", **settings).test_client()


def section(text: str, name: str) -> str:
    """The text of a section of a page, without its marks."""
    found = re.search(rf'aria-labelledby="{name}">(.*?)</section>', text, re.DOTALL)
    assert found
    return " ".join(re.sub(r"<[^>]+>", " ", found[1]).split())


def fact(text: str, name: str) -> str:
    """What stands beside a name under "Measured"."""
    found = re.search(rf"<dt>{name}</dt><dd>(.*?)</dd>", text)
    assert found
    return found[1]


FACTS = ("Read", "Sent", "Blocked on time-outs", "Time a person spent before", "Requests to the partner")


def test_a_log_without_rows_has_no_account(client: FlaskClient) -> None:
    """Neither that no rows entered, nor that nothing was set aside, nor that nothing was read."""
    text = client.get("/runs/1").text
    assert section(text, "account") == "Account of rows Not recorded."
    assert "No row was quarantined" not in text
    assert {fact(text, name) for name in FACTS} == {"not recorded"}


def test_a_running_run_has_no_account_yet(client: FlaskClient) -> None:
    """It says that it is not over, and not that it entered nothing."""
    text = client.get("/runs/2").text
    assert section(text, "account") == "Account of rows The run is not over yet."
    assert "No row was quarantined" not in text


def test_the_values_of_a_log_are_shown(client: FlaskClient) -> None:
    """Its rows and a size of 0; that it names no rows set aside is not that there were none."""
    text = client.get("/runs/3").text
    assert "4 in = 4 delivered. It balances." in text
    assert (fact(text, "Read"), fact(text, "Sent")) == ("0 B", "not recorded")
    assert "Quarantined rows: not recorded." in section(text, "account")


def test_each_row_of_the_list_says_what_is_not_recorded(client: FlaskClient) -> None:
    """Rows in, delivered and quarantined."""
    text = client.get("/runs").text
    cells = re.findall(r'data-label="(Rows in|Delivered|Quarantined)"><span>(.*?)</span>', text)
    rows = [[said for _, said in cells[place : place + 3]] for place in range(0, len(cells), 3)]
    assert rows == [["4", "4", "not recorded"], ["not yet"] * 3, ["not recorded"] * 3]


def test_files_have_empty_cells(client: FlaskClient) -> None:
    """CSV: an empty cell; JSON: null."""
    names = ("rows_in", "rows_delivered", "bytes_in", "blocked_s", "operator_s")
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(client.get("/runs.csv").text))}
    assert [rows["1"][name] for name in names] == [""] * 5
    assert [rows["3"][name] for name in names] == ["4", "4", "0", "", ""]
    runs = {row["id"]: row for row in client.get("/runs.json").json["runs"]}
    assert [runs[1][name] for name in names] == [None] * 5
