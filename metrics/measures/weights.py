"""How much each stratum weighs: the control's shares of busy time, pinned once there is enough of it.

A series is pinned once, as of one day of its calendar, by whoever judges first that there is enough; nobody pins it
again, for an earlier day neither. A pin is in force from its day on: what is asked as of a day before knows nothing of
it, whenever it is asked. Pins of releases that kept no day have none, and are in force on every day.
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
    """The weight of each stratum as pinned by the question's end; none while none are. Its series must be filled in."""
    pinned = _pin_in_force(db, question)
    sql = "SELECT partner, feed, band, weight FROM baseline_weight WHERE baseline_id = ?"
    found = db.execute(sql, (pinned[0],)) if pinned else ()
    return {(partner, feed, band): weight for partner, feed, band, weight in found}


def pinned_since(db: Database, question: Question) -> str | None:
    """The ISO day since when the weights that hold at the question's end are pinned; its series must be filled in.

    "" where they were pinned before days were kept, None where none are pinned by then.
    """
    pinned = _pin_in_force(db, question)
    return pinned[1] if pinned else None


def _pin_in_force(db: Database, question: Question) -> tuple[int, str] | None:
    """Number and day of the first baseline that is in force at a question's end."""
    # a reader may not add the column to a store in which only older releases have written
    kept = any(column.name == "as_of" for column in db.table("baseline").columns)
    since = "COALESCE(as_of, '')" if kept else "''"
    sql = (
        f"SELECT id, {since} FROM baseline WHERE series = ? AND mode = ? AND faults = ? AND system = ? "  # noqa: S608
        f"AND {since} <= ? ORDER BY 2, id LIMIT 1"
    )
    key = (question.series, question.mode, question.faults, question.control, question.end.isoformat())
    found = db.execute(sql, key).fetchone()
    return None if found is None else (int(found[0]), str(found[1]))


def pin_baseline(db: Database, question: Question, now_us: int) -> None:
    """Pin the control's weights of this series for good, as of the question's end; a second call changes nothing.

    The weights are the control's shares of busy seconds over all its blocks up to the question's end, whatever its
    scope or start: what is pinned on a day rests on what was known by then. A second call is one with any end, an
    earlier one too: what was judged since the pin would be weighed anew.
    """
    series = question.series if question.series is not None else newest_series(db, question.mode, question.faults)
    if series is None:
        return
    asked = replace(question, series=series)
    key = {"series": series, "mode": asked.mode, "faults": asked.faults, "system": asked.control}
    with write_transaction(db):
        if next(db.table("baseline").rows_where(" AND ".join(f"{name} = :{name}" for name in key), key), None):
            return
        shares = _busy_time_shares(db, asked)
        if not shares:
            return
        sha256 = hashlib.sha256(repr(sorted(shares.items())).encode()).hexdigest()
        row = {"created_at_us": now_us, **key, "as_of": asked.end.isoformat(), "sha256": sha256}
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
