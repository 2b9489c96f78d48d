"""Record and read check-ins: what a person says about a milestone, dated, appended and never changed.

A check-in stands beside the computed status and never changes it. A wrong one is corrected by a further one.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from metrics.store.database import write_transaction
from roadmap.errors import Refused
from roadmap.model import Checkin

if TYPE_CHECKING:
    from sqlite_utils import Database

    from roadmap.plan.milestones import Milestone

#: The longest text of a check-in, in characters.
MAX_TEXT = 1_000

#: The most that a check-in can count to.
MAX_TOTAL = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckinOrder:
    """What to record as a check-in; `on` is the day that it is of, None for today."""

    text: str
    by: str = ""
    done: int | None = None
    of: int | None = None  #: None: that of the milestone file, where it has one
    on: date | None = None


def record_checkin(db: Database, milestone: Milestone, order: CheckinOrder, as_of: date, now_us: int) -> Checkin:
    """Record a check-in on a milestone as of a day, and return it.

    Raises:
        Refused: the text is blank or too long, or the numbers make no sense.
    """
    code, text = milestone.code, " ".join(order.text.split())
    if not text:
        raise Refused("--text is blank; a check-in says in a sentence how it stands")
    if len(text) > MAX_TEXT:
        raise Refused(f"--text has {len(text):,} characters; write at most {MAX_TEXT:,}")
    planned = milestone.checkin.of if milestone.checkin else None
    total = planned if order.of is None else order.of
    if planned is not None and total != planned:
        raise Refused(f"{code}: --of {total} differs from the {planned} of the milestone file; change it there")
    if order.done is None and order.of is not None:
        raise Refused(f"{code}: --of {order.of} goes with --done N")
    if order.done is not None:
        if total is None:
            raise Refused(f"{code}: --done {order.done} goes with --of M, as the milestone file names no total")
        if total < 1 or not 0 <= order.done <= total:
            raise Refused(f"{code}: --done {order.done} is not between 0 and --of {total}")
        if total > MAX_TOTAL:
            raise Refused(f"{code}: --of {total} is too large; give at most {MAX_TOTAL:,}")
    row = {
        "code": code,
        "text": text,
        "author": " ".join(order.by.split()),
        "done": order.done,
        "total": None if order.done is None else total,
        "as_of": as_of.isoformat(),
        "recorded_at_us": now_us,
    }
    with write_transaction(db):
        db.table("checkin").insert(row)
        return checkins(db, code, as_of)[-1]


def checkins(db: Database, code: str, today: date) -> tuple[Checkin, ...]:
    """Return the check-ins on a milestone up to a day, oldest first."""
    if not db.table("checkin").exists():  # only older releases have written here; a reader may not add it
        return ()
    sql = "SELECT id, text, author, done, total, as_of FROM checkin WHERE code = ? AND as_of <= ? ORDER BY as_of, id"
    return tuple(
        Checkin(id=number, text=text, by=author, done=done, of=total, as_of=date.fromisoformat(as_of))
        for number, text, author, done, total, as_of in db.execute(sql, (code, today.isoformat())).fetchall()
    )


def latest_checkins(db: Database, today: date) -> dict[str, Checkin]:
    """Return the latest check-in of each milestone up to a day, by code."""
    if not db.table("checkin").exists():
        return {}
    codes = [str(code) for (code,) in db.execute("SELECT DISTINCT code FROM checkin ORDER BY code").fetchall()]
    recorded = {code: checkins(db, code, today) for code in codes}
    return {code: rows[-1] for code, rows in recorded.items() if rows}
