"""The metrics database: what is kept, what is rolled up, and what is refused."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import date

import pytest
from sqlite_utils import Database

from metrics.errors import StoreDamaged, StoreMissing
from metrics.events import AnswerEvent, OutageEvent
from metrics.measures.reading import NOT_COUNTED
from metrics.measures.registry import MEASURES
from metrics.measures.window import load_window
from metrics.question import Question
from metrics.store.database import is_access_error, open_reader, open_store
from metrics.store.migrations import migrations
from metrics.store.rollup import mark_abandoned
from metrics.store.rows import size_band
from metrics.store.series import last_evidence_day, newest_series, next_round, rows_of_round
from metrics.store.writer import insert_events


@pytest.fixture
def db(tmp_path):
    """A fresh store on the replayed clock."""
    with closing(open_store(tmp_path / "metrics.db", "replay")) as found:
        yield found


def keep(db, *events):
    """Insert as a collector does; returns how many were new."""
    with db.atomic():
        return insert_events(db, events)


def test_the_same_run_told_twice_counts_once(db, a_run):
    """However often an event is read, there is one run, and the rollup stays."""
    live = a_run(mode="live")
    assert keep(db, ("run", live), ("run", live)) == 1
    assert keep(db, ("run", live)) == 0
    assert [row["attempts"] for row in db.query("SELECT attempts FROM run_block")] == [1]


def test_an_end_replaces_its_start_and_nothing_replaces_an_end(db, a_run):
    """In whatever order start and end are read, the run ends as it ended."""
    keep(db, ("run", a_run()), ("start", a_run()))
    keep(db, ("start", a_run(attempt=2)))
    assert [row["outcome"] for row in db.query("SELECT outcome FROM run ORDER BY attempt")] == ["done", "running"]
    keep(db, ("run", a_run(attempt=2, outcome="failed")), ("run", a_run(attempt=2, outcome="done")))
    assert [row["outcome"] for row in db.query("SELECT outcome FROM run ORDER BY attempt")] == ["done", "failed"]


def test_busy_time_is_of_all_attempts_less_what_was_blocked(db, a_run, a_holding):
    """Failed attempts cost time; a time-out's wait is kept apart; records count once, however often they are held."""
    failed = a_run(outcome="failed", duration_ns=1_000, blocked_ns=900)
    keep(db, ("run", failed), ("run", a_run(attempt=2, duration_ns=50)), ("holding", a_holding))
    (row,) = db.query("SELECT * FROM run_block")
    assert (row["busy_ns"], row["blocked_ns"], row["attempts"], row["exchanges"]) == (150, 900, 2, 1)
    assert (row["due"], row["held"], row["twice"]) == (4, 4, 2)
    assert (row["first_failed"], row["still_failed"]) == (1, 0)
    assert (row["rows_in"], row["rows_delivered"], row["rows_failed"]) == (4, 4, 0)


@pytest.mark.parametrize("outcome", ["failed", "refused", "abandoned", "due", "ambiguous"])
def test_a_failure_is_one_by_whatever_name(db, a_run, outcome):
    """Put off until later, left unclear, refused: at the first attempt and at the last it counts as failed."""
    keep(db, ("run", a_run(outcome=outcome, mode="live")))
    assert rolled(db, "first_failed, still_failed") == {"first_failed": 1, "still_failed": 1}
    keep(db, ("run", a_run(attempt=2, mode="live")))
    assert rolled(db, "first_failed, still_failed") == {"first_failed": 1, "still_failed": 0}


def rolled(db, names):
    """Columns of the one rollup row there is."""
    (row,) = db.query(f"SELECT {names} FROM run_block")
    return row


