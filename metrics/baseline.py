"""How much each stratum weighs: the control's shares of busy time, pinned once there is enough of it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

from metrics.question import side_of
from metrics.store import last_series, writing

if TYPE_CHECKING:
    from sqlite_utils import Database

    from metrics.question import Question, Stratum


def weights(db: Database, question: Question) -> dict[Stratum, float]:
    """The pinned weight of each stratum; none while none are pinned. `question.series` must be filled in."""
    key = (question.series, question.mode, question.faults, question.control)
    sql = (
        "SELECT partner, feed, band, weight FROM baseline_weight WHERE baseline_id = (SELECT MIN(id) FROM baseline "
        "WHERE series = ? AND mode = ? AND faults = ? AND system = ?)"
    )
    return {(partner, feed, band): weight for partner, feed, band, weight in db.execute(sql, key)}


def pin_baseline(db: Database, question: Question, now_us: int) -> None:
    """Pin the control's weights of this series for good; a second call changes nothing.

    The weights are the control's shares of busy seconds over all its blocks up to the question's end, whatever its
    scope or start: what is pinned on a day rests on what was known by then.
    """
    series = question.series if question.series is not None else last_series(db, question.mode, question.faults)
    if series is None:
        return
    asked = replace(question, series=series)
    key = {"series": series, "mode": asked.mode, "faults": asked.faults, "system": asked.control}
    with writing(db):
        if next(db.table("baseline").rows_where(" AND ".join(f"{name} = :{name}" for name in key), key), None):
            return
        shares = _control_shares(db, asked)
        if not shares:
            return
        sha256 = hashlib.sha256(repr(sorted(shares.items())).encode()).hexdigest()
        pinned = db.table("baseline").insert({"created_at_us": now_us, **key, "sha256": sha256}).last_pk
        rows = [
            {"baseline_id": pinned, "partner": partner, "feed": feed, "band": band, "weight": weight}
            for (partner, feed, band), weight in shares.items()
        ]
        db.table("baseline_weight").insert_all(rows)


def _control_shares(db: Database, question: Question) -> dict[Stratum, float]:
    sql = (
        "SELECT partner, feed, band, SUM(busy_ns) FROM run_block WHERE series = ? AND mode = ? AND faults = ? "
        "AND system = ? AND level = ? AND block_end <= ? "
        "GROUP BY partner, feed, band HAVING SUM(busy_ns) > 0 ORDER BY partner, feed, band"
    )
    key = (question.series, question.mode, question.faults, *side_of(question.control), question.end.isoformat())
    busy = {(partner, feed, band): ns for partner, feed, band, ns in db.execute(sql, key)}
    total = sum(busy.values())
    return {stratum: ns / total for stratum, ns in busy.items()}
