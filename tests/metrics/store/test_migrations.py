"""Stores of older releases, step by step."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date

import pytest
from sqlite_utils import Database

from metrics.measures.effort import NO_DELAY
from metrics.measures.reading import NOT_COUNTED
from metrics.measures.registry import MEASURES
from metrics.measures.window import load_window
from metrics.question import Question
from metrics.store.database import open_store
from metrics.store.migrations import STEPS, migrations
from metrics.store.writer import insert_events


def test_every_step_is_known_by_name():
    """A store that this release has made is not from a newer one."""
    assert {step.name for step in migrations.pending(Database(memory=True))} == STEPS


@pytest.mark.parametrize(("mode", "why"), [("replay", NOT_COUNTED), ("live", NO_DELAY)])
def test_delays_of_the_old_meaning_are_forgotten_and_said_to_be(tmp_path, a_run, a_holding, mode, why):
    """Once a delay ended with the start: such numbers are not taken for the new ones, all others stay."""
    run, path = a_run(mode=mode), tmp_path / "old.db"
    if mode == "live":
        run = replace(run, key=replace(run.key, faults="real", series=""), due_at_us=1)
    with closing(open_store(path, mode)) as db, db.conn:
        insert_events(db, [("run", run), ("holding", a_holding)])
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("DELETE FROM _sqlite_migrations WHERE name = 'forget_old_delays'")
        counted = raw.execute("SELECT attempts, busy_ns, held FROM run_block").fetchall()
        assert raw.execute("SELECT COUNT(delay_p50_us) FROM run_block").fetchone() == (1,)
    asked = Question(
        subject="service@1", start=date(2013, 1, 1), end=date(2013, 1, 6), mode=mode, faults=run.key.faults
    )
    with closing(open_store(path, mode)) as db:
        sql = "SELECT attempts, busy_ns, held, delay_p50_us, delay_p95_us FROM run_block"
        assert db.execute(sql).fetchall() == [(*row, None, None) for row in counted]
        for name in ("delay_p50", "delay_p95"):
            found = MEASURES[name].compute(load_window(db, asked))
            assert (found.estimate, found.missing) == (None, why)
