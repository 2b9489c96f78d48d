"""Checkpoint of past evaluations, so that a daily judgement does not repeat them.

Each recorded evaluation holds the day up to which the milestone was evaluated and a hash of all inputs up to that day.
The next judgement continues after that day if every cell of those inputs is unchanged; otherwise it evaluates every
block again. Either way the result is that of a full evaluation.
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
    """Return a hash of all inputs of the evaluations up to a day."""
    inputs = [(faults, window.sha256_until(day)) for faults, window in sorted(windows.items())]
    return hashlib.sha256(repr(inputs).encode()).hexdigest()


def with_inputs_hash(checkpoint: Checkpoint | None, windows: Mapping[str, Window]) -> Checkpoint | None:
    """Return a checkpoint with the hash of its inputs."""
    return replace(checkpoint, sha256=hash_inputs(windows, checkpoint.until)) if checkpoint else None


def newest_checkpoint(
    db: Database, milestone: Milestone, windows: Mapping[str, Window], series: str, today: date
) -> Checkpoint | None:
    """Return the checkpoint of the newest evaluation of this plan and series; None if its inputs have changed since."""
    sql = (
        "SELECT json_extract(verdict, '$.looked') FROM evaluation WHERE code = ? AND as_of <= ? AND series = ? "
        "AND json_extract(verdict, '$.plan_sha256') = ? AND json_extract(verdict, '$.looked.until') <= ? "
        "ORDER BY as_of DESC, id DESC LIMIT 1"
    )
    day = today.isoformat()
    row = db.execute(sql, (milestone.code, day, series, milestone.fingerprint, day)).fetchone()
    if row is None:
        return None
    data = json.loads(row[0])
    checkpoint = Checkpoint(
        until=date.fromisoformat(data["until"]),
        met_on={(role, name, faults): date.fromisoformat(on) for role, name, faults, on in data["met_on"]},
        proven_on=date.fromisoformat(data["proven_on"]) if data["proven_on"] else None,
        sha256=data["sha256"],
    )
    return checkpoint if hash_inputs(windows, checkpoint.until) == checkpoint.sha256 else None
