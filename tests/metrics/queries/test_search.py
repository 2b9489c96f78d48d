"""Files by the beginning of their name, and exchanges by that of their id."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from metrics.events import RunEvent, RunKey
from metrics.queries import search
from metrics.store.database import open_store
from metrics.store.writer import insert_events

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_utils import Database

KEY = RunKey(
    system="service", level=2, mode="live", faults="real", series="", round=0, exchange_id="a1b2c3", attempt=1
)  # fmt: skip
RUN = RunEvent(
    key=KEY, partner="shop", feed="orders", file="orders-01.csv", block="2026-11-30", block_end="2026-11-30",
    due_at_us=1, started_at_us=1, duration_ns=1, outcome="done", records=1, rows={"in": 1, "delivered": 1},
    release="1",
)  # fmt: skip


def a_run(exchange: str, file: str, partner: str = "shop", attempt: int = 1) -> RunEvent:
    """A run of a file in an exchange."""
    return replace(RUN, key=replace(KEY, exchange_id=exchange, attempt=attempt), file=file, partner=partner)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """A store with five runs of four exchanges."""
    runs = (
        a_run("a1b2c3", "orders-01.csv"), a_run("a1b2c3", "orders-01.csv", attempt=2), a_run("a1ffff", "Orders-02.csv"),
        a_run("b00000", "invoices.csv"), a_run("c00000", "orders-01.csv", partner="other"),
    )  # fmt: skip
    with closing(open_store(tmp_path / "metrics.db", "live")) as opened:
        with opened.conn:
            insert_events(opened, [("", run) for run in runs])
        yield opened


def test_files_are_found_by_the_beginning_of_their_name(db: Database) -> None:
    """In any case, those of the given partners alone, in order, each with its newest run."""
    assert search.find_files(db, "ORD", ["shop"], 10) == (
        search.FileMatch("shop", "orders-01.csv", 2), search.FileMatch("shop", "Orders-02.csv", 3),
    )  # fmt: skip
    both = search.find_files(db, "orders-01", ["other", "shop", "nobody"], 10)
    assert [(match.partner, match.file) for match in both] == [("other", "orders-01.csv"), ("shop", "orders-01.csv")]
    assert search.find_files(db, "rders", ["shop"], 10) == ()
    assert len(search.find_files(db, "", ["other", "shop"], 2)) == 2


def test_exchanges_are_found_by_the_beginning_of_their_id(db: Database) -> None:
    """Each once, by its newest attempt."""
    assert search.find_exchanges(db, "a1", 10) == (2, 3)
    assert search.find_exchanges(db, "b00000", 10) == (4,)
    assert search.find_exchanges(db, "nothing", 10) == ()


def test_a_search_uses_the_indexes(db: Database) -> None:
    """No look-up scans the runs, whatever their number."""
    seen: list[str] = []
    db.conn.set_trace_callback(seen.append)
    search.find_files(db, "ord", ["shop"], 10)
    search.find_exchanges(db, "a1", 10)
    search.runs_of_file(db, "shop", "orders-01.csv", 10)
    db.conn.set_trace_callback(None)
    plans = [row[3] for sql in seen for row in db.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall()]
    assert [plan for plan in plans if plan.startswith("SCAN run")] == []
    assert any("run_file" in plan for plan in plans)
    assert any("run_key" in plan for plan in plans)
