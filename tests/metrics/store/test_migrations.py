"""Stores of older releases are migrated step by step."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date

import pytest
from sqlite_utils import Database

from metrics.events import AnswerEvent
from metrics.measures.effort import NO_DELAY
from metrics.measures.missing import NOT_COUNTED
from metrics.measures.registry import MEASURES
from metrics.measures.window import load_window
from metrics.question import Question
from metrics.store.database import open_reader, open_store
from metrics.store.migrations import STEPS, migrations
from metrics.store.writer import insert_events


@pytest.fixture
def old_store(tmp_path, a_run, a_holding, insert):
    """A store of a release without resilience columns."""
    path = tmp_path / "old.db"
    with closing(open_store(path, "replay")) as db:
        insert(db, a_run(), a_holding)
        db.conn.executescript(
            "DROP TABLE outage; ALTER TABLE holding DROP COLUMN broken; ALTER TABLE holding DROP COLUMN good_aside;"
            + "".join(
                f"ALTER TABLE run_block DROP COLUMN {name};"
                for name in ("passing", "recovered", "broken", "broken_due", "broken_held", "good_aside")
            )
            + "DELETE FROM _sqlite_migrations WHERE name = 'add_mishaps'"
        )
    return path


def store_up_to(path, last):
    """Create the store of a release whose last migration was this one."""
    names = [step.name for step in migrations.pending(Database(memory=True))]
    db = Database(sqlite3.connect(path))
    migrations.apply(db, stop_before=names[names.index(last) + 1])
    db["meta"].insert({"key": "clock", "value": "replay"})
    return db


@pytest.mark.parametrize(
    ("where", "index"),
    [
        ("outcome = 'running' AND started_at_us < 5", "run_running"),
        ("cell = 5", "run_cell"),
        ("started_at_us < 5 ORDER BY started_at_us DESC LIMIT 9", "started_at_us"),
        ("partner = 'AA' AND feed = 'f' ORDER BY started_at_us LIMIT 9", "partner_feed"),
        ("system = 's' AND level = 1 AND mode = 'live' AND faults = 'f' AND series = 's' AND round = 1", "run_key"),
    ],
)
def test_queries_of_runs_use_an_index(a_store, where, index):
    """A query reads only the runs that it is about."""
    db = a_store("live")
    (plan,) = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN SELECT id FROM run WHERE {where}")]
    assert plan.startswith("SEARCH")
    assert index in plan


def test_every_step_is_listed():
    """Otherwise a store of this release would be refused as newer."""
    assert {step.name for step in migrations.pending(Database(memory=True))} == STEPS


@pytest.mark.parametrize("opener", [open_reader, lambda path: open_store(path, "replay")], ids=["reader", "writer"])
def test_a_store_without_resilience_columns_has_no_such_measures(old_store, opener):
    """Its other numbers stay; what was not counted then is missing, not 0."""
    with closing(opener(old_store)) as db:
        question = Question(subject="service@1", start=date(2013, 1, 1), end=date(2013, 1, 6), faults="none")
        window = load_window(db, question)
        assert MEASURES["lost_records"].compute(window).n == 4
        for name in ("good_rows_delivered", "false_rejects", "recovered_unattended", "wasted_calls"):
            reading = MEASURES[name].compute(window)
            assert (reading.estimate, reading.missing) == (None, NOT_COUNTED)


def test_a_migrated_store_counts_new_events(old_store, a_run, a_holding, insert, rollup):
    """Opened for writing, it counts what the older release did not."""
    with closing(open_store(old_store, "replay")) as db:
        second = replace(a_holding, round=2, broken=1)
        insert(db, a_run(number=2), second)
        assert rollup(db, "held, broken, broken_due") == (8, 1, 4)


@pytest.mark.parametrize("last", ["add_mishaps", "add_plans"])
def test_a_store_without_cells_is_migrated(tmp_path, a_run, a_holding, insert, last, rollup):
    """Its runs, holdings and answers stay, and a new round of an old block is added to the old rounds."""
    answer = AnswerEvent(
        system="service", level=1, control="monolith", mode="replay", faults="none", series="s", round=1,
        partner="AA", feed="f", block="2013-01-01", block_end="2013-01-06", compared=4, equal=3,
    )  # fmt: skip
    events = (a_run(), ("start", a_run(2)), a_holding, answer)
    with closing(open_store(tmp_path / "new.db", "replay")) as new:
        insert(new, *events)
    with closing(store_up_to(tmp_path / "old.db", last)) as old:
        old.execute("ATTACH ? AS new", (str(tmp_path / "new.db"),))
        for table in ("run", "holding", "answer", "run_block"):
            names = ", ".join(column.name for column in old[table].columns)
            with old.conn:
                old.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM new.{table}")
    with closing(open_store(tmp_path / "old.db", "replay")) as db:
        assert db.execute("SELECT COUNT(*), COUNT(cell) FROM run").fetchone() == (2, 2)
        assert db.execute("SELECT compared, equal FROM answer_block").fetchall() == [(4, 3)]
        insert(
            db, *events, a_run(number=2), replace(a_holding, round=2),
            replace(answer, round=2),
        )  # fmt: skip
        assert rollup(db, "rounds, attempts, held") == (2, 2, 8)
        assert db.execute("SELECT compared, equal FROM answer_block").fetchall() == [(8, 6)]
        assert db["cell"].count == 1


@pytest.mark.parametrize(("mode", "why"), [("replay", NOT_COUNTED), ("live", NO_DELAY)])
def test_delays_of_older_rollups_are_cleared(tmp_path, a_run, a_holding, mode, why):
    """They ended with the start of the attempt; all other numbers stay."""
    run, path = a_run(mode=mode), tmp_path / "old.db"
    if mode == "live":
        run = replace(run, key=replace(run.key, faults="real", series=""), due_at_us=1)
    with closing(open_store(path, mode)) as db, db.conn:
        insert_events(db, [("", run), ("", a_holding)])
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DELETE FROM _sqlite_migrations WHERE name = 'forget_old_delays'")
        counted = raw.execute("SELECT attempts, busy_ns, held FROM run_block").fetchall()
        assert raw.execute("SELECT COUNT(delay_p50_us) FROM run_block").fetchone() == (1,)
    question = Question(
        subject="service@1", start=date(2013, 1, 1), end=date(2013, 1, 6), mode=mode, faults=run.key.faults
    )
    with closing(open_store(path, mode)) as db:
        sql = "SELECT attempts, busy_ns, held, delay_p50_us, delay_p95_us FROM run_block"
        assert db.execute(sql).fetchall() == [(*row, None, None) for row in counted]
        for name in ("delay_p50", "delay_p95"):
            reading = MEASURES[name].compute(load_window(db, question))
            assert (reading.estimate, reading.missing) == (None, why)
