"""Stage changes of routes that the store has, for charts over time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from sqlite_utils import Database

    from dashboard.cache.view import View

#: The newest changes that charts look at.
MAX_CHANGES = 200


def stage_moves(db: Database, view: View) -> tuple[tuple[date, str, str, str], ...]:
    """Return day, partner, feed and new stage of each change of a stage up to the view's day, the newest first."""
    if not db.table("route").exists():  # an older release wrote the store
        return ()
    sql = (
        "SELECT changed_at_us, partner, feed, stage FROM route WHERE mode = ? AND stage != previous AND block_end <= ? "
        "ORDER BY changed_at_us DESC LIMIT ?"
    )
    rows = db.execute(sql, (view.mode, (view.as_of or view.today).isoformat(), MAX_CHANGES)).fetchall()
    return tuple(
        (datetime.fromtimestamp(at_us / 1_000_000, UTC).date(), partner, feed, stage)
        for at_us, partner, feed, stage in rows
    )
