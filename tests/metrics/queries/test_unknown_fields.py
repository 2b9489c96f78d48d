"""What nobody recorded of a run is not known of it, and never 0."""

from contextlib import closing
from dataclasses import replace

import pytest

from metrics.queries.runs import get_run
from metrics.store.database import open_store
from metrics.store.writer import insert_events


@pytest.fixture
def kept(tmp_path):
    """A function that keeps a run of production and gives it back as people look at it."""

    def keep(run):
        with closing(open_store(tmp_path / "metrics.db", "live")) as db:
            with db.atomic():
                insert_events(db, [("run", run)])
            return get_run(db, 1)

    return keep


@pytest.fixture
def logged(a_run):
    """A run as a log of two columns tells it: when it began, and how long it took."""
    run = a_run(mode="live", rows={}, records=None, calls=None, operator_touch=None, release="", source="imported")
    return replace(run, key=replace(run.key, faults="real", series="", round=0), bytes_in=None, bytes_out=None)


def test_a_log_without_rows_tells_of_none(kept, logged):
    """Rows, bytes, time blocked and an operator's time are not known of it."""
    run = kept(logged)
    assert (run.rows, run.bytes_in, run.bytes_out, run.blocked_s, run.operator_s) == (None,) * 5
    assert not run.seen_inside


def test_a_log_that_says_nought_is_believed(kept, logged):
    """No rows and no bytes, told as such, stay 0."""
    run = kept(replace(logged, records=0, bytes_in=0))
    assert (run.rows["in"], run.bytes_in, run.bytes_out) == (0, 0, None)


def test_what_the_service_tells_of_its_run_is_known(kept, a_run):
    """That nothing was blocked, sent or entered is a fact there; how long a person took is none in production."""
    run = kept(a_run(mode="live", rows={}, records=0))
    assert (run.rows["in"], run.bytes_in, run.blocked_s, run.calls) == (0, 0, 0.0, 0)
    assert run.operator_s is None


@pytest.mark.parametrize("outcome", ["running", "abandoned"])
def test_a_run_without_an_end_has_told_nothing_yet(kept, a_run, outcome):
    """Its start says 0 of what only its end can tell."""
    run = kept(a_run(mode="live", outcome=outcome, duration_ns=None, rows={}, records=None))
    assert (run.rows, run.bytes_in, run.bytes_out, run.blocked_s, run.calls, run.operator_touch) == (None,) * 6


def test_a_replay_knows_of_its_operator(a_run, tmp_path):
    """Where the harness holds the watch, nobody having to do anything took no time."""
    with closing(open_store(tmp_path / "metrics.db", "replay")) as db:
        with db.atomic():
            insert_events(db, [("run", a_run())])
        assert get_run(db, 1).operator_s == 0.0
