"""Lists of runs: counts equal the lists page by page, for any events in any order; and what is unknown of a run."""

from contextlib import closing
from dataclasses import replace
from datetime import date

import pytest

from metrics.errors import StoreDamaged
from metrics.queries.pagination import Cursor
from metrics.queries.run_filter import RunFilter
from metrics.queries.run_grid import filter_choices
from metrics.queries.runs import count_runs, get_attempts, get_page, get_run, typical_duration
from metrics.store.database import open_reader, open_store
from metrics.store.writer import insert_events

ACT = 1_357_000_000_000_000


def key(run):
    """Return the columns that the attempts at one exchange share."""
    return tuple(run[name] for name in ("system", "level", "mode", "faults", "series", "round", "exchange_id"))


@pytest.fixture
def db(tmp_path):
    """A fresh store on the replayed clock."""
    with closing(open_store(tmp_path / "metrics.db", "replay")) as store:
        yield store


def keep(db, *events):
    """Insert runs as the collector does."""
    with db.atomic():
        insert_events(db, [("run", event) for event in events])


def at(run, number, *, feed="f", **changes):
    """Return the run as another exchange, `number` seconds later."""
    key = replace(run.key, exchange_id=f"{feed}{number}")
    return replace(run, key=key, feed=feed, started_at_us=ACT + number * 1_000_000, **changes)


def test_pages_link_forward_and_back(db, a_run):
    """A page has a cursor on each side that has more runs, and going back shows the same page again."""
    keep(db, *(at(a_run(), number) for number in range(5)))
    first = get_page(db, RunFilter(), size=2)
    second = get_page(db, RunFilter(), first.older, 2)
    third = get_page(db, RunFilter(), second.older, 2)
    assert [len(part.rows) for part in (first, second, third)] == [2, 2, 1]
    assert (first.newer, third.older) == (None, None)
    assert get_page(db, RunFilter(), third.newer, 2, newer=True).rows == second.rows
    back = get_page(db, RunFilter(), second.newer, 2, newer=True)
    assert (back.rows, back.newer) == (first.rows, None)
    assert get_page(db, RunFilter(), back.older, 2).rows == second.rows


@pytest.mark.parametrize(
    "text",
    [
        "", "2013-01-01", "x.1.2", "2013-01-01.1", "2013-01-01.1.2.3", "2013-01-01.a.1", "2013-01-01.1.-1",
        f"2013-01-01.{2**63}.1", f"2013-01-01.1.{2**70}", "2013-1-1.1.1",
    ],
)  # fmt: skip
def test_a_malformed_cursor_is_refused(text):
    """A cursor typed by hand is parsed or refused with a ValueError."""
    with pytest.raises(ValueError, match="not a position in a list of runs"):
        Cursor.parse(text)


def test_a_run_has_all_its_fields(db, a_run):
    """Seconds for nanoseconds, None where not recorded, reasons of quarantined rows; an unknown id gives None."""
    key = replace(a_run().key, level=3)
    rows = {"in": 4, "delivered": 1, "quarantined": 3}
    keep(db, a_run(key=key, duration_ns=2_500_000_000, cpu_ns=None, aside={"type-error": 2, "x": 1}, rows=rows))
    (run,) = get_page(db, RunFilter()).rows
    assert (run.side, run.level, run.duration_s, run.cpu_s, run.peak_rss_bytes) == ("service@3", 3, 2.5, None, None)
    assert (run.aside, run.rows["quarantined"], run.rows["due"]) == ({"type-error": 2, "x": 1}, 3, 0)
    assert get_run(db, run.id) == run
    assert [get_run(db, number) for number in (run.id + 1, -1, 2**64)] == [None, None, None]


def test_attempts_are_in_order(db, a_run):
    """All attempts at one exchange, and none at another or in another round."""
    keep(db, a_run(2), a_run(1, "failed"), a_run(1, number=2), at(a_run(), 1))
    run = next(run for run in get_page(db, RunFilter()).rows if run.attempt == 2)
    assert [(other.attempt, other.outcome) for other in get_attempts(db, run)] == [(1, "failed"), (2, "done")]


