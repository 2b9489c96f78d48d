"""The rollup of runs in production, and of what comes late, out of order, or on a clock that jumped."""

from contextlib import closing
from dataclasses import replace
from hashlib import sha256
from itertools import permutations

import pytest

from metrics.store.database import open_store
from metrics.store.rollup import mark_abandoned
from metrics.store.writer import insert_events

HOUR_US = 3_600_000_000


@pytest.fixture
def db(tmp_path):
    """A fresh store on the wall clock."""
    with closing(open_store(tmp_path / "metrics.db", "live")) as found:
        yield found


@pytest.fixture
def live(a_run):
    """A function that makes a run in production: an exchange, and what it changes of the run of a.csv."""

    def make(exchange="1", attempt=1, outcome="done", **changes):
        run = a_run(attempt=attempt, outcome=outcome, mode="live", **changes)
        return replace(run, key=replace(run.key, exchange_id=exchange, faults="real", series="", round=0))

    return make


def keep(db, *events):
    """Insert as a collector does, all at once."""
    with db.atomic():
        insert_events(db, events)


def rolled(db, names, where="1"):
    """Columns of the one rollup row there is."""
    (row,) = db.execute(f"SELECT {names} FROM run_block WHERE {where}").fetchall()
    return row


def test_in_production_what_was_delivered_stands_for_what_is_held(db, live):
    """Due is what was known of each exchange, held what its last attempt delivered; the rest nobody can count."""
    short = {"in": 4, "delivered": 3, "quarantined": 1}
    keep(db, ("run", live("1", outcome="failed")), ("run", live("1", 2)), ("run", live("2", rows=short)))
    assert rolled(db, "exchanges, due, held, rows_delivered") == (2, 8, 7, 7)
    assert rolled(db, "twice, lost, foreign_held, broken, broken_due, broken_held, good_aside") == (None,) * 7


def test_an_exchange_that_failed_is_due_and_not_held(db, live):
    """Leaving a failure out would flatter: its records were due."""
    keep(db, ("run", live("1")), ("run", live("2", outcome="failed")))
    assert rolled(db, "due, held, busy_ns") == (8, 4, 200)


def test_where_records_were_not_counted_nothing_is_known_to_be_held(db, live):
    """A completed exchange of unknown size makes its cell one that cannot be compared; others are not touched."""
    keep(db, ("run", live("1")), ("run", live("2", records=None)))
    assert rolled(db, "due, held", "band = 1") == (4, 4)
    assert rolled(db, "due, held, busy_ns, rows_delivered", "band = -1") == (None, None, 100, 4)


def test_a_file_received_before_costs_time_and_adds_no_records(db, live):
    """Its records are counted where it was delivered."""
    keep(db, ("run", live("1")), ("run", live("2", outcome="already_received", rows={"in": 0}, records=4)))
    assert rolled(db, "exchanges, busy_ns, due, held") == (2, 200, 4, 4)


def test_in_a_replay_only_what_was_counted_outside_is_held(tmp_path, a_run, a_holding):
    """There the partner's own count stands, and no subject's word for it."""
    with closing(open_store(tmp_path / "replay.db", "replay")) as db:
        keep(db, ("run", a_run()), ("holding", replace(a_holding, held=1)))
        assert rolled(db, "due, held, rows_delivered") == (4, 1, 4)


def test_imported_runs_are_counted(db, live):
    """A block says how many of its runs come from a log that was kept elsewhere."""
    keep(db, ("run", live("1")), ("run", live("2", source="imported")), ("run", live("3", source="imported")))
    assert rolled(db, "attempts, imported") == (3, 2)


def test_inputs_are_the_same_in_whatever_order_and_however_often(db, live):
    """Two sides with the same files have the same hash; one file more, or another, is another hash."""
    files = [live("1", input_sha256="b" * 64), live("2", input_sha256="a" * 64), live("2", 2, input_sha256="a" * 64)]
    keep(db, *(("run", run) for run in files))
    expected = sha256(f"{'a' * 64} {'b' * 64}".encode()).hexdigest()
    assert rolled(db, "inputs_sha256") == (expected,)
    other = [replace(run, key=replace(run.key, system="monolith", level=0)) for run in (files[1], files[0])]
    keep(db, *(("run", run) for run in other))
    assert rolled(db, "inputs_sha256", "system = 'monolith'") == (expected,)


