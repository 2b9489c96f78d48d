"""Counts of runs, by any filter, are the lengths of the lists that they announce."""

import sqlite3
from contextlib import closing
from datetime import date, timedelta
from itertools import count as numbers

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrics.events import FAILED_OUTCOMES, HoldingEvent, RunEvent, RunKey
from metrics.queries.pagination import Cursor
from metrics.queries.run_filter import NO_ERROR_RECORDED, CountedRuns, RunFilter
from metrics.queries.runs import count_runs, get_page
from metrics.store.database import open_store
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