@pytest.mark.parametrize(
    ("attempts", "passing", "recovered"),
    [
        ([("done", 0)], 0, 0),
        ([("due", 0), ("done", 0)], 1, 1),
        ([("due", 0), ("due", 0), ("already_received", 0)], 1, 1),
        ([("failed", 0), ("done", 1)], 1, 0),
        ([("due", 0), ("failed", 0), ("done", 1)], 1, 0),
        ([("abandoned", 0), ("done", 1)], 1, 0),
        ([("due", 0)], 1, 0),
        ([("ambiguous", 0)], 1, 0),
        ([("refused", 0), ("done", 1)], 0, 0),
        ([("refused", 0), ("failed", 1), ("done", 1)], 0, 0),
    ],
)
def test_recovered_is_completed_without_a_touch(db, a_run, attempts, passing, recovered):
    """First failed in passing, then done, and no person started any attempt: that alone has recovered."""
    events = [
        ("run", a_run(attempt=n, outcome=outcome, operator_touch=touch, mode="live"))
        for n, (outcome, touch) in enumerate(attempts, 1)
    ]
    keep(db, *events)
    assert rolled(db, "passing, recovered") == {"passing": passing, "recovered": recovered}


def test_recoveries_are_told_apart_by_exchange_and_round(db, a_run, a_holding):
    """The same exchange recovered in one round and not in another is two exchanges, one of them recovered."""
    runs = [a_run(1, "due"), a_run(2), a_run(1, "due", number=2), a_run(2, number=2, operator_touch=1)]
    keep(db, *(("run", run) for run in runs), *(("holding", replace(a_holding, round=n)) for n in (1, 2)))
    assert rolled(db, "passing, recovered") == {"passing": 2, "recovered": 1}


def test_good_rows_are_counted_in_files_that_have_broken_ones(db, a_run, a_holding):
    """A file without broken rows adds nothing to the good rows beside them; rows set aside are added up over all."""
    other = replace(a_holding, file="b.csv", due=5, held=4, broken=2, good_aside=1)
    keep(db, ("run", a_run()), ("holding", replace(a_holding, good_aside=2)), ("holding", other))
    names = "due, held, broken, broken_due, broken_held, good_aside"
    assert tuple(rolled(db, names).values()) == (9, 8, 2, 5, 4, 3)


def test_an_outage_is_kept_once(db):
    """The same day told twice is one row."""
    outage = OutageEvent(
        system="service", level=1, mode="replay", faults="none", series="s", round=1, partner="AA", feed="f",
        block="2013-01-01", block_end="2013-01-06", day="2013-01-03", hours=24, calls=7,
    )  # fmt: skip
    assert keep(db, ("outage", outage), ("outage", outage)) == 1
    assert [(row["day"], row["hours"], row["calls"]) for row in db["outage"].rows] == [("2013-01-03", 24, 7)]


def older(path, a_run, a_holding):
    """A database as the release before wrote it."""
    with closing(open_store(path, "replay")) as db:
        keep(db, ("run", a_run()), ("holding", a_holding))
        db.conn.executescript(
            "DROP TABLE outage; ALTER TABLE holding DROP COLUMN broken; ALTER TABLE holding DROP COLUMN good_aside;"
            + "".join(
                f"ALTER TABLE run_block DROP COLUMN {name};"
                for name in ("passing", "recovered", "broken", "broken_due", "broken_held", "good_aside")
            )
            + "DELETE FROM _sqlite_migrations WHERE name = 'add_mishaps'"
        )
    return path


@pytest.mark.parametrize("opener", [open_reader, lambda path: open_store(path, "replay")], ids=["reader", "writer"])
def test_an_older_database_opens_and_says_what_it_did_not_count(tmp_path, a_run, a_holding, opener):
    """Its numbers stay as they are; what was not counted then is missing, not 0."""
    path = older(tmp_path / "old.db", a_run, a_holding)
    with closing(opener(path)) as db:
        asked = Question(subject="service@1", start=date(2013, 1, 1), end=date(2013, 1, 6), faults="none")
        window = load_window(db, asked)
        assert MEASURES["lost_records"].compute(window).n == 4
        for name in ("good_rows_delivered", "false_rejects", "recovered_unattended", "wasted_calls"):
            found = MEASURES[name].compute(window)
            assert (found.estimate, found.missing) == (None, NOT_COUNTED)


