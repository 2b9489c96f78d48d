"""The background jobs of a running service: while a database is busy or damaged, and when one has stopped."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from milepost.processes.job_errors import RETRY_BUSY_S, JobWatch, reporting_errors


@pytest.fixture
def held(tmp_path):
    """A database locked by another program, and a function that writes to it without waiting."""
    path = tmp_path / "metrics.db"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE t (x)")
        other.execute("BEGIN IMMEDIATE")

        def write():
            with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as db:
                db.execute("INSERT INTO t VALUES (1)")

        yield other, write


def test_a_database_in_use_is_one_line(held, capsys):
    """Without a traceback, a line says that another program uses it, and the job has its next turn."""
    _, write = held
    reporting_errors(write)()
    said = capsys.readouterr().err
    assert said == (
        "milepost: a database of this workspace is in use by another program: database is locked; try again later\n"
    )


def test_a_damaged_database_is_one_line(tmp_path, capsys):
    """It is reported once and not repeated after a minute, as waiting does not help."""
    path = tmp_path / "metrics.db"
    path.write_bytes(b"not a database" * 100)

    def read():
        with closing(sqlite3.connect(path)) as db:
            db.execute("SELECT * FROM t")

    reporting_errors(read, pytest.fail)()
    assert capsys.readouterr().err.endswith("file is not a database; restore a copy of it\n")


def test_a_busy_judge_is_repeated_after_a_minute(held, capsys):
    """The job is repeated after a minute, not on the next day, until it succeeds."""
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


def test_a_stop_ends_the_repetition(held, capsys):
    """A signal ends the waiting."""
    _, write = held
    reporting_errors(write, lambda _: True)()
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_unexpected_error_is_not_hidden():
    """An error without an exit code is raised with its traceback."""
    with pytest.raises(ZeroDivisionError):
        reporting_errors(lambda: 1 / 0)()


def test_a_job_that_does_not_succeed_counts_as_stopped():
    """A minute without a success is named until the next one."""
    now_s = [0.0]
    watch = JobWatch(60.0, lambda: now_s[0])
    results = iter([ZeroDivisionError(), None])

    def work():
        if error := next(results):
            raise error

    job = watch.of("exchange", work)
    now_s[0] = 61.0
    with pytest.raises(ZeroDivisionError):
        job()
    assert watch.stopped() == "the job exchange has not succeeded for 61 s"
    job()
    assert watch.stopped() == ""
