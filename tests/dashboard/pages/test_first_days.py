"""Pages on data at the beginning of the calendar, before which no days can be counted back."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

from metrics.store.database import open_store
from metrics.store.writer import insert_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask

    from metrics.events import HoldingEvent

PAGES = ("/", "/milestones", "/runs?range=99999d", "/failures", "/quarantine", "/partners", "/partners/AA", "/report")


def test_pages_stand_where_the_calendar_begins(
    app_on: Callable[..., Flask], tmp_path: Path, a_run: Callable, a_holding: HoldingEvent
) -> None:
    """In the first week that there is, the last ninety days are those that there were."""
    store, place = tmp_path / "metrics.db", {"block": "0001-01-01", "block_end": "0001-01-07"}
    with closing(open_store(store, "replay")) as db, db.conn:
        run = a_run(outcome="failed")
        run = replace(run, key=replace(run.key, faults="standard"), **place)
        insert_events(db, [("run", run), ("holding", replace(a_holding, faults="standard", **place))])
    client = app_on(store, keep_s=2.0).test_client()
    for page in PAGES:
        answer = client.get(page)
        assert answer.status_code == 200, (page, answer.text[-400:])
    assert "1 failed" in client.get("/partners/AA").text