def test_an_older_database_takes_new_events(tmp_path, a_run, a_holding):
    """Once opened for writing it counts what it did not before."""
    path = older(tmp_path / "old.db", a_run, a_holding)
    with closing(open_store(path, "replay")) as db:
        second = replace(a_holding, round=2, broken=1)
        keep(db, ("run", a_run(number=2)), ("holding", second))
        assert rolled(db, "held, broken, broken_due") == {"held": 8, "broken": 1, "broken_due": 4}


def test_a_file_handed_in_again_is_an_exchange_on_either_side(db, a_run):
    """A copy that is refused as already received counts as an exchange like one that is delivered once more."""
    again = a_run(mode="live", outcome="already_received", rows={"in": 0})
    keep(db, ("run", a_run(mode="live")), ("run", replace(again, key=replace(again.key, exchange_id="AA/f/b.csv"))))
    (row,) = db.query("SELECT exchanges, first_failed, rows_in, rows_delivered FROM run_block")
    assert row == {"exchanges": 2, "first_failed": 0, "rows_in": 4, "rows_delivered": 4}


def test_quantiles_are_of_runs_that_were_measured(db, a_run):
    """The median and the 95th percentile of a block are nearest-rank, over its runs."""
    keep(db, *(("run", a_run(attempt=n, duration_ns=n * 10, mode="live")) for n in range(1, 21)))
    (row,) = db.query("SELECT duration_p50_ns, duration_p95_ns FROM run_block")
    assert row == {"duration_p50_ns": 100, "duration_p95_ns": 190}


def test_a_run_without_an_end_is_abandoned_in_time(db, a_run):
    """A start older than the limit counts as a failure of unknown length; a younger one is left."""
    first = a_run(started_at_us=10, mode="live", records=0)
    keep(db, ("start", first), ("start", a_run(attempt=2, started_at_us=20, mode="live")))
    mark_abandoned(db, 15)
    assert [row["outcome"] for row in db.query("SELECT outcome FROM run ORDER BY attempt")] == ["abandoned", "running"]
    (row,) = db.query("SELECT attempts, first_failed, duration_p50_ns FROM run_block")
    assert row == {"attempts": 1, "first_failed": 1, "duration_p50_ns": None}


def test_a_run_that_ends_after_all_is_no_longer_abandoned(db, a_run):
    """A run longer than the limit counts as it ended, in the stratum of its rows, and nowhere else."""
    keep(db, ("start", a_run(started_at_us=10, mode="live", records=0)))
    mark_abandoned(db, 15)
    keep(db, ("run", a_run(started_at_us=10, mode="live", records=500, duration_ns=7_000)))
    found = list(db.query("SELECT band, attempts, first_failed, busy_ns FROM run_block"))
    assert found == [{"band": 4, "attempts": 1, "first_failed": 0, "busy_ns": 7_000}]


def test_a_round_that_was_cut_short_does_not_count(db, a_run, a_holding):
    """Runs of a round whose holdings were never counted add no time; they do once the holdings are there."""
    keep(db, ("run", a_run()), ("holding", a_holding), ("run", a_run(number=2, duration_ns=9_000)))
    assert [tuple(row.values()) for row in db.query("SELECT rounds, busy_ns, held FROM run_block")] == [(1, 100, 4)]
    keep(db, ("holding", replace(a_holding, round=2)))
    assert [tuple(row.values()) for row in db.query("SELECT rounds, busy_ns, held FROM run_block")] == [(2, 9_100, 8)]


def test_a_round_is_counted_by_the_last_attempt(db, a_run):
    """Rows of a file that failed and was then done are delivered; rows of other rounds are theirs."""
    keep(db, ("run", a_run(outcome="failed")), ("run", a_run(attempt=2)), ("run", a_run(number=2, outcome="failed")))
    assert rows_of_round(db, "service@1", "none", "s", 1)["delivered"] == 4
    assert rows_of_round(db, "service@1", "none", "s", 1)["failed"] == 0
    assert rows_of_round(db, "service@1", "none", "s", 2)["failed"] == 4
    assert next_round(db, "replay", "none") == 3
    assert next_round(db, "replay", "standard") == 1


