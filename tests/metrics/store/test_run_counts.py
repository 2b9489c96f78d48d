"""Counts of runs and of rows set aside: kept exactly, for old stores too, and by however many collectors."""

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
from metrics.store.writer import insert_events


@pytest.fixture
def db(tmp_path):
    """A fresh store on the replayed clock."""
    with closing(open_store(tmp_path / "metrics.db", "replay")) as found:
        yield found


def keep(db, *events):
    """Insert as a collector does."""
    with db.atomic():
        insert_events(db, [("x", event) for event in events])


def aside(run, rows, reasons, exchange="AA/f/a.csv", **changes):
    """The same run with rows that stand set aside."""
    key = replace(run.key, exchange_id=exchange)
    return replace(run, key=key, rows={"in": 9, "quarantined": rows, "delivered": 9 - rows}, aside=reasons, **changes)


def test_rows_set_aside_count_once_an_exchange(db, a_run, a_holding):
    """Of the last attempt that is counted alone; what nobody noted why stands apart, and nothing is lost."""
    keep(
        db, a_holding,
        aside(a_run(outcome="failed"), 5, {"type-error": 5}), aside(a_run(2), 3, {"type-error": 1, "key": 2}),
        aside(a_run(), 4, None, "y"), aside(a_run(), 2, {"key": 1}, "z"), aside(a_run(number=2), 9, {"key": 9}, "cut"),
    )  # fmt: skip
    where = {"partner": "AA", "feed": "f"}
    assert rows_by_reason(db, RunFilter()) == (
        QuarantineReason(**where, code=None, rows=5, runs=2, last_block="2013-01-01"),
        QuarantineReason(**where, code="key", rows=3, runs=2, last_block="2013-01-01"),
        QuarantineReason(**where, code="type-error", rows=1, runs=1, last_block="2013-01-01"),
    )
    assert sum(reason.rows for reason in rows_by_reason(db, RunFilter(sides=("service@1",)))) == 9
    assert rows_by_reason(db, RunFilter(sides=("monolith",))) == ()
    days = {"block": "2013-01-01", "block_end": "2013-01-06"}
    told = {(found.code, found.rows) for found in rows_by_block(db, RunFilter())}
    assert told == {(None, 5), ("key", 3), ("type-error", 1)}
    assert rows_by_block(db, RunFilter())[0] == QuarantinedInBlock(**days, **where, code=None, rows=5)


def test_a_reason_leads_to_exactly_its_exchanges(db, a_run, a_holding):
    """As many runs as it is counted in, whatever else is picked; earlier attempts and rounds cut short are left out."""
    keep(
        db, a_holding,
        aside(a_run(outcome="failed"), 5, {"key": 5}), aside(a_run(2), 3, {"type-error": 1, "key": 2}),
        aside(a_run(outcome="quarantined"), 4, None, "y"), aside(a_run(), 2, {"key": 1}, "z"),
        aside(a_run(number=2), 9, {"key": 9}, "cut"), aside(a_run(), 0, {}, "none"),
    )  # fmt: skip
    for reason in rows_by_reason(db, RunFilter()):
        picked = RunFilter(reason=reason.code or NO_ERROR_RECORDED)
        runs = get_page(db, picked).rows
        assert (count_runs(db, picked), len(runs)) == (reason.runs, reason.runs)
        for state in ("done", "quarantined", "failed"):
            among = replace(picked, states=(state,), attempt="last")
            assert count_runs(db, among) == len(get_page(db, among).rows) == sum(run.outcome == state for run in runs)
    assert count_runs(db, RunFilter(reason="nobody-knows")) == 0
    first = RunFilter(reason="key", attempt="first")
    assert [run.exchange_id for run in get_page(db, first).rows] == ["z"]
    assert count_runs(db, first) == 1


def test_rows_that_leave_quarantine_are_no_longer_counted(db, a_run, a_holding):
    """A later attempt tells what still stands aside."""
    keep(db, a_holding, aside(a_run(), 3, {"key": 3}))
    keep(db, aside(a_run(2), 0, {}))
    assert rows_by_reason(db, RunFilter()) == ()


def test_failures_that_are_alike_are_one_group(db, a_run):
    """The most frequent first, each leading to exactly its runs; what tells nothing is a group too."""
    errors = [("late", "row 1"), ("late", "row 2 <b>"), ("late", "row 22"), ("", ""), ("late", "row 3"), ("", "")]
    for number, (kind, error) in enumerate(errors):
        run = a_run(outcome="failed", error_type=kind, error=error, started_at_us=1_000 + number)
        keep(db, replace(run, key=replace(run.key, exchange_id=f"x{number}"), feed=f"f{number % 2}"))
    keep(db, a_run(outcome="already_received", error_type="late", error="row 9"))
    found = group_failures(db, RunFilter())
    assert [(group.runs, group.error_type, group.pattern, group.example) for group in found] == [
        (3, "late", "row …", "row 3"), (2, "", "", ""), (1, "late", "row … <b>", "row 2 <b>"),
    ]  # fmt: skip
    assert (found[0].feeds, found[0].sides) == (("AA/f0",), ("service@1",))
    assert (found[0].first_at_us, found[0].last_at_us) == (1_000, 1_004)
    assert [count_runs(db, RunFilter(fingerprint=group.fingerprint)) for group in found] == [3, 2, 1]
    assert get_page(db, RunFilter(fingerprint=found[0].fingerprint)).rows[0].id == found[0].example_run_id
    assert group_failures(db, RunFilter(), limit=1) == found[:1]
    assert group_failures(db, RunFilter(states=("done",))) == group_failures(db, RunFilter(states=("refused",))) == ()
    assert group_failures(db, RunFilter(states=("done", "failed"))) == found


@pytest.mark.parametrize("clock", ["replay", "live"])
def test_a_store_of_an_older_release_is_counted_when_it_is_opened(tmp_path, a_run, a_holding, clock):
    """Runs that are there already get their fingerprints and their counts, the same as if they came today."""
    path = tmp_path / "metrics.db"
    runs = [a_run(1, "failed", mode=clock, error="row 7"), a_run(2, mode=clock), a_run(1, "due", mode=clock, number=2)]
    tables = ("tally", "set_aside")
    with closing(open_store(path, clock)) as db:
        keep(db, a_holding, *runs, aside(a_run(mode=clock), 4, None, "y"))
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


def test_two_collectors_keep_counts_exact(tmp_path, a_run, a_holding):
    """However the same spool is read by two programs at once, every run is counted once."""
    spool, store = tmp_path / "spool", tmp_path / "metrics.db"
    spool.mkdir()
    for number in range(40):
        run = a_run(1, "failed" if number % 4 == 0 else "done", error="row 1" if number % 8 == 0 else "")
        run = aside(run, number % 3, {"key": number % 3}, f"x{number}")
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


def test_an_event_tells_its_reasons_in_its_line(a_run):
    """By code, or null where nobody noted them; a line without them is one of an older release."""
    line = json.loads(to_line(a_run(aside={"type-error": 2})))
    assert (line["aside"], json.loads(to_line(a_run()))["aside"]) == ({"type-error": 2}, None)
