"""The outbox of notifications: the table `notification` of the ledger.

An attempt claims its notification: no other process sends it until the attempt is recorded, counts as lost after
`CLAIM_S`, or its process has ended.
"""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from poc.ledger.process_identity import is_dead, process_id
from poc.ledger.tables.notifications import NOTIFICATION
from poc.notify.notification import Notification
from poc.retries.backoff import SCHEDULE_S, backoff_s

if TYPE_CHECKING:
    from poc.ledger.ledger import Ledger

#: Seconds after which an attempt without a result counts as lost; far more than any attempt may take.
CLAIM_S = 300.0

#: A time further ahead than this was written while the clock was wrong, and counts as over.
LONGEST_WAIT_US = int(max(SCHEDULE_S) * 1_000_000)

#: Days for which notifications are listed that were sent, or were given up.
KEPT_DAYS = 90

#: The most notifications of a target that are looked at to find the next one.
MOST_READY = 50

NOW_US = sa.bindparam("now_us", type_=sa.Integer())

c = NOTIFICATION.c
NAMES = tuple(part.name for part in fields(Notification))
INSERT = insert(NOTIFICATION).on_conflict_do_nothing().returning(c.id)
_BEGIN = NOTIFICATION.alias("begin")
#: The end of an alert waits until the earlier begins of that kind and feed were sent or given up.
_WAITS = sa.and_(
    c.phase == "ended",
    sa.exists().where(
        _BEGIN.c.target == c.target,
        _BEGIN.c.state == "pending",
        _BEGIN.c.phase == "begun",
        *(_BEGIN.c[name] == c[name] for name in ("kind", "partner", "feed")),
        sa.literal_column("begin.rowid") < sa.literal_column("notification.rowid"),
    ),
)
#: Those that may be sent, the oldest first; of those under way, which have an owner, a few: one for each process.
SELECT_READY = (
    sa.select(*(c[name] for name in NAMES), c.next_at_us, c.owner)
    .where(
        c.target == sa.bindparam("of_target"),
        c.state == "pending",
        sa.or_(c.next_at_us <= NOW_US, c.next_at_us > NOW_US + LONGEST_WAIT_US, c.owner != ""),
        ~_WAITS,
    )
    .order_by(sa.literal_column("notification.rowid"))
    .limit(sa.literal_column(str(MOST_READY)))
)
SELECT_TARGETS = sa.select(c.target).where(c.state == "pending").distinct()
_SAME = sa.and_(c.id == sa.bindparam("of_id"), c.target == sa.bindparam("of_target"), c.state == "pending")
CLAIM = (
    sa.update(NOTIFICATION)
    .where(_SAME, c.attempts == sa.bindparam("of_attempts"))  # else another process has claimed it
    .values(next_at_us=sa.bindparam("lost_at_us"), attempts=c.attempts + 1, owner=sa.bindparam("new_owner"))
    .returning(c.attempts)
)
RECORD = (
    sa.update(NOTIFICATION)
    .where(_SAME, c.attempts == sa.bindparam("of_attempts"))  # else another attempt was claimed meanwhile
    .values(
        state=sa.bindparam("new_state"),
        owner="",
        error=sa.bindparam("new_error"),
        next_at_us=sa.bindparam("new_time"),
        sent_at_us=sa.bindparam("new_sent"),
    )
)
DELETE_OLD = sa.delete(NOTIFICATION).where(c.state != "pending", c.created_at_us < sa.bindparam("before_us"))
SELECT_RECENT = (
    sa.select(*(column for column in c if column.name not in {"owner", "body"}))
    .order_by(sa.literal_column("notification.rowid DESC"))
    .limit(sa.bindparam("most"))
)
SELECT_TROUBLES = (
    sa.select(c.target, c.state, sa.func.count(), sa.func.min(c.created_at_us), sa.func.max(c.error))
    .where(
        sa.or_(
            sa.and_(c.state == "pending", c.error != ""),
            sa.and_(c.state == "failed", c.created_at_us >= sa.bindparam("since_us")),
        ),
        c.phase != "test",
    )
    .group_by(c.target, c.state)
    .order_by(c.target, c.state)
)


