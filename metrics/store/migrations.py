"""Migrations of the metrics database: one function per step, applied once and in order.

The name of a function is the id of its step in the database: never rename one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlite_utils.migrations import Migrations

from metrics.events import FAILED_OUTCOMES, OUTCOMES
from metrics.store.error_fingerprint import fingerprint

if TYPE_CHECKING:
    from sqlite_utils import Database

RUN_ID = ("system", "level", "mode", "faults", "series", "round", "exchange_id", "attempt")
BLOCK_ID = ("block", "system", "level", "mode", "faults", "series", "partner", "feed", "band")
HOLDING_ID = ("system", "level", "mode", "faults", "series", "round", "partner", "feed", "file")
ANSWER_ID = (*HOLDING_ID[:-1], "control", "block")
OUTAGE_ID = (*HOLDING_ID[:-1], "day")
PARITY_ID = (*HOLDING_ID[2:5], "partner", "feed", "input_sha256")
ROUTE_ID = (*HOLDING_ID[2:5], "partner", "feed", "changed_at_us")
TALLY_ID = ("cell", "outcome", "fingerprint", "first", "last", "counted")
ANSWER_BLOCK_ID = ("system", "level", "control", "mode", "faults", "series", "block", "partner", "feed")

#: Columns of a rollup about broken rows, retries and outages; NULL in rows of older releases.
RESILIENCE_COLUMNS = ("passing", "recovered", "broken", "broken_due", "broken_held", "good_aside")

migrations = Migrations("milepost.metrics")


@migrations()
def create_runs(db: Database) -> None:
    """Create runs, holdings and answers, and the rollup per block."""
    text: dict[str, Any] = dict.fromkeys(
        ("system", "mode", "faults", "series", "partner", "feed", "file", "block", "block_end"), str
    )
    measured: dict[str, Any] = {
        "level": int, "round": int, "exchange_id": str, "attempt": int, "release": str, "band": int, "records": int,
        "due_at_us": int, "started_at_us": int, "duration_ns": int, "blocked_ns": int, "cpu_ns": int,
        "peak_rss_bytes": int, "outcome": str, "error_type": str, "error": str, "bytes_in": int, "bytes_out": int,
        "calls": int, "input_sha256": str, "operator_ns": int, "operator_touch": int, "rows_in": int,
    }  # fmt: skip
    rows: dict[str, Any] = {f"rows_{name}": int for name in OUTCOMES}
    runs = db.create_table("run", {"id": int, **text, **measured, **rows}, pk="id", strict=True)
    runs.create_index(RUN_ID, unique=True, index_name="run_key")
    runs.create_index(("started_at_us", "id"))
    runs.create_index(("partner", "feed", "started_at_us"))
    runs.create_index(BLOCK_ID, index_name="run_block_key")
    db.execute("CREATE INDEX run_unfinished ON run (started_at_us) WHERE duration_ns IS NULL")
    counts = dict.fromkeys(("due", "held", "twice", "lost", "foreign_held"), int)
    db.create_table(
        "holding", {**text, "level": int, "round": int, "band": int, **counts}, pk=HOLDING_ID, strict=True
    ).create_index(BLOCK_ID)
    answer: dict[str, Any] = {k: v for k, v in text.items() if k != "file"}
    answer |= {"level": int, "round": int, "control": str, "compared": int, "equal": int}
    db.create_table("answer", answer, pk=ANSWER_ID, strict=True)
    rollup: dict[str, Any] = {k: v for k, v in text.items() if k != "file"}
    rollup |= {"level": int, "band": int}
    sums = (
        "rounds", "attempts", "exchanges", "busy_ns", "blocked_ns", "cpu_ns", "operator_ns", "operator_touches",
        "calls", "first_failed", "still_failed", "due", "held", "twice", "lost", "foreign_held", "bytes_in",
        "bytes_out", "duration_p50_ns", "duration_p95_ns", "peak_rss_bytes", "delay_p50_us", "delay_p95_us",
        "first_started_at_us", "last_started_at_us", "rows_in",
    )  # fmt: skip
    db.create_table("run_block", {**rollup, **dict.fromkeys(sums, int), **rows}, pk=BLOCK_ID, strict=True)


@migrations()
def create_evidence(db: Database) -> None:
    """Create pinned baselines, and the append-only records of verdicts, decisions and costs."""
    db.create_table("meta", {"key": str, "value": str}, pk="key", strict=True)
    db.create_table("spool_file", {"name": str, "offset_bytes": int}, pk="name", strict=True)
    baseline: dict[str, Any] = {"id": int, "created_at_us": int}
    baseline |= dict.fromkeys(("series", "mode", "faults", "system", "sha256"), str)
    db.create_table("baseline", baseline, pk="id", strict=True)
    weight = {"baseline_id": int, "partner": str, "feed": str, "band": int, "weight": float}
    db.create_table("baseline_weight", weight, pk=("baseline_id", "partner", "feed", "band"), strict=True)
    evaluation = {
        "id": int, "code": str, "revision": int, "subject": str, "as_of": str, "status": str, "series": str,
        "verdict": str, "evidence_sha256": str, "recorded_at_us": int,
    }  # fmt: skip
    db.create_table("evaluation", evaluation, pk="id", strict=True).create_index(("code", "as_of"))
    metric = {
        "id": int, "evaluation_id": int, "code": str, "name": str, "role": str, "estimate": float, "low": float,
        "high": float, "target": float, "verdict": str, "blocks": int, "n": int,
    }  # fmt: skip
    db.create_table("metric_result", metric, pk="id", strict=True).create_index(("evaluation_id",))
    decision = {
        "id": int, "code": str, "choice": str, "advice": str, "owner": str, "why": str, "until": str, "as_of": str,
        "evidence": str, "recorded_at_us": int,
    }  # fmt: skip
    db.create_table("decision", decision, pk="id", strict=True)
    cost = {"id": int, "code": str, "amount": float, "note": str, "as_of": str, "recorded_at_us": int}
    db.create_table("cost_entry", cost, pk="id", strict=True)
    for table in ("evaluation", "metric_result", "decision", "cost_entry"):
        _append_only(db, table)


@migrations()
def add_mishaps(db: Database) -> None:
    """Add the results of broken rows, passing faults and outages; older measurements have none."""
    for name in ("broken", "good_aside"):
        db.execute(f"ALTER TABLE holding ADD COLUMN {name} INTEGER")
    for name in RESILIENCE_COLUMNS:
        db.execute(f"ALTER TABLE run_block ADD COLUMN {name} INTEGER")
    names: dict[str, Any] = dict.fromkeys(
        ("system", "mode", "faults", "series", "partner", "feed", "block", "block_end", "day"), str
    )
    counts = dict.fromkeys(("level", "round", "hours", "calls"), int)
    db.create_table("outage", {**names, **counts}, pk=OUTAGE_ID, strict=True)


@migrations()
def add_sources(db: Database) -> None:
    """Add the source of a run, the hash of the input files of a block, and the table of series."""
    db.execute("ALTER TABLE run ADD COLUMN source TEXT NOT NULL DEFAULT 'measured'")
    db.execute("ALTER TABLE run_block ADD COLUMN imported INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE run_block ADD COLUMN inputs_sha256 TEXT")
    columns = {"mode": str, "faults": str, "series": str, "faults_sha256": str, "newest_run": int, "last_round": int}
    db.create_table("series", columns, pk=("mode", "faults", "series"), strict=True)
    db.execute(
        "INSERT INTO series (mode, faults, series, newest_run, last_round) "
        "SELECT mode, faults, series, MAX(id), MAX(round) FROM run GROUP BY mode, faults, series"
    )


@migrations()
def add_plans(db: Database) -> None:
    """Create plan revisions, and forecasts, which are scored once the result is known."""
    revision: dict[str, Any] = {"id": int, "code": str, "revision": int}
    revision |= {"plan": str, "plan_sha256": str, "as_of": str, "recorded_at_us": int}
    db.create_table("plan_revision", revision, pk="id", strict=True).create_index(("code", "revision"), unique=True)
    forecast = {
        "id": int, "evaluation_id": int, "code": str, "name": str, "role": str, "faults": str, "as_of": str,
        "due": str, "points": int, "estimate": float, "odds": float, "expected_on": str,
    }  # fmt: skip
    db.create_table("forecast", forecast, pk="id", strict=True).create_index(("code", "as_of"))
    for table in ("plan_revision", "forecast"):
        _append_only(db, table)


@migrations()
def add_cells(db: Database) -> None:
    """Add an id for each block x subject x stratum, so that its runs are found by one small index.

    The plain columns stay in every run. Answers get a rollup over rounds, and rows of the append-only tables can no
    longer be replaced.
    """
    texts = dict.fromkeys(BLOCK_ID, str) | {"level": int, "band": int}
    names = ", ".join(BLOCK_ID)
    db.create_table("cell", {"id": int, **texts}, pk="id", strict=True)
    db.table("cell").create_index(BLOCK_ID, unique=True, index_name="cell_key")
    for table, last in (("run", ""), ("holding", ", round")):
        db.execute(f"ALTER TABLE {table} ADD COLUMN cell INTEGER REFERENCES cell (id)")
        db.execute(f"INSERT INTO cell ({names}) SELECT DISTINCT {names} FROM {table} WHERE true ON CONFLICT DO NOTHING")  # noqa: S608
        same = " AND ".join(f"cell.{name} = {table}.{name}" for name in BLOCK_ID)
        db.execute(f"UPDATE {table} SET cell = (SELECT id FROM cell WHERE {same})")  # noqa: S608
        db.execute(f"CREATE INDEX {table}_cell ON {table} (cell{last})")
    for index in ("run_block_key", f"idx_holding_{'_'.join(BLOCK_ID)}", "run_unfinished"):
        db.execute(f"DROP INDEX IF EXISTS {index}")
    db.execute("CREATE INDEX run_running ON run (started_at_us) WHERE outcome = 'running'")
    _roll_up_answers(db)
    for table in ("evaluation", "metric_result", "decision", "cost_entry", "plan_revision", "forecast"):
        _no_replace(db, table, " OR (code, revision) = (NEW.code, NEW.revision)" if table == "plan_revision" else "")


def _roll_up_answers(db: Database) -> None:
    """Create the rollup of answers over all rounds, one row per block and feed; a trigger adds each new answer."""
    columns: dict[str, Any] = dict.fromkeys((*ANSWER_BLOCK_ID, "block_end"), str)
    columns |= {"level": int, "compared": int, "equal": int}
    db.create_table("answer_block", columns, pk=ANSWER_BLOCK_ID, strict=True)
    names, more = ", ".join(columns), "compared = compared + excluded.compared, equal = equal + excluded.equal"
    db.execute(
        f"CREATE TRIGGER answer_rolled_up AFTER INSERT ON answer BEGIN "  # noqa: S608 (names are our own constants)
        f"INSERT INTO answer_block ({names}) VALUES ({', '.join(f'NEW.{name}' for name in columns)}) "
        f"ON CONFLICT DO UPDATE SET block_end = MAX(block_end, excluded.block_end), {more}; END"
    )
    key = ", ".join(ANSWER_BLOCK_ID)
    db.execute(
        f"INSERT INTO answer_block ({names}) SELECT {key}, MAX(block_end), SUM(compared), SUM(equal) "  # noqa: S608
        f"FROM answer GROUP BY {key}"
    )


@migrations()
def forget_old_delays(db: Database) -> None:
    """Clear the delays of older rollups: they ended with the start of the delivering attempt, not with its end."""
    db.execute("UPDATE run_block SET delay_p50_us = NULL, delay_p95_us = NULL")


@migrations()
def add_days_of_baselines(db: Database) -> None:
    """Add the day from which pinned weights are in force; NULL in older pins, whose day is unknown: always in force."""
    db.execute("ALTER TABLE baseline ADD COLUMN as_of TEXT")


@migrations()
def add_tallies(db: Database) -> None:
    """Add fingerprints of failures, reasons of quarantined rows, and counts of both, so that lists are counted quickly.

    `metrics.store.database.open_store` fills the counts from the runs.
    """
    db.execute("ALTER TABLE run ADD COLUMN fingerprint TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE run ADD COLUMN aside TEXT")
    db.conn.create_function("fingerprint", 2, fingerprint, deterministic=True)
    db.execute(
        f"UPDATE run SET fingerprint = fingerprint(error_type, error) WHERE outcome IN {FAILED_OUTCOMES}"  # noqa: S608
    )
    counts = dict.fromkeys(("first", "last", "counted", "runs", "first_at_us", "last_at_us"), int)
    tally: dict[str, Any] = {"cell": int, "outcome": str, "fingerprint": str, **counts, "block_end": str}
    db.create_table("tally", tally, pk=TALLY_ID, strict=True)
    db.execute("CREATE INDEX tally_fingerprint ON tally (fingerprint) WHERE fingerprint != ''")
    reasons: dict[str, Any] = {"cell": int, "code": str, "rows": int, "runs": int}
    db.create_table("set_aside", reasons, pk=("cell", "code"), strict=True)
    # finds the runs of a cell in the order of a list: equal outcomes, by start
    db.execute("DROP INDEX run_cell")
    db.execute("CREATE INDEX run_cell ON run (cell, outcome, fingerprint, started_at_us)")
    db.execute("CREATE INDEX run_set_aside ON run (cell) WHERE rows_quarantined > 0")
    db.execute("CREATE INDEX cell_feed ON cell (partner, feed, block)")
    db.execute("CREATE INDEX cell_side ON cell (system, level, faults, block)")


@migrations()
def add_shared_time(db: Database) -> None:
    """Add the process of a run, and its share of the time in which the process worked on several runs at once."""
    db.execute("ALTER TABLE run ADD COLUMN process TEXT NOT NULL DEFAULT ''")
    db.execute("ALTER TABLE run ADD COLUMN shared_ns INTEGER")
    db.execute(
        "CREATE INDEX run_process ON run (process, started_at_us + duration_ns / 1000) "
        "WHERE process != '' AND duration_ns IS NOT NULL"
    )


@migrations()
def add_checkins(db: Database) -> None:
    """Create the append-only check-ins: what a person says about a milestone."""
    checkin: dict[str, Any] = {
        "id": int, "code": str, "text": str, "author": str, "done": int, "total": int, "as_of": str,
        "recorded_at_us": int,
    }  # fmt: skip
    db.create_table("checkin", checkin, pk="id", strict=True).create_index(("code", "as_of"))
    _append_only(db, "checkin")
    _no_replace(db, "checkin")


@migrations()
def add_file_index(db: Database) -> None:
    """Add an index that finds files of a partner by the beginning of their name, in any case."""
    db.execute("CREATE INDEX run_file ON run (partner, file COLLATE NOCASE)")


@migrations()
def add_prices(db: Database) -> None:
    """Create the append-only prices of people and machines; an empty currency: from that day on there are none."""
    price: dict[str, Any] = {"id": int, "currency": str}
    price |= dict.fromkeys(("person_hour", "touch_minutes", "machine_hour"), float)
    price |= {"since": str, "as_of": str, "recorded_at_us": int}
    db.create_table("price", price, pk="id", strict=True)
    _append_only(db, "price")
    _no_replace(db, "price")


@migrations()
def add_moves(db: Database) -> None:
    """Create the newest comparison of each file by parity, and the changes of the stage of each feed's route."""
    counts = ("compared_at_us", "judged_at_us", "compared", "equal", "differences", "unexplained")
    parity: dict[str, Any] = dict.fromkeys((*PARITY_ID, "file", "block", "block_end", "stage", "causes"), str)
    db.create_table("parity", {**parity, **dict.fromkeys(counts, int)}, pk=PARITY_ID, strict=True)
    route: dict[str, Any] = dict.fromkeys((*ROUTE_ID, "block", "block_end", "stage", "previous"), str)
    route |= dict.fromkeys(("changed_at_us", "forced", "automatic"), int)
    db.create_table("route", route, pk=ROUTE_ID, strict=True)


def _append_only(db: Database, table: str) -> None:
    for verb in ("UPDATE", "DELETE"):
        begin = f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        db.execute(f"{begin}BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END")


def _no_replace(db: Database, table: str, same: str = "") -> None:
    """Refuse REPLACE, which deletes a row without firing the trigger for DELETE; `same` is a further condition."""
    db.execute(
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} "  # noqa: S608
        f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id = NEW.id{same}) "
        f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    )


#: Names of all steps of this release; a database with others was made by a newer release.
STEPS = frozenset(
    {
        "create_runs", "create_evidence", "add_mishaps", "add_sources", "add_plans", "add_cells",
        "forget_old_delays", "add_days_of_baselines", "add_tallies", "add_shared_time", "add_checkins",
        "add_file_index", "add_prices", "add_moves",
    }
)  # fmt: skip
