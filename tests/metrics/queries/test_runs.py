"""Lists of runs: counts equal the lists page by page, for any events in any order; and what is unknown of a run."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from itertools import count as numbers

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrics.errors import StoreDamaged
from metrics.events import FAILED_OUTCOMES, HoldingEvent, RunEvent, RunKey
from metrics.queries.pagination import Cursor
from metrics.queries.run_filter import NO_ERROR_RECORDED, CountedRuns, RunFilter
from metrics.queries.run_grid import filter_choices
from metrics.queries.runs import count_runs, get_attempts, get_page, get_run, typical_duration
from metrics.store.database import open_reader, open_store
from metrics.store.rollup import mark_abandoned
from metrics.store.writer import insert_events

FIRST = date(2013, 1, 1)
SIDES = (("monolith", 0), ("service", 1), ("service", 2))
PARTNERS, FEEDS = ("AA", "b' OR 1 --"), ("f", '<script>"%_')
ERRORS = (("", ""), ("http-503", "no answer from 'x' in 3 s"), ("late", "\N{SNOWMAN} row 7\n"))
ENDS = ("done", "already_received", "running", *FAILED_OUTCOMES)
ACT = 1_357_000_000_000_000

files = st.tuples(
    st.sampled_from(SIDES), st.sampled_from(PARTNERS), st.sampled_from(FEEDS), st.integers(0, 2), st.integers(1, 2),
    st.sampled_from([2, 10]), st.booleans(),
    st.lists(
        st.tuples(st.sampled_from(ENDS), st.integers(0, 3), st.sampled_from(ERRORS), st.booleans()),
        min_size=1, max_size=3,
    ),
)  # fmt: skip

many = st.lists(st.sampled_from((*ENDS, "nonsense")), max_size=2).map(tuple)
picks = st.builds(
    RunFilter,
    sides=st.lists(st.sampled_from(["monolith", "service", "service@2", "service@x"]), max_size=2).map(tuple),
    states=many,
    partners=st.lists(st.sampled_from([*PARTNERS, "nobody"]), max_size=2).map(tuple),
    feeds=st.lists(st.sampled_from(FEEDS), max_size=1).map(tuple),
    faults=st.lists(st.sampled_from(["standard", "real"]), max_size=1).map(tuple),
    first=st.none() | st.integers(0, 20).map(lambda n: FIRST + timedelta(days=n)),
    last=st.none() | st.integers(0, 20).map(lambda n: FIRST + timedelta(days=n)),
    known_by=st.none() | st.integers(-1, 21).map(lambda n: FIRST + timedelta(days=n)),
    attempt=st.sampled_from(["", "", "first", "last"]),
    fingerprint=st.sampled_from(["", "", "", NO_ERROR_RECORDED, "7e0a"]),
    counted=st.none() | st.builds(
        CountedRuns,
        sides=st.dictionaries(
            st.sampled_from(["monolith", "service@1"]),
            st.none() | st.frozensets(st.integers(0, 2).map(lambda n: (FIRST + timedelta(weeks=n)).isoformat())),
            max_size=2,
        ),
        scope=st.sampled_from([("*/*",), ("AA/*", "b*/[!f]*"), ()]),
        mode=st.sampled_from(["replay", "live"]), faults=st.sampled_from(["standard", "real"]),
        series=st.sampled_from(["s", ""]),
        start=st.integers(0, 2).map(lambda n: FIRST + timedelta(weeks=n)),
        end=st.integers(0, 20).map(lambda n: FIRST + timedelta(days=n)),
    ),
)  # fmt: skip


def events_of(mode, exchanges):
    """Return the events of exchanges: each attempt, and what a replay's partner holds after a complete round."""
    events = []
    for number, ((system, level), partner, feed, week, turn, records, held, tries) in enumerate(exchanges):
        days = {"block": (FIRST + timedelta(weeks=week)).isoformat()}
        days["block_end"] = (FIRST + timedelta(weeks=week, days=6 if mode == "replay" else 0)).isoformat()
        who = {
            "system": system, "level": level, "mode": mode, "faults": "standard" if mode == "replay" else "real",
            "series": "s" if mode == "replay" else "", "round": turn if mode == "replay" else 0,
        }  # fmt: skip
        for attempt, (outcome, later, (error_type, error), sized) in enumerate(tries, 1):
            if mode == "live":
                days["block"] = days["block_end"] = (FIRST + timedelta(weeks=week, days=later)).isoformat()
            has_records = mode == "replay" or sized
            event = RunEvent(
                key=RunKey(**who, exchange_id=f"x{number}", attempt=attempt), release="1", partner=partner, feed=feed,
                file="f.csv", **days, due_at_us=ACT, started_at_us=ACT + later, outcome=outcome,
                duration_ns=None if outcome == "running" else 5, error_type=error_type, error=error,
                records=records if has_records else None, rows={"in": records},
            )  # fmt: skip
            events.append(("start" if outcome == "running" else "run", event))
        if mode == "replay" and held:
            counts = {"due": records, "held": records, "twice": 0, "lost": 0, "foreign": 0}
            where = {"partner": partner, "feed": feed, "file": f"{number}", **days}
            events.append(("holding", HoldingEvent(**who, **where, **counts)))
    return events


