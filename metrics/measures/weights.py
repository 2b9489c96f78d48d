"""Weights of the strata: their shares of the control's busy time, pinned once there is enough evidence.

A series is pinned once, as of one day of its calendar, by the first evaluation that finds enough evidence. It is never
pinned again, not for an earlier day either. A pin is in force from its day on: a question as of an earlier day ignores
it, whenever it is asked. Pins of older releases have no day and are in force on every day.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from metrics.question import system_and_level
from metrics.store.database import write_transaction
from metrics.store.series import newest_series

if TYPE_CHECKING:
    from sqlite_utils import Database

    from metrics.question import Question, Stratum


def pinned_weights(db: Database, question: Question) -> dict[Stratum, float]:
    """Return the weight of each stratum, as pinned by the question's end; empty where none are pinned by then.

    The series of the question must be resolved.
    """
    pinned = _pin_in_force(db, question)
    sql = "SELECT partner, feed, band, weight FROM baseline_weight WHERE baseline_id = ?"
    rows = db.execute(sql, (pinned[0],)) if pinned else ()
    return {(partner, feed, band): weight for partner, feed, band, weight in rows}


def pinned_since(db: Database, question: Question) -> str | None:
    """Return the ISO day since when the weights in force at the question's end are pinned.

    "" where an older release pinned them without a day, None where none are pinned by then. The series of the question
    must be resolved.
    """
    pinned = _pin_in_force(db, question)
    return pinned[1] if pinned else None


def _pin_in_force(db: Database, question: Question) -> tuple[int, str] | None:
    """Return id and day of the first baseline that is in force at a question's end."""
    # a store that only older releases have written lacks the column, and a reader may not add it
    has_day = any(column.name == "as_of" for column in db.table("baseline").columns)
    since = "COALESCE(as_of, '')" if has_day else "''"
    sql = (
        f"SELECT id, {since} FROM baseline WHERE series = ? AND mode = ? AND faults = ? AND system = ? "  # noqa: S608
        f"AND {since} <= ? ORDER BY 2, id LIMIT 1"
    )
    key = (question.series, question.mode, question.faults, question.control, question.end.isoformat())
    row = db.execute(sql, key).fetchone()
    return None if row is None else (int(row[0]), str(row[1]))


def pin_baseline(db: Database, question: Question, now_us: int) -> None:
    """Pin the weights of the question's series, once and for good, as of the question's end.

    The weights are the strata's shares of the control's busy seconds over all its blocks up to the question's end,
    whatever the question's scope or start, so that a pin uses only what was known on its day. A second call changes
    nothing, whatever its end: an earlier pin would change the weights of what was evaluated since.
    """
    series = question.series
    if series is None:
        series = newest_series(db, question.mode, question.faults, question.start)
    if series is None:
        return
    resolved = replace(question, series=series)
    key = {"series": series, "mode": resolved.mode, "faults": resolved.faults, "system": resolved.control}
    with write_transaction(db):
        if next(db.table("baseline").rows_where(" AND ".join(f"{name} = :{name}" for name in key), key), None):
            return
        shares = _busy_time_shares(db, resolved)
        if not shares:
            return
        sha256 = hashlib.sha256(repr(sorted(shares.items())).encode()).hexdigest()
        row = {"created_at_us": now_us, **key, "as_of": resolved.end.isoformat(), "sha256": sha256}
        pinned = db.table("baseline").insert(row).last_pk
        rows = [
            {"baseline_id": pinned, "partner": partner, "feed": feed, "band": band, "weight": weight}
            for (partner, feed, band), weight in shares.items()
        ]
        db.table("baseline_weight").insert_all(rows)


def _busy_time_shares(db: Database, question: Question) -> dict[Stratum, float]:
    sql = (
        "SELECT partner, feed, band, SUM(busy_ns) FROM run_block WHERE series = ? AND mode = ? AND faults = ? "
        "AND system = ? AND level = ? AND block_end <= ? "
        "GROUP BY partner, feed, band HAVING SUM(busy_ns) > 0 ORDER BY partner, feed, band"
    )
    side = system_and_level(question.control)
    key = (question.series, question.mode, question.faults, *side, question.end.isoformat())
    busy = {(partner, feed, band): ns for partner, feed, band, ns in db.execute(sql, key)}
    total = sum(busy.values())
    return {stratum: ns / total for stratum, ns in busy.items()}