def add_notification(ledger: Ledger, notification: Notification) -> bool:
    """Add a notification to the transaction of the caller; return False where its target has the same one already."""
    values = {**asdict(notification), "state": "pending", "next_at_us": notification.created_at_us}
    return bool(ledger.execute(INSERT, values))


def add_test(ledger: Ledger, notification: Notification, error: str, now_us: int) -> None:
    """Add a test message with its result, and commit; with an error it was not sent, and is not sent again."""
    values = {
        **asdict(notification), "attempts": 1, "state": "failed" if error else "sent", "error": error,
        "next_at_us": now_us, "sent_at_us": None if error else now_us,
    }  # fmt: skip
    ledger.execute(INSERT, values)
    ledger.commit()


def delete_old(ledger: Ledger, now_us: int) -> None:
    """Delete what was sent or given up more than `KEPT_DAYS` ago, in the transaction of the caller."""
    ledger.execute(DELETE_OLD, {"before_us": now_us - KEPT_DAYS * 86_400_000_000})


def pending_targets(ledger: Ledger) -> list[str]:
    """Return the names of the targets to which something is to be sent."""
    return sorted(name for (name,) in ledger.execute(SELECT_TARGETS, {}))


def claim_next(ledger: Ledger, target: str, now_us: int) -> Notification | None:
    """Claim the oldest notification to a target that is due, and commit; None where there is none.

    The end of an alert waits until the begins of that kind and feed were sent or given up.
    """
    rows = ledger.execute(SELECT_READY, {"of_target": target, "now_us": now_us})
    for *values, next_at_us, owner in rows:
        notification = Notification(**dict(zip(NAMES, values, strict=True)))
        is_due = not now_us < next_at_us <= now_us + LONGEST_WAIT_US
        if not (is_due or (owner and is_dead(owner))):
            continue
        claim = {
            "of_id": notification.id, "of_target": target, "of_attempts": notification.attempts,
            "lost_at_us": now_us + int(CLAIM_S * 1_000_000), "new_owner": process_id(),
        }  # fmt: skip
        claimed = ledger.execute(CLAIM, claim)
        ledger.commit()
        if claimed:
            return notification
    return None


def record_sent(ledger: Ledger, notification: Notification, now_us: int) -> None:
    """Record that a target took a notification, and commit."""
    _record(ledger, notification, "sent", "", now_us, now_us)


def record_failure(ledger: Ledger, notification: Notification, error: str, now_us: int, chance: float) -> None:
    """Record that an attempt failed, and commit: it is tried again by the schedule of retries, and then given up.

    Args:
        ledger: the ledger.
        notification: as it was claimed.
        error: why, without secrets.
        now_us: the current time, in microseconds since 1970.
        chance: 0 to 1, the share of the wait; it keeps notifications that failed together apart.
    """
    wait_s = backoff_s(notification.attempts + 1, 1.0, chance)
    if wait_s is None:
        give_up(ledger, notification, error, now_us)
    else:
        _record(ledger, notification, "pending", error, now_us + int(wait_s * 1_000_000), None)


def give_up(ledger: Ledger, notification: Notification, error: str, now_us: int) -> None:
    """Record that a notification is not sent any more, and commit."""
    _record(ledger, notification, "failed", error, now_us, None)


def recent_notifications(ledger: Ledger, most: int) -> list[dict[str, Any]]:
    """Return the newest notifications without their texts, newest first."""
    names = [column.name for column in c if column.name not in {"owner", "body"}]
    return [dict(zip(names, row, strict=True)) for row in ledger.execute(SELECT_RECENT, {"most": most})]


def failing_targets(ledger: Ledger, since_us: int) -> list[dict[str, Any]]:
    """Return the targets that did not take notifications: those to be sent again, and those given up since a time."""
    names = ("target", "state", "count", "oldest_us", "error")
    rows = ledger.execute(SELECT_TROUBLES, {"since_us": since_us})
    return [dict(zip(names, row, strict=True)) for row in rows]


def _record(
    ledger: Ledger, notification: Notification, state: str, error: str, next_at_us: int, sent_at_us: int | None
) -> None:
    values = {
        "of_id": notification.id, "of_target": notification.target, "of_attempts": notification.attempts + 1,
        "new_state": state, "new_error": error, "new_time": next_at_us, "new_sent": sent_at_us,
    }  # fmt: skip
    ledger.execute(RECORD, values)
    ledger.commit()
