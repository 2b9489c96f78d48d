"""When an exchange that is due is sent: at its time, and at once where that time was written under a wrong clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from poc.ledger.schema import BREAKER, EXCHANGE

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The longest wait of a partner whose settings do not say otherwise, in microseconds.
LONGEST_WAIT_US = 86_400 * 1_000_000

#: A time that lies so far ahead of its maximum, or more, was written under another clock, in microseconds.
TOLERANCE_US = 1_000_000


def due_now(now_us: int, longest_us: Mapping[str, int]) -> sa.ColumnElement[bool]:
    """Return the condition that an exchange is due and its time has come.

    A time counts as over where it lies further ahead than any wait for the partner can (`longest_us`, by partner), or
    where the attempt that set it ended in the future. An exchange without a time waits while its partner is paused.
    """
    c = EXCHANGE.c
    longest = sa.case(longest_us, value=c.partner, else_=LONGEST_WAIT_US) if longest_us else LONGEST_WAIT_US
    paused = sa.exists().where(BREAKER.c.partner == c.partner, BREAKER.c.paused_at_us.is_not(None))
    return sa.and_(
        c.outcome == "due",
        sa.or_(
            c.due_at_us <= now_us,
            c.due_at_us > now_us + TOLERANCE_US + longest,
            c.closed_at_us > now_us + TOLERANCE_US,
            sa.and_(c.due_at_us.is_(None), ~paused),
        ),
    )


def is_too_early(due_at_us: int | None, closed_at_us: int, now_us: int, longest_us: int = LONGEST_WAIT_US) -> bool:
    """Return whether an exchange that is due still waits for its time; see `due_now`."""
    if due_at_us is None or closed_at_us > now_us + TOLERANCE_US:
        return False
    return now_us < due_at_us <= now_us + TOLERANCE_US + longest_us
