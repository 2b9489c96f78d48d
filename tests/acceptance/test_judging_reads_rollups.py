"""Judging reads rollups, however many runs they summarise."""

import sqlite3
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

import roadmap
from metrics.store.database import open_store
from metrics.store.series import last_evidence_day, newest_series, next_round
from roadmap.judge.evaluate import evaluate
from roadmap.plan import loader

RAW = {"run", "holding", "answer"}


@pytest.fixture
def blind(made_up):
    """A store in which no raw row can be read."""

    def authorize(action, table, *_):
        return sqlite3.SQLITE_DENY if action == sqlite3.SQLITE_READ and table in RAW else sqlite3.SQLITE_OK

    with closing(open_store(made_up(moves=True), "replay")) as db:
        db.conn.set_authorizer(authorize)
        with pytest.raises(sqlite3.DatabaseError, match="prohibited"):
            db.execute("SELECT id FROM run")
        yield db


def test_judging_reads_no_raw_rows(blind):
    """All four milestones are judged although raw rows cannot be read."""
    milestones = loader.load_plan(Path(roadmap.__file__).with_name("milestones.toml"))
    assert len(evaluate(blind, milestones, date(2013, 12, 31), 4, 1)) == 6


def test_the_newest_series_is_known_without_raw_rows(blind):
    """The newest series, the next round and the replayed day come from the rollups."""
    assert newest_series(blind, "replay", "standard") == "5e1f00d2b7c9"
    assert next_round(blind, "replay", "standard") == 2
    assert last_evidence_day(blind) == "2013-12-31"
