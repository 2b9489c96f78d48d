"""Counts of runs and quarantined rows are exact, also in old stores and with several collectors."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from metrics.events import to_line
from metrics.queries.failure_groups import group_failures
from metrics.queries.quarantined_rows import QuarantinedInBlock, QuarantineReason, rows_by_block, rows_by_reason
from metrics.queries.run_filter import NO_ERROR_RECORDED, RunFilter
from metrics.queries.runs import count_runs, get_page
from metrics.store.database import open_store


@pytest.fixture
def db(a_store):
    """A fresh store on the replayed clock."""
    return a_store("replay")


def quarantine(run, rows, reasons, exchange="AA/f/a.csv", **changes):
    """Return the run with quarantined rows."""
    key = replace(run.key, exchange_id=exchange)
    return replace(run, key=key, rows={"in": 9, "quarantined": rows, "delivered": 9 - rows}, aside=reasons, **changes)


def test_quarantined_rows_count_once_per_exchange(db, a_run, a_holding, insert):
    """Only those of the last counted attempt count; rows without a recorded reason are a reason of their own."""
    insert(
        db,
        a_holding,
        quarantine(a_run(outcome="failed"), 5, {"type-error": 5}),
        quarantine(a_run(2), 3, {"type-error": 1, "key": 2}),
        quarantine(a_run(), 4, None, "y"),
        quarantine(a_run(), 2, {"key": 1}, "z"),
        quarantine(a_run(number=2), 9, {"key": 9}, "cut"),
    )
    where = {"partner": "AA", "feed": "f"}
    assert rows_by_reason(db, RunFilter()) == (
        QuarantineReason(**where, code=None, rows=5, runs=2, last_block="2013-01-01"),
        QuarantineReason(**where, code="key", rows=3, runs=2, last_block="2013-01-01"),
        QuarantineReason(**where, code="type-error", rows=1, runs=1, last_block="2013-01-01"),
    )
    assert sum(reason.rows for reason in rows_by_reason(db, RunFilter(sides=("service@1",)))) == 9
    assert rows_by_reason(db, RunFilter(sides=("monolith",))) == ()
    days = {"block": "2013-01-01", "block_end": "2013-01-06"}
    reasons = {(row.code, row.rows) for row in rows_by_block(db, RunFilter())}
    assert reasons == {(None, 5), ("key", 3), ("type-error", 1)}
    assert rows_by_block(db, RunFilter())[0] == QuarantinedInBlock(**days, **where, code=None, rows=5)


def test_the_runs_of_a_reason_are_as_many_as_counted(db, a_run, a_holding, insert):
    """With any other filter too; earlier attempts and interrupted rounds are left out."""
    insert(
        db, a_holding,
        quarantine(a_run(outcome="failed"), 5, {"key": 5}), quarantine(a_run(2), 3, {"type-error": 1, "key": 2}),
        quarantine(a_run(outcome="quarantined"), 4, None, "y"), quarantine(a_run(), 2, {"key": 1}, "z"),
        quarantine(a_run(number=2), 9, {"key": 9}, "cut"), quarantine(a_run(), 0, {}, "none"),
    )  # fmt: skip
    for reason in rows_by_reason(db, RunFilter()):
        picked = RunFilter(reason=reason.code or NO_ERROR_RECORDED)
        runs = get_page(db, picked).rows
        assert (count_runs(db, picked), len(runs)) == (reason.runs, reason.runs)
        for state in ("done", "quarantined", "failed"):
            among = replace(picked, states=(state,), attempt="last")
            assert count_runs(db, among) == len(get_page(db, among).rows) == sum(run.outcome == state for run in runs)
    assert count_runs(db, RunFilter(reason="unknown-code")) == 0
    first = RunFilter(reason="key", attempt="first")
    assert [run.exchange_id for run in get_page(db, first).rows] == ["z"]
    assert count_runs(db, first) == 1


def test_replayed_rows_are_no_longer_counted(db, a_run, a_holding, insert):
    """A later attempt reports the rows that are still quarantined."""
    insert(db, a_holding, quarantine(a_run(), 3, {"key": 3}))
    insert(db, quarantine(a_run(2), 0, {}))
    assert rows_by_reason(db, RunFilter()) == ()


def test_similar_failures_are_one_group(db, a_run, insert):
    """The largest group comes first, each with exactly its runs; failures without a text are a group too."""
    errors = [("late", "row 1"), ("late", "row 2 <b>"), ("late", "row 22"), ("", ""), ("late", "row 3"), ("", "")]
    for number, (kind, error) in enumerate(errors):
        run = a_run(outcome="failed", error_type=kind, error=error, started_at_us=1_000 + number)
        insert(db, replace(run, key=replace(run.key, exchange_id=f"x{number}"), feed=f"f{number % 2}"))
    insert(db, a_run(outcome="already_received", error_type="late", error="row 9"))
    groups = group_failures(db, RunFilter())
    assert [(group.runs, group.error_type, group.pattern, group.example) for group in groups] == [
        (3, "late", "row …", "row 3"), (2, "", "", ""), (1, "late", "row … <b>", "row 2 <b>"),
    ]  # fmt: skip
    assert (groups[0].feeds, groups[0].sides) == (("AA/f0",), ("service@1",))
    assert (groups[0].first_at_us, groups[0].last_at_us) == (1_000, 1_004)
    assert [count_runs(db, RunFilter(fingerprint=group.fingerprint)) for group in groups] == [3, 2, 1]
    assert get_page(db, RunFilter(fingerprint=groups[0].fingerprint)).rows[0].id == groups[0].example_run_id
    assert group_failures(db, RunFilter(), limit=1) == groups[:1]
    assert group_failures(db, RunFilter(states=("done",))) == group_failures(db, RunFilter(states=("refused",))) == ()
    assert group_failures(db, RunFilter(states=("done", "failed"))) == groups


@pytest.mark.parametrize("clock", ["replay", "live"])
def test_runs_of_an_older_release_are_counted_when_the_store_is_opened(tmp_path, a_run, a_holding, clock, insert):
    """Its runs get the same fingerprints and counts as new ones."""
    path = tmp_path / "metrics.db"
    runs = [a_run(1, "failed", mode=clock, error="row 7"), a_run(2, mode=clock), a_run(1, "due", mode=clock, number=2)]
    tables = ("tally", "set_aside")
    with closing(open_store(path, clock)) as db:
        insert(db, a_holding, *runs, quarantine(a_run(mode=clock), 4, None, "y"))
        before = [db.execute(f"SELECT * FROM {name} ORDER BY 1, 2, 3").fetchall() for name in tables]
        marks = db.execute("SELECT id, fingerprint FROM run").fetchall()
    assert all(before)
    with closing(sqlite3.connect(path)) as raw, raw:
        for index in ("run_cell", "run_set_aside", "cell_feed", "cell_side"):
            raw.execute(f"DROP INDEX {index}")
        raw.execute("CREATE INDEX run_cell ON run (cell)")
        for name in tables:
            raw.execute(f"DROP TABLE {name}")
        for name in ("fingerprint", "aside"):
            raw.execute(f"ALTER TABLE run DROP COLUMN {name}")
        raw.execute("DELETE FROM _sqlite_migrations WHERE name = 'add_tallies'")
    with closing(open_store(path, clock)) as db:
        assert [db.execute(f"SELECT * FROM {name} ORDER BY 1, 2, 3").fetchall() for name in tables] == before
        assert db.execute("SELECT id, fingerprint FROM run").fetchall() == marks
        assert [run.aside for run in get_page(db, RunFilter()).rows] == [None] * 4


def test_two_concurrent_collectors_keep_counts_exact(tmp_path, a_run, a_holding):
    """Two programs read the same spool at once, and every run is counted once."""
    spool, store = tmp_path / "spool", tmp_path / "metrics.db"
    spool.mkdir()
    for number in range(40):
        run = a_run(1, "failed" if number % 4 == 0 else "done", error="row 1" if number % 8 == 0 else "")
        run = quarantine(run, number % 3, {"key": number % 3}, f"x{number}")
        (spool / f"{number:03}.jsonl").write_bytes(to_line(run) + to_line(a_holding))
    open_store(store, "replay").close()
    script = [sys.executable, str(Path(__file__).parents[2] / "collecting.py"), str(spool), str(store), "3"]
    running = [subprocess.Popen(script, stdout=subprocess.PIPE) for _ in range(2)]
    assert [program.wait(60) for program in running] == [0, 0]
    for program in running:
        program.stdout.close()
    with closing(open_store(store, "replay")) as db:
        assert count_runs(db, RunFilter()) == db.execute("SELECT COUNT(*) FROM run").fetchone()[0] == 40
        assert (
            count_runs(db, RunFilter(states=("failed",)))
            == len(get_page(db, RunFilter(states=("failed",)), size=99).rows)
            == 10
        )
        assert [group.runs for group in group_failures(db, RunFilter())] == [5, 5]
        assert sum(reason.rows for reason in rows_by_reason(db, RunFilter())) == sum(number % 3 for number in range(40))


def test_the_reasons_are_in_the_line_of_an_event(a_run):
    """By code, or null if they were not recorded."""
    line = json.loads(to_line(a_run(aside={"type-error": 2})))
    assert (line["aside"], json.loads(to_line(a_run()))["aside"]) == ({"type-error": 2}, None)
