"""Schedules, their ticks, and the arrivals of files in the ledger. Times are in microseconds since 1970.

A tick is judged in one transaction with the schedule's own row, which decides up to where all is judged: what another
process has judged is not judged again, and a judgement that is interrupted leaves nothing behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from poc.ledger.schema import EXCHANGE
from poc.ledger.tables.schedules import ARRIVAL, SCHEDULE, TICK
from poc.schedule.inbox_arrivals import arrival_times
from poc.schedule.ticks import NOT_ARRIVED, Tick

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from poc.config.partner import Feed
    from poc.ledger.ledger import Ledger

T, A, X = TICK.c, ARRIVAL.c, EXCHANGE.c
KEY = sa.bindparam("key", type_=sa.Text())
AFTER, UNTIL = sa.bindparam("after_us", type_=sa.Integer()), sa.bindparam("until_us", type_=sa.Integer())

SELECT_SCHEDULE = sa.select(SCHEDULE.c.rule, SCHEDULE.c.since_us, SCHEDULE.c.judged_us).where(SCHEDULE.c.id == KEY)
PUT_SCHEDULE = insert(SCHEDULE)
PUT_SCHEDULE = PUT_SCHEDULE.on_conflict_do_update(
    index_elements=[SCHEDULE.c.id],
    set_={name: PUT_SCHEDULE.excluded[name] for name in ("rule", "since_us", "judged_us")},
)
SET_JUDGED = sa.update(SCHEDULE).where(SCHEDULE.c.id == KEY)

TICK_COLUMNS = (T.due_us, T.state, T.arrived_at_us)
SELECT_TICK = sa.select(*TICK_COLUMNS).where(T.schedule == KEY, T.due_us == sa.bindparam("due"))
SELECT_LAST_TICKS = (
    sa.select(*TICK_COLUMNS)
    .where(T.schedule == KEY, T.due_us <= UNTIL)
    .order_by(T.due_us.desc())
    .limit(sa.bindparam("most"))
)
NEW_TICK = insert(TICK)
#: Adds a tick, or changes one to which no file had arrived; returns nothing where another process judged it before.
ADD_TICK = NEW_TICK.on_conflict_do_update(
    index_elements=[T.schedule, T.due_us],
    set_={name: NEW_TICK.excluded[name] for name in ("state", "arrived_at_us", "acted_at_us")},
    where=sa.and_(T.state == NOT_ARRIVED, NEW_TICK.excluded.state != NOT_ARRIVED),
).returning(T.due_us)

DELETE_TICKS = sa.delete(TICK).where(T.due_us < sa.bindparam("before_us", type_=sa.Integer()))
DELETE_ARRIVALS = sa.delete(ARRIVAL).where(A.at_us < sa.bindparam("before_us", type_=sa.Integer()))
ADD_ARRIVAL = insert(ARRIVAL).on_conflict_do_nothing()
SELECT_ARRIVALS = sa.select(A.at_us).where(A.schedule == KEY, A.at_us > AFTER, A.at_us <= UNTIL).order_by(A.at_us)
#: A file's arrival lies so long before the opening of its exchange at most, in microseconds.
DAY_US = 86_400 * 1_000_000
#: Before a schedule began, the ledger knows only when each exchange was opened.
SELECT_OPENED = (
    sa.select(X.opened_at_us)
    .where(
        X.partner == sa.bindparam("of_partner"),
        X.feed == sa.bindparam("of_feed"),
        X.opened_at_us > AFTER,
        X.opened_at_us <= UNTIL,
        ~sa.exists().where(
            A.schedule == KEY, A.file == X.file, A.at_us <= X.opened_at_us, A.at_us > X.opened_at_us - DAY_US
        ),
    )
    .order_by(X.opened_at_us)
)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The row of a schedule: its rule, since when this rule holds, and up to where it is judged."""

    rule: str
    since_us: int
    judged_us: int


