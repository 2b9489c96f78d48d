"""Tables of verdicts, decisions and plans are append-only: triggers of the database refuse other changes."""

import sqlite3
from contextlib import closing

import pytest

from metrics.store.database import open_store

TABLES = ("evaluation", "metric_result", "decision", "cost_entry", "plan_revision", "forecast")


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE {table} SET id = 2",
        "UPDATE OR REPLACE {table} SET code = 'M2'",
        "DELETE FROM {table}",
        "INSERT OR REPLACE INTO {table} SELECT * FROM {table}",
        "INSERT INTO {table} SELECT * FROM {table} WHERE true ON CONFLICT DO UPDATE SET code = 'M2'",
    ],
)
def test_records_of_verdicts_and_decisions_are_append_only(tmp_path, insert, table, sql):
    """The database refuses to change, delete or replace their rows, whatever program opens it."""
    with closing(open_store(tmp_path / "m.db", "live")) as db:
        db[table].insert(
            {column.name: 1 if column.type in {"INTEGER", "REAL"} else "x" for column in db[table].columns}
        )
    with closing(sqlite3.connect(tmp_path / "m.db")) as raw:
        before = raw.execute(f"SELECT * FROM {table}").fetchall()
        with pytest.raises(sqlite3.IntegrityError, match=f"{table} is append-only"):
            raw.execute(sql.format(table=table))
        assert raw.execute(f"SELECT * FROM {table}").fetchall() == before
        raw.execute(f"INSERT INTO {table} (code) VALUES ('M2')")
        assert raw.execute(f"SELECT COUNT(*) FROM {table}").fetchone() == (2,)


def test_a_plan_revision_is_not_replaced_under_another_id(tmp_path, insert):
    """The same revision of a milestone is refused."""
    with closing(open_store(tmp_path / "m.db", "live")) as db:
        db["plan_revision"].insert({"code": "M1", "revision": 1, "plan": "first"})
    with closing(sqlite3.connect(tmp_path / "m.db")) as raw:
        with pytest.raises(sqlite3.IntegrityError, match="plan_revision is append-only"):
            raw.execute("INSERT OR REPLACE INTO plan_revision (id, code, revision, plan) VALUES (9, 'M1', 1, 'other')")
        assert raw.execute("SELECT plan FROM plan_revision").fetchall() == [("first",)]