def test_the_typical_duration_is_of_earlier_runs_of_the_feed(db, a_run):
    """Percentiles by nearest rank of completed runs before this one; fewer than five give None."""
    took = [at(a_run(duration_ns=number * 10**9), number) for number in range(1, 21)]
    others = [at(a_run(outcome="failed", duration_ns=10**12), 5, feed="g"), at(a_run(duration_ns=9), 6, feed="g")]
    keep(db, *took, *others)
    newest, *_, oldest = (run for run in get_page(db, RunFilter(feeds=("f",))).rows)
    typical = typical_duration(db, newest)
    assert (typical.low_s, typical.middle_s, typical.high_s, typical.n) == (1.0, 10.0, 19.0, 19)
    assert typical_duration(db, oldest) is None


def test_runs_known_by_a_day_are_of_blocks_that_were_over(db, a_run):
    """Lists, counts and attempts end with the last block that was over by the day."""
    later = {"block": "2013-01-07", "block_end": "2013-01-13"}
    keep(db, at(a_run(), 1), replace(at(a_run(2), 1), **later), replace(at(a_run(), 2), **later))
    (run,) = get_page(db, RunFilter(known_by=date(2013, 1, 12))).rows
    assert (run.block_end, count_runs(db, RunFilter(known_by=date(2013, 1, 12)))) == ("2013-01-06", 1)
    assert [attempt.attempt for attempt in get_attempts(db, run)] == [1, 2]
    assert [attempt.attempt for attempt in get_attempts(db, run, date(2013, 1, 12))] == [1]


@pytest.fixture
def stored(tmp_path):
    """A function that stores a run of production and reads it back."""

    def store(run):
        with closing(open_store(tmp_path / "live.db", "live")) as live_db:
            keep(live_db, run)
            return get_run(live_db, 1)

    return store


@pytest.fixture
def logged(a_run):
    """A run imported from a log of two columns: its start and its duration."""
    run = a_run(mode="live", rows={}, records=None, calls=None, operator_touch=None, release="", source="imported")
    return replace(run, key=replace(run.key, faults="real", series="", round=0), bytes_in=None, bytes_out=None)


def test_a_log_without_rows_leaves_them_unknown(stored, logged):
    """Rows, bytes, blocked time and operator time are None, not 0."""
    run = stored(logged)
    assert (run.rows, run.bytes_in, run.bytes_out, run.blocked_s, run.operator_s) == (None,) * 5
    assert not run.has_inner_counts


def test_a_zero_in_a_log_is_known(stored, logged):
    """A log that records 0 records and 0 bytes gives 0."""
    run = stored(replace(logged, records=0, bytes_in=0))
    assert (run.rows["in"], run.bytes_in, run.bytes_out) == (0, 0, None)


def test_a_zero_of_the_service_is_known(stored, a_run):
    """That nothing was blocked, sent or read is a fact there; operator time is unknown in production."""
    run = stored(a_run(mode="live", rows={}, records=0))
    assert (run.rows["in"], run.bytes_in, run.blocked_s, run.calls) == (0, 0, 0.0, 0)
    assert run.operator_s is None


@pytest.mark.parametrize("outcome", ["running", "abandoned"])
def test_a_run_without_an_end_has_unknown_counts(stored, a_run, outcome):
    """Its start event holds 0 for what only its end event can count."""
    run = stored(a_run(mode="live", outcome=outcome, duration_ns=None, rows={}, records=None))
    assert (run.rows, run.bytes_in, run.bytes_out, run.blocked_s, run.calls, run.operator_touch) == (None,) * 6


def test_operator_time_of_a_replay_is_known(db, a_run):
    """The harness times its operator, so 0 means that nobody had to do anything."""
    keep(db, a_run())
    assert get_run(db, 1).operator_s == 0.0


def test_a_store_of_an_older_release_is_refused(tmp_path, a_run):
    """A reader cannot add the run counts; the error names the command that can."""
    path = tmp_path / "old.db"
    with closing(open_store(path, "replay")) as db:
        keep(db, a_run())
        for sql in ("DROP TABLE tally", "DELETE FROM _sqlite_migrations WHERE name = 'add_tallies'"):
            db.execute(sql)
        db.conn.commit()
    with closing(open_reader(path)) as db:
        for ask in (
            lambda: count_runs(db, RunFilter()),
            lambda: get_page(db, RunFilter()),
            lambda: filter_choices(db),
            lambda: get_run(db, 1),
        ):
            with pytest.raises(StoreDamaged, match="milepost roadmap status"):
                ask()