class TickStore:
    """The schedule of one feed's expectation in the ledger. Its methods raise TryLater and LedgerDamaged.

    The caller begins, commits and rolls back the transactions of changes.
    """

    def __init__(self, ledger: Ledger, partner: str, feed: str) -> None:
        self.ledger = ledger
        self.partner, self.feed = partner, feed
        self.id = f"expect/{partner}/{feed}"

    def schedule(self) -> Schedule | None:
        """Return the schedule's row; None before its first judgement."""
        rows = self.ledger.execute(SELECT_SCHEDULE, {"key": self.id})
        return Schedule(*rows[0]) if rows else None

    def put_schedule(self, schedule: Schedule) -> None:
        """Write the schedule's row."""
        values = {"rule": schedule.rule, "since_us": schedule.since_us, "judged_us": schedule.judged_us}
        self.ledger.execute(PUT_SCHEDULE, {"id": self.id, **values})

    def set_judged(self, judged_us: int) -> None:
        """Write up to where the schedule is judged."""
        self.ledger.execute(SET_JUDGED, {"key": self.id, "judged_us": judged_us})

    def tick(self, due_us: int) -> Tick | None:
        """Return the tick of a moment, if it was judged."""
        rows = self.ledger.execute(SELECT_TICK, {"key": self.id, "due": due_us})
        return Tick(*rows[0]) if rows else None

    def last_ticks(self, until_us: int, most: int) -> list[Tick]:
        """Return the last ticks up to a moment, newest first: later ones were judged while the clock was ahead."""
        values = {"key": self.id, "until_us": until_us, "most": most}
        return [Tick(*row) for row in self.ledger.execute(SELECT_LAST_TICKS, values)]

    def add_ticks(self, ticks: Iterable[Tick], now_us: int) -> list[Tick]:
        """Add ticks, or change those to which a file has come; return those that nobody had judged so before."""
        return [
            tick
            for tick in ticks
            if self.ledger.execute(
                ADD_TICK,
                {
                    "schedule": self.id, "due_us": tick.due_us, "state": tick.state,
                    "arrived_at_us": tick.arrived_at_us, "acted_at_us": now_us,
                },
            )
        ]  # fmt: skip

    def add_arrivals(self, arrivals: Iterable[tuple[str, int]]) -> None:
        """Record the files that have arrived, and when; those that are recorded stay as they are."""
        if rows := [{"schedule": self.id, "file": name, "at_us": at_us} for name, at_us in arrivals]:
            self.ledger.execute(ADD_ARRIVAL, *rows)

    def arrivals(self, after_us: int, until_us: int, since_us: int) -> list[int]:
        """Return when files arrived, in order: after a moment and until another; the schedule began at `since_us`."""
        values = {"key": self.id, "after_us": after_us, "until_us": until_us}
        times = {row[0] for row in self.ledger.execute(SELECT_ARRIVALS, values)}
        if after_us < since_us:
            opened = {
                "key": self.id, "of_partner": self.partner, "of_feed": self.feed, "after_us": after_us,
                "until_us": min(until_us, since_us),
            }  # fmt: skip
            times |= {row[0] for row in self.ledger.execute(SELECT_OPENED, opened)}
        return sorted(times)


def record_arrivals(
    ledger: Ledger, partner: str, feed_id: str, feed: Feed, paths: Iterable[Path], now: datetime
) -> None:
    """Record when the files of a feed arrived, if they are expected, and commit; before they leave the inbox.

    Raises TryLater, LedgerDamaged.
    """
    if feed.expect is not None and (times := arrival_times(paths, feed, now)):
        TickStore(ledger, partner, feed_id).add_arrivals(times)
        ledger.commit()


def delete_history(ledger: Ledger, before_us: int) -> None:
    """Delete the ticks and arrivals of all feeds before a moment; the caller commits. Raises TryLater, LedgerDamaged.

    What is judged from now on needs the arrivals since the last moment of each feed only.
    """
    ledger.execute(DELETE_TICKS, {"before_us": before_us})
    ledger.execute(DELETE_ARRIVALS, {"before_us": before_us})
