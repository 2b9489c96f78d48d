"""What every table and column of the metrics database holds, as Datasette's `metadata.json`."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING, Any

from metrics.errors import BadInput
from metrics.events import OUTCOMES
from metrics.output import resolve_target
from metrics.store.database import CLOCKS
from metrics.store.rows import BANDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: What a column holds in every table that has it, unless its table says otherwise.
COLUMNS: Mapping[str, str] = {
    "id": "Number of the row",
    "system": "Whose it is: monolith, service, or monolith#2 for the monolith measured against itself",
    "level": "Service level; 0 for the monolith",
    "mode": "live or replay",
    "faults": "What went wrong: none, standard (by plan), or real for live runs",
    "series": "Hash of everything that must be equal for two numbers to be compared; empty for live runs",
    "round": "Pass of a replay, from 1; 0 for live runs",
    "partner": "The partner",
    "feed": "What is exchanged with the partner",
    "file": "Name of the file",
    "block": "First day (ISO date, UTC) of the unit of evidence: a replayed week, or a day of production",
    "block_end": "Last day of the block (ISO date)",
    "day": "The day (ISO date)",
    "band": "Size band, by records that are due: "
    + ", ".join(f"{number} = {words}" for number, words in enumerate(BANDS))
    + "; -1 = nobody counted",
    "due": "Distinct source records that are due; empty where nobody counted",
    "held": "Due records that the partner holds; each once, however many copies it has",
    "twice": "Further copies that the partner holds",
    "lost": "Records called delivered that the partner does not hold",
    "foreign_held": "Records held that no source row explains",
    "broken": "Rows of the files that are broken by plan; none is due",
    "good_aside": "Due records that were set aside all the same",
    "calls": "Requests sent to the partner",
    "bytes_in": "Bytes read; of a run, NULL where nobody noted",
    "bytes_out": "Bytes sent; of a run, NULL where nobody noted",
    "blocked_ns": "Nanoseconds spent on requests that ended in a time-out; not busy time",
    "cpu_ns": "Processor time, in nanoseconds",
    "peak_rss_bytes": "Largest resident memory, in bytes; empty where it is not known",
    "operator_ns": "Nanoseconds that the operator spent",
    "rows_in": "Rows read",
    **{f"rows_{name}": f"Rows that ended {name}, after the last attempt" for name in OUTCOMES},
    "code": "Code of the milestone",
    "name": "Name of the measure",
    "role": "metric or guardrail",
    "as_of": "The day it was judged or written for (ISO date, on the store's clock)",
    "recorded_at_us": "When it was written, in UTC microseconds",
    "created_at_us": "When it was written, in UTC microseconds",
    "evaluation_id": "The evaluation that it belongs to",
    "estimate": "The estimate; shares are 0 to 1",
    "plan_sha256": "Hash of the plan",
    "cell": "Number of its block, side and stratum in cell",
    "control": "The side that is compared with",
    "compared": "Records that either side delivered",
    "equal": "Records that both delivered, field for field",
}

#: Tables: what they are, and what their own columns hold.
TABLES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "run": (
        "One row an attempt at one exchange, as it was measured or imported",
        {
            "exchange_id": "What all attempts at one exchange have in common",
            "attempt": "Which attempt at its exchange, from 1",
            "release": "Version of the program; empty where it tells none",
            "records": "Rows of the file that are due; empty where nobody counted",
            "due_at_us": "When the file was there to be exchanged, in UTC microseconds",
            "started_at_us": "Start in UTC microseconds; in a replay, on the replayed calendar",
            "duration_ns": "Wall time by the monotonic clock, in nanoseconds; empty for a run without an end",
            "outcome": "How it ended: done, already_received, refused, failed, abandoned, due, ambiguous; or running",
            "error_type": "Kind of error; exit code 3 for a recorded command",
            "error": "The error in words",
            "input_sha256": "Hash of the file that came in; empty where it is not known",
            "operator_touch": "1 where a person started this run again",
            "source": "measured, or imported from a log that the system itself had kept",
            "operator_ns": "Nanoseconds that the operator spent before this run",
            "fingerprint": "What failures that are alike have in common, as a hash; empty for others",
            "aside": "Rows that stand set aside after this attempt, by error code, as JSON; empty: nobody noted why",
        },
    ),
    "run_block": (
        "Rollup: one row a block, side and stratum (feed and size band); what pages and verdicts read",
        {
            "rounds": "Passes of a replay that are summed here",
            "attempts": "Attempts",
            "exchanges": "Exchanges, however many attempts each took",
            "busy_ns": "Nanoseconds of all attempts, less those blocked on time-outs; a killed one is as the longest",
            "operator_touches": "Attempts that a person started",
            "first_failed": "Exchanges whose first attempt failed",
            "still_failed": "Exchanges whose last attempt failed",
            "duration_p50_ns": "Median wall time of an attempt, in nanoseconds",
            "duration_p95_ns": "95th percentile of the wall time of an attempt, in nanoseconds",
            "delay_p50_us": "Median time from due to the end of the attempt that delivered, in microseconds; "
            "empty in rows of older releases",
            "delay_p95_us": "95th percentile of the same, in microseconds",
            "first_started_at_us": "Start of the earliest attempt, in UTC microseconds",
            "last_started_at_us": "Start of the latest attempt, in UTC microseconds",
            "passing": "Exchanges that failed in passing: first not by a refusal; empty in rows of older releases",
            "recovered": "Those of them that were completed without a person; empty in rows of older releases",
            "broken_due": "Due records of files that hold broken rows; empty in rows of older releases",
            "broken_held": "Those of them that the partner holds; empty in rows of older releases",
            "imported": "How many of the attempts were imported",
            "inputs_sha256": "Hash of the distinct files that came in, each counted once however often it was run; "
            "empty where one of them is not known",
        },
    ),
    "tally": (
        "How many runs of a cell ended alike: what lists are counted by",
        {
            "outcome": "How they ended, as in run; or running",
            "fingerprint": "What failures that are alike have in common, as a hash; empty for others",
            "first": "1 for first attempts",
            "last": "1 where no later attempt has ended",
            "counted": "1 where run_block counts them",
            "runs": "How many",
            "first_at_us": "Start of the earliest, in UTC microseconds",
            "last_at_us": "Start of the latest, in UTC microseconds",
        },
    ),
    "set_aside": (
        "Rows set aside by reason, of the last attempts that are counted",
        {
            "code": "Code of the error; empty where nobody noted why",
            "rows": "Rows that stand set aside",
            "runs": "In how many runs",
        },
    ),
    "holding": ("What a partner holds of one file at the end of its block, counted from outside", {}),
    "answer": (
        "Whether two sides gave the partner the same records in one block",
        {},
    ),
    "answer_block": ("Rollup of answer over all passes: one row a block and feed", {}),
    "cell": ("The block, side and stratum that runs are rolled up by, one number each", {}),
    "outage": (
        "A day on which a partner took nothing, by side",
        {"hours": "Hours that it lasted", "calls": "Requests that were sent all the same"},
    ),
    "series": (
        "What all numbers of one series have in common",
        {
            "faults_sha256": "Hash of the file of fault rates; empty where faults are real, or nobody recorded it",
            "newest_run": "Its newest row in run",
            "last_round": "Its latest pass",
        },
    ),
    "baseline": (
        "Pinned baselines: from then on the weights stand still",
        {
            "as_of": "The day from which on they are in force; NULL: on every day, pinned before days were kept",
            "sha256": "Hash of the weights",
        },
    ),
    "baseline_weight": (
        "The weights of a pinned baseline: shares of the control's busy time, one a stratum",
        {"baseline_id": "The baseline", "weight": "Share of the busy time, 0 to 1"},
    ),
    "evaluation": (
        "Verdicts on milestones as they were given; append-only",
        {
            "revision": "Revision of the plan",
            "subject": "Whose milestone it is, as service@1",
            "status": "The status that was computed",
            "series": "The series that it rests on, one of each kind of faults",
            "verdict": "The whole verdict with its evidence, as JSON",
            "evidence_sha256": "Hash of everything that it was computed from",
        },
    ),
    "metric_result": (
        "One measure of one evaluation; append-only",
        {
            "low": "Lower end of the bound that decides",
            "high": "Upper end of the bound that decides",
            "target": "What was promised",
            "verdict": "met, not_met, inconclusive, insufficient, invalid; held, breached, unproven",
            "blocks": "Blocks that both sides have",
            "n": "How many were counted",
        },
    ),
    "decision": (
        "What people decided, with the evidence that they had; append-only",
        {
            "choice": "continue, change, pause, stop or resume",
            "advice": "What was advised",
            "owner": "Who decided",
            "why": "The reason",
            "until": "The day (ISO date) until which it holds; empty for as long as no other is taken",
            "evidence": "The evidence that it was taken on, as JSON",
        },
    ),
    "cost_entry": (
        "What was spent on a milestone; append-only",
        {"amount": "The amount, in the unit of the budget", "note": "What for"},
    ),
    "plan_revision": (
        "Plans as they were when their milestones started, and every re-plan; append-only",
        {"revision": "Number of the revision, from 1", "plan": "What was promised, as JSON"},
    ),
    "forecast": (
        "Forecasts as they were made, to be scored once it is known; append-only",
        {
            "due": "The day (ISO date) that it speaks of",
            "points": "Weekly points that it rests on",
            "odds": "Odds that the target is proven by then, 0 to 1",
            "expected_on": "The day (ISO date) on which the proof is expected; empty for not within three years",
        },
    ),
    "meta": ("What the database says of itself", {"key": "What", "value": "The value; clock is live or replay"}),
    "spool_file": (
        "How far each spool file has been taken in",
        {"name": "Name of the file", "offset_bytes": "Bytes that were taken in"},
    ),
    "_sqlite_migrations": (
        "Steps of the database's own history",
        {"migration_set": "Whose steps", "name": "The step", "applied_at": "When it was taken, in UTC"},
    ),
}


def describe_column(table: str, column: str) -> str | None:
    """What a column holds; None where nobody has said."""
    return TABLES.get(table, ("", {}))[1].get(column) or COLUMNS.get(column)


def build_metadata(columns: Mapping[str, list[str]]) -> dict[str, Any]:
    """The metadata of databases whose tables have these columns."""
    tables = {
        table: {
            "description": TABLES[table][0],
            "columns": {name: describe_column(table, name) for name in names if describe_column(table, name)},
        }
        for table, names in columns.items()
        if table in TABLES
    }
    return {
        "title": "Milepost",
        "description": "Runs of both sides, their rollups, and what was judged and decided on them.",
        "databases": {
            f"metrics-{clock}": {"description": f"Measurements on the {clock} clock", "tables": tables}
            for clock in CLOCKS
        },
    }


def metadata_json() -> str:
    """The metadata of a database of this release, as JSON."""
    return json.dumps(build_metadata(fresh_columns()), indent=2, ensure_ascii=False) + "\n"


def fresh_columns() -> dict[str, list[str]]:
    """The tables of this release and their columns."""
    from sqlite_utils import Database

    from metrics.store.migrations import migrations

    db = Database(memory=True)
    try:
        migrations.apply(db)
        return {name: list(db[name].columns_dict) for name in db.table_names()}
    finally:
        db.close()


def write_beside(store: Path) -> None:
    """Write `metadata.json` beside a database unless it says the same already. A place that is closed is left."""
    path = store.with_name("metadata.json")
    told = metadata_json()
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if path.read_text("utf-8") == told:
            return
    with contextlib.suppress(BadInput):  # it helps a reader, and keeps nobody from measuring
        write_metadata(path)


def write_metadata(path: Path) -> None:
    """Write the metadata to a file, whole or not at all. Raises BadInput."""
    place = resolve_target(path)
    aside = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        aside.write_text(metadata_json(), "utf-8")
        aside.replace(place)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise BadInput(f"{path}: cannot be written: {error.strerror}") from error
