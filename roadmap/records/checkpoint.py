"""How far a milestone was looked at, what was found on the way, and a hash of all that it was found in.

Judging a year of production every day would take every earlier look again each time. So each evaluation keeps how far
was looked; the next judgement begins after that day, provided that everything those looks rested on is still the same,
cell for cell. Where one cell is not, all looks are taken again: what is found is what a full look finds.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from roadmap.model import Checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlite_utils import Database

    from metrics.measures.window import Window
    from roadmap.plan.milestones import Milestone


def hash_inputs(windows: Mapping[str, Window], day: date) -> str:
    """Hash of everything that looks until a day can see."""
    told = [(faults, window.rests_on(day)) for faults, window in sorted(windows.items())]
    return hashlib.sha256(repr(told).encode()).hexdigest()


def with_inputs_hash(looked: Checkpoint | None, windows: Mapping[str, Window]) -> Checkpoint | None:
    """The same with the hash of what it rests on."""
    return replace(looked, sha256=hash_inputs(windows, looked.until)) if looked else None


def newest_checkpoint(
    db: Database, milestone: Milestone, windows: Mapping[str, Window], series: str, today: date
) -> Checkpoint | None:
    """How far was looked by the newest evaluation of this very plan and series; None where that no longer holds."""
    sql = (
        "SELECT json_extract(verdict, '$.looked') FROM evaluation WHERE code = ? AND as_of <= ? AND series = ? "
        "AND json_extract(verdict, '$.plan_sha256') = ? AND json_extract(verdict, '$.looked.until') <= ? "
        "ORDER BY as_of DESC, id DESC LIMIT 1"
    )
    day = today.isoformat()
    row = db.execute(sql, (milestone.code, day, series, milestone.fingerprint, day)).fetchone()
    if row is None:
        return None
    kept = json.loads(row[0])
    found = Checkpoint(
        until=date.fromisoformat(kept["until"]),
        met_on={(role, name, faults): date.fromisoformat(on) for role, name, faults, on in kept["met_on"]},
        proven_on=date.fromisoformat(kept["proven_on"]) if kept["proven_on"] else None,
        sha256=kept["sha256"],
    )
    return found if hash_inputs(windows, found.until) == found.sha256 else None