def test_today_is_the_end_of_the_last_block(db, a_run):
    """In a replay the calendar stands at the last day there is evidence of; before any, there is no today."""
    assert last_evidence_day(db) is None
    keep(db, ("run", a_run(mode="live")))
    assert last_evidence_day(db) == "2013-01-06"


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        (0, 0),
        (1, 0),
        (3, 0),
        (4, 1),
        (15, 1),
        (16, 2),
        (63, 2),
        (64, 3),
        (255, 3),
        (256, 4),
        (1023, 4),
        (1024, 5),
        (10**7, 5),
    ],
)
def test_bands_part_at_powers_of_four(records, expected):
    """A size band ends just below a power of four, and the last has no end."""
    assert size_band(records) == expected


RECORD = ("evaluation", "metric_result", "decision", "cost_entry", "plan_revision", "forecast")


@pytest.mark.parametrize("table", RECORD)
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
def test_what_was_judged_and_decided_is_never_changed(tmp_path, table, sql):
    """The database itself refuses, whoever opens it, to change, delete or replace a line of the record."""
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


def test_a_plan_is_not_replaced_under_another_number(tmp_path):
    """The same revision of the same milestone is refused, whatever its id."""
    with closing(open_store(tmp_path / "m.db", "live")) as db:
        db["plan_revision"].insert({"code": "M1", "revision": 1, "plan": "first"})
    with closing(sqlite3.connect(tmp_path / "m.db")) as raw:
        with pytest.raises(sqlite3.IntegrityError, match="plan_revision is append-only"):
            raw.execute("INSERT OR REPLACE INTO plan_revision (id, code, revision, plan) VALUES (9, 'M1', 1, 'other')")
        assert raw.execute("SELECT plan FROM plan_revision").fetchall() == [("first",)]


def at_step(path, last):
    """A database as the release wrote it whose last step of history this was."""
    names = [step.name for step in migrations.pending(Database(memory=True))]
    db = Database(sqlite3.connect(path))
    migrations.apply(db, stop_before=names[names.index(last) + 1])
    db["meta"].insert({"key": "clock", "value": "replay"})
    return db


@pytest.mark.parametrize("last", ["add_mishaps", "add_plans"])
def test_a_database_without_cells_is_carried_over(tmp_path, a_run, a_holding, last):
    """Its runs, holdings and answers stay, and a new round of an old block counts the old rounds too."""
    answer = AnswerEvent(
        system="service", level=1, control="monolith", mode="replay", faults="none", series="s", round=1,
        partner="AA", feed="f", block="2013-01-01", block_end="2013-01-06", compared=4, equal=3,
    )  # fmt: skip
    events = (("run", a_run()), ("start", a_run(2)), ("holding", a_holding), ("answer", answer))
    with closing(open_store(tmp_path / "new.db", "replay")) as new:
        keep(new, *events)
    with closing(at_step(tmp_path / "old.db", last)) as old:
        old.execute("ATTACH ? AS new", (str(tmp_path / "new.db"),))
        for table in ("run", "holding", "answer", "run_block"):
            names = ", ".join(column.name for column in old[table].columns)
            with old.conn:
                old.execute(f"INSERT INTO {table} ({names}) SELECT {names} FROM new.{table}")
    with closing(open_store(tmp_path / "old.db", "replay")) as db:
        assert db.execute("SELECT COUNT(*), COUNT(cell) FROM run").fetchone() == (2, 2)
        assert db.execute("SELECT compared, equal FROM answer_block").fetchall() == [(4, 3)]
        keep(
            db, *events, ("run", a_run(number=2)), ("holding", replace(a_holding, round=2)),
            ("answer", replace(answer, round=2)),
        )  # fmt: skip
        assert rolled(db, "rounds, attempts, held") == {"rounds": 2, "attempts": 2, "held": 8}
        assert db.execute("SELECT compared, equal FROM answer_block").fetchall() == [(8, 6)]
        assert db["cell"].count == 1


