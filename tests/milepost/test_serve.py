"""What a running service does by itself, where a database is in the way."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from milepost.serve import RETRY_BUSY_S, reporting_errors


@pytest.fixture
def held(tmp_path):
    """A database that another program holds, and a function that writes to it without waiting."""
    path = tmp_path / "metrics.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE t (x)")
        other.execute("BEGIN IMMEDIATE")

        def write():
            with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as db:
                db.execute("INSERT INTO t VALUES (1)")

        yield other, write


def test_a_database_in_use_is_one_line(held, capsys):
    """No traceback: the line says that another program has it, and the job has its next turn."""
    _, write = held
    reporting_errors(write)()
    said = capsys.readouterr().err
    assert said == (
        "milepost: a database of this workspace is in use by another program: database is locked; try again later\n"
    )


def test_a_damaged_database_is_one_line(tmp_path, capsys):
    """It is said once, and not tried again a minute later: waiting mends nothing."""
    path = tmp_path / "metrics.db"
    path.write_bytes(b"not a database" * 100)

    def read():
        with closing(sqlite3.connect(path)) as db:
            db.execute("SELECT * FROM t")

    reporting_errors(read, pytest.fail)()
    assert capsys.readouterr().err.endswith("file is not a database; restore a copy of it\n")


def test_a_busy_judge_is_tried_again_in_a_minute(held, capsys):
    """Not on the next day: twice in vain, and then it writes."""
    other, write = held
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 2:
            other.rollback()
        return False

    reporting_errors(write, pause)()
    assert (pauses, other.execute("SELECT COUNT(*) FROM t").fetchone()) == ([RETRY_BUSY_S, RETRY_BUSY_S], (1,))
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_who_is_told_to_stop_tries_no_more(held, capsys):
    """A signal ends the waiting."""
    _, write = held
    reporting_errors(write, lambda _: True)()
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_what_nobody_foresaw_is_not_hidden():
    """An error without an exit code is a fault of ours, and shows as one."""
    with pytest.raises(ZeroDivisionError):
        reporting_errors(lambda: 1 / 0)()