def expected(db, picked):
    """Return the ids of a list, by checking every run of the store."""
    db.conn.row_factory = sqlite3.Row
    runs, holdings = (db.execute(f"SELECT * FROM {name}").fetchall() for name in ("run", "holding"))
    db.conn.row_factory = None
    ended = [(key(run), run["attempt"]) for run in runs if run["outcome"] != "running"]
    held = {(holding["cell"], holding["round"]) for holding in holdings}
    selected = [run for run in runs if is_selected(run, picked, ended, held)]
    return [run["id"] for run in sorted(selected, key=lambda run: (run["block"], run["started_at_us"], run["id"]))][
        ::-1
    ]


def key(run):
    """Return the columns that the attempts at one exchange share."""
    return tuple(run[name] for name in ("system", "level", "mode", "faults", "series", "round", "exchange_id"))


def is_selected(run, picked, ended, held):
    """Check a run against each field of the filter."""
    side = f"service@{run['level']}" if run["level"] else "monolith"
    states = {run["outcome"]} | ({"failed"} if run["outcome"] in FAILED_OUTCOMES else {""})
    if run["outcome"] == "failed":
        states = {"failed"}
    is_last = run["outcome"] == "running" or not any(k == key(run) and n > run["attempt"] for k, n in ended)
    is_counted = run["outcome"] != "running" and (run["mode"] == "live" or (run["cell"], run["round"]) in held)
    mark = run["fingerprint"] or (NO_ERROR_RECORDED if run["outcome"] in FAILED_OUTCOMES else "")
    return (
        (not picked.sides or {side, run["system"]} & set(picked.sides))
        and (not picked.states or states & set(picked.states))
        and (not picked.partners or run["partner"] in picked.partners)
        and (not picked.feeds or run["feed"] in picked.feeds)
        and (not picked.faults or run["faults"] in picked.faults)
        and (picked.first is None or run["block_end"] >= str(picked.first))
        and (picked.last is None or run["block"] <= str(picked.last))
        and (picked.known_by is None or run["block_end"] <= str(picked.known_by))
        and {"": True, "first": run["attempt"] == 1, "last": is_last}[picked.attempt]
        and picked.fingerprint in {"", mark}
        and (picked.counted is None or (is_counted and counts(run, side, picked.counted)))
    )


def counts(run, side, counted):
    """Check whether a reading counts a run that the rollup counts."""
    name = f"{run['partner']}/{run['feed']}"
    scope = counted.scope == ("*/*",) or (counted.scope and (name[0] == "A" or not name.endswith("/f")))
    blocks = counted.sides.get(side, frozenset())
    if blocks is None:
        here = run["block"] >= str(counted.start) and run["block_end"] <= str(counted.end)
    else:
        here = run["block"] in blocks
    same = (run["mode"], run["faults"], run["series"]) == (counted.mode, counted.faults, counted.series)
    return bool(scope) and here and same


def all_pages(db, picked, size, *, newer=False):
    """Return the ids of all pages, newest first, read from one end to the other."""
    listed, cursor = [], None
    while True:
        page = get_page(db, picked, cursor, size, newer=newer)
        ids = [run.id for run in page.rows]
        assert len(ids) <= size
        listed = ids + listed if newer else listed + ids
        cursor = page.newer if newer else page.older
        if cursor is None:
            return listed
        cursor = Cursor.parse(cursor.text)


serial = numbers()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    mode=st.sampled_from(["replay", "live"]),
    exchanges=st.lists(files, min_size=1, max_size=8),
    filters=st.lists(picks, min_size=6, max_size=6),
    size=st.integers(1, 4),
    dice=st.randoms(),
)
def test_a_count_is_the_length_of_its_list(tmp_path, mode, exchanges, filters, size, dice):
    """For any runs, in any order and batches, some abandoned: both directions, page by page, none twice."""
    events = events_of(mode, exchanges)
    dice.shuffle(events)
    cut = dice.randrange(len(events) + 1)
    with closing(open_store(tmp_path / f"{next(serial)}.db", mode)) as db:
        for part in (events[:cut], events[cut:]):
            with db.atomic():
                insert_events(db, part)
        with db.atomic():
            mark_abandoned(db, ACT + dice.randrange(4))
        for picked in (RunFilter(), *filters):
            ids = expected(db, picked)
            assert count_runs(db, picked) == len(ids)
            assert all_pages(db, picked, size) == ids
            assert all_pages(db, picked, size, newer=True) == ids


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