def test_the_newest_series_is_that_of_the_run_that_came_last(db, a_run):
    """Of two series in one batch the later counts as the newest; an old run told again does not change that."""
    old, new = a_run(), a_run()
    new = replace(new, key=replace(new.key, series="t", round=2))
    keep(db, ("run", old), ("run", new))
    assert newest_series(db, "replay", "none") == "t"
    keep(db, ("run", old))
    assert newest_series(db, "replay", "none") == "t"
    assert next_round(db, "replay", "none") == 3


def test_the_two_clocks_are_never_mixed(tmp_path):
    """A store of replayed runs does not take live ones."""
    open_store(tmp_path / "m.db", "replay").close()
    with pytest.raises(StoreDamaged, match="holds replay runs, not live ones"):
        open_store(tmp_path / "m.db", "live")


@pytest.mark.parametrize("opener", [lambda path: open_store(path, "live"), open_reader], ids=["writer", "reader"])
def test_a_file_that_is_no_database_is_left_alone(tmp_path, opener):
    """Something else in the store's place is named, and not written over."""
    (tmp_path / "m.db").write_bytes(b"a letter " * 500)
    with pytest.raises(StoreDamaged, match=r"m\.db"):
        opener(tmp_path / "m.db")
    assert (tmp_path / "m.db").read_bytes() == b"a letter " * 500


def test_a_store_of_a_newer_release_is_left_alone(tmp_path):
    """A step of its history that this release does not know is named."""
    with closing(open_store(tmp_path / "m.db", "live")) as db:
        table = db["_sqlite_migrations"]
        table.insert({"migration_set": "milepost.metrics", "name": "create_wonders", "applied_at": "2030-01-01"})
    with pytest.raises(StoreDamaged, match="made by a newer release \\(create_wonders\\)"):
        open_store(tmp_path / "m.db", "live")


def test_another_programs_database_is_left_alone(tmp_path):
    """A SQLite file with other tables is named and not added to; one without any is nothing yet, to a reader."""
    with closing(sqlite3.connect(tmp_path / "m.db")) as other:
        other.execute("CREATE TABLE letters (text)")
        other.commit()
        for opener in (lambda: open_store(tmp_path / "m.db", "live"), lambda: open_reader(tmp_path / "m.db")):
            with pytest.raises(StoreDamaged, match=r"another program's database \(it has letters\)"):
                opener()
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("letters",)]
    (tmp_path / "empty.db").touch()
    with pytest.raises(StoreMissing, match="no metrics yet"):
        open_reader(tmp_path / "empty.db")


def test_a_reader_changes_nothing(tmp_path):
    """What pages read through cannot write, and a store that is not there is not made."""
    with pytest.raises(StoreDamaged, match="no metrics yet"):
        open_reader(tmp_path / "m.db")
    assert list(tmp_path.iterdir()) == []
    open_store(tmp_path / "m.db", "live").close()
    with closing(open_reader(tmp_path / "m.db")) as db, pytest.raises(sqlite3.OperationalError, match="readonly"):
        db.execute("DELETE FROM run")


def test_a_database_that_may_not_be_written_is_no_damaged_one(db, tmp_path):
    """Nobody is told to move away, or to replace, what is whole."""
    with closing(sqlite3.connect(f"file:{tmp_path / 'metrics.db'}?mode=ro", uri=True)) as reader:
        with pytest.raises(sqlite3.OperationalError) as found:
            reader.execute("DELETE FROM run")
        assert is_access_error(found.value)
        with pytest.raises(sqlite3.OperationalError) as other:
            reader.execute("SELECT nothing")
        assert not is_access_error(other.value)