def test_one_run_without_its_input_leaves_the_inputs_unknown(db, live):
    """Nobody can say then that both sides had the same files."""
    keep(db, ("run", live("1", input_sha256="a" * 64)), ("run", live("2")))
    assert rolled(db, "inputs_sha256") == (None,)


def test_the_delay_lasts_until_the_end_of_the_delivery(db, live):
    """From due to delivered: the wait and the work of what was delivered; what failed was not delivered."""
    waited = [live(str(n), due_at_us=1_000, started_at_us=1_000 + n, duration_ns=5_000) for n in (1, 2, 3)]
    failed = live("4", outcome="failed", due_at_us=1_000, started_at_us=9_000_000, duration_ns=5_000)
    keep(db, *(("run", run) for run in (*waited, failed)))
    assert rolled(db, "delay_p50_us, delay_p95_us") == (7, 8)


def test_a_clock_that_was_set_back_is_kept_as_it_was_told(db, live):
    """A start before the file was due, or before an earlier attempt, changes no count."""
    early = live("1", outcome="due", due_at_us=5 * HOUR_US, started_at_us=2 * HOUR_US, duration_ns=0)
    earlier = live("1", 2, due_at_us=5 * HOUR_US, started_at_us=HOUR_US, duration_ns=1_000)
    keep(db, ("run", early), ("run", earlier))
    names = "attempts, exchanges, first_failed, still_failed, passing, recovered, busy_ns, delay_p50_us"
    assert rolled(db, names) == (2, 1, 1, 0, 1, 1, 1_000, 1 - 4 * HOUR_US)
    assert rolled(db, "first_started_at_us, last_started_at_us") == (HOUR_US, 2 * HOUR_US)


def test_the_order_in_which_events_come_changes_nothing(tmp_path, live):
    """Ends before starts, the second attempt before the first, one by one or all at once: the same store."""
    told = [
        ("start", live("1", started_at_us=10, records=None)), ("run", live("1", outcome="failed", started_at_us=10)),
        ("start", live("1", 2, started_at_us=20, records=None)), ("run", live("1", 2, started_at_us=20)),
    ]  # fmt: skip
    found = set()
    for number, order in enumerate(permutations(told)):
        with closing(open_store(tmp_path / f"{number}.db", "live")) as db:
            for event in order:
                keep(db, event)
            runs = db.execute("SELECT attempt, outcome, band, duration_ns FROM run ORDER BY attempt").fetchall()
            found.add((*runs, *db.execute("SELECT * FROM run_block").fetchall()))
    assert len(found) == 1
    ((first, second, block),) = found
    assert (first, second) == ((1, "failed", 1, 100), (2, "done", 1, 100))
    assert block.count("service") == 1


def test_events_years_late_roll_up_their_old_block_again(db, live):
    """What comes late counts in the block where it belongs; blocks that it does not touch stay."""
    old = {"block": "2011-05-01", "block_end": "2011-05-01"}
    keep(db, ("run", live("1", **old)), ("run", live("2")))
    untouched = db.execute("SELECT * FROM run_block WHERE block != '2011-05-01'").fetchall()
    keep(db, ("run", live("3", **old)), ("run", live("1", **old)))
    assert rolled(db, "attempts, exchanges, held", "block = '2011-05-01'") == (2, 2, 8)
    assert db.execute("SELECT * FROM run_block WHERE block != '2011-05-01'").fetchall() == untouched


def test_the_block_that_a_run_leaves_is_rolled_up_too(db, live):
    """A run given up in one stratum that ends in another counts only where it ended."""
    keep(db, ("start", live("1", started_at_us=10, records=None)), ("run", live("2", records=None)))
    mark_abandoned(db, 15)
    assert rolled(db, "attempts", "band = -1") == (2,)
    keep(db, ("run", live("1", started_at_us=10)))
    assert rolled(db, "attempts, still_failed", "band = -1") == (1, 0)
    assert rolled(db, "attempts, still_failed", "band = 1") == (1, 0)


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
def test_runs_are_found_by_an_index(db, where, index):
    """What is asked of raw runs reads the runs it is about, and no others."""
    (plan,) = [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN SELECT id FROM run WHERE {where}")]
    assert plan.startswith("SEARCH")
    assert index in plan
