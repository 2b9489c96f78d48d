"""What nobody recorded is said to be so on every page that shows a run, and is no 0 in any file."""

from __future__ import annotations

import csv
import io
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


FACTS = ("Read", "Sent", "Blocked on time-outs", "Time a person spent before", "Requests to the partner")


@pytest.mark.parametrize(
    ("number", "account", "quarantined", "facts"),
    [
        (1, "Not recorded.", "", ["not recorded"] * 5),
        (2, "The run is not over yet.", "", ["not recorded"] * 5),
        (3, "4 in = 4 delivered. It balances.", "Quarantined rows: not recorded.", ["0 B", *["not recorded"] * 4]),
    ],
    ids=["of a log", "that goes on", "of a log with rows"],
)
def test_a_run_has_no_values_that_nobody_recorded(
    client: FlaskClient, values_of: Callable, number: int, account: str, quarantined: str, facts: list[str]
) -> None:
    """Neither that no rows entered, nor that none was quarantined, nor that nothing was read; a size of 0 is shown."""
    page = values_of(client, f"/runs/{number}")["page"]
    assert (page.account_text, page.quarantined_text) == (account, quarantined)
    assert [dict(page.facts)[name] for name in FACTS] == facts


def test_each_row_of_the_list_says_what_is_not_recorded(client: FlaskClient, values_of: Callable) -> None:
    """Rows in, delivered and quarantined."""
    lines = values_of(client, "/runs")["lines"]
    assert [(line.rows_in, line.delivered, line.quarantined) for line in lines] == [
        ("4", "4", "not recorded"), ("not yet",) * 3, ("not recorded",) * 3,
    ]  # fmt: skip


def test_files_have_empty_cells(client: FlaskClient) -> None:
    """CSV: an empty cell; JSON: null."""
    names = ("rows_in", "rows_delivered", "bytes_in", "blocked_s", "operator_s")
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(client.get("/runs.csv").text))}
    assert [rows["1"][name] for name in names] == [""] * 5
    assert [rows["3"][name] for name in names] == ["4", "4", "0", "", ""]
    runs = {row["id"]: row for row in client.get("/runs.json").json["runs"]}
    assert [runs[1][name] for name in names] == [None] * 5
