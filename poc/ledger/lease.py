"""Leases: which process exchanges the files of a feed, so that no two do at the same time.

A process takes the lease of a feed by one conditional UPDATE and renews it by a heartbeat. Each time the lease is
taken, its `epoch` grows: a process that was stopped for longer than its lease, and has been replaced, can commit
nothing. A process that ended without giving its leases back loses them at once to one on the same host, and after
`LEASE_S` to one on another host. The scheme is that of Gray and Cheriton, Leases (1989), with the epoch as fencing
token (Kleppmann, How to do distributed locking, 2016).
"""

from __future__ import annotations

import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from poc.errors import LeaseLost, LedgerDamaged, TryLater
from poc.ledger.process_identity import is_dead, process_id
from poc.ledger.schema import FEED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    from poc.ledger.ledger import Ledger

#: Seconds for which a command waits for a lease that another process holds.
COMMAND_WAIT_S = 5.0

#: A cap that no partner reaches.
NO_CAP = 1 << 30

#: Seconds for which a lease is taken or renewed; a heartbeat renews it three times in this time.
LEASE_S = 15.0

OF_FEED = sa.and_(FEED.c.partner == sa.bindparam("of_partner"), FEED.c.feed == sa.bindparam("of_feed"))
INSERT_FEED = insert(FEED).on_conflict_do_nothing()
SELECT_LEASE = sa.select(FEED.c.owner, FEED.c.epoch, FEED.c.until_us).where(OF_FEED)
#: Within a transaction, no other process takes the lease until its end; in SQLite every transaction of changes does so.
SELECT_LEASE_TO_KEEP = SELECT_LEASE.with_for_update(read=True)
SELECT_SERVED = sa.select(FEED.c.partner, FEED.c.feed, FEED.c.served_at_us)

_OTHER = FEED.alias("other")
#: Other feeds of the partner whose lease is in force. One that lasts longer than two leases was written by a clock that
#: was ahead, and counts as over; the second lease allows for hosts whose clocks differ a little.
HELD_OF_PARTNER = (
    sa.select(sa.func.count())
    .select_from(_OTHER)
    .where(
        _OTHER.c.partner == sa.bindparam("of_partner"),
        _OTHER.c.feed != sa.bindparam("of_feed"),
        _OTHER.c.owner != "",
        _OTHER.c.until_us > sa.bindparam("now_us"),
        _OTHER.c.until_us <= sa.bindparam("possible_us"),
    )
    .scalar_subquery()
)
FREE = sa.or_(
    FEED.c.owner == "",
    FEED.c.until_us <= sa.bindparam("now_us"),
    FEED.c.until_us > sa.bindparam("possible_us"),
)
TAKE = (
    sa.update(FEED)
    .where(OF_FEED, FREE, sa.bindparam("cap") > HELD_OF_PARTNER)
    .values(
        owner=sa.bindparam("new_owner"),
        epoch=FEED.c.epoch + 1,
        until_us=sa.bindparam("latest_us"),
        served_at_us=sa.bindparam("now_us"),
    )
    .returning(FEED.c.epoch)
)
SELECT_OWNERS = sa.select(FEED.c.owner).where(FEED.c.owner != "").distinct()
RELEASE = sa.update(FEED).where(FEED.c.owner == sa.bindparam("of_owner")).values(owner="", until_us=0)
_HELD = sa.and_(OF_FEED, FEED.c.owner == sa.bindparam("of_owner"), FEED.c.epoch == sa.bindparam("of_epoch"))
RENEW = sa.update(FEED).where(_HELD).values(until_us=sa.bindparam("latest_us"))
GIVE_BACK = sa.update(FEED).where(_HELD).values(owner="", until_us=0)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of a process to exchange the files of a feed, from the `epoch`th taking on."""

    partner: str
    feed: str
    owner: str
    epoch: int


def wall_clock_us() -> int:
    """Return the current time, in microseconds since 1970."""
    return time.time_ns() // 1000


class LeaseHolder:
    """The leases of this process. A heartbeat renews them while the holder is entered.

    Args:
        ledger: a connection of its own; its commits need not wait for the disk.
        clock_us: returns the current time, in microseconds since 1970.
        lease_s: for how long a lease is taken or renewed; the heartbeat renews it three times in this time.
    """

    def __init__(self, ledger: Ledger, clock_us: Callable[[], int] = wall_clock_us, lease_s: float = LEASE_S) -> None:
        self._ledger = ledger
        self._clock_us = clock_us
        self._lease_s = lease_s
        self._owner = process_id()
        self._held: set[Lease] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._heartbeat = threading.Thread(target=self._renew_until_stopped, name="heartbeat", daemon=True)
        ledger.wait_for_disk(False)

    def take(self, partner: str, feed: str, *, cap: int) -> Lease | None:
        """Take the lease of a feed, if no process holds it and fewer than `cap` feeds of its partner are at work.

        Raises TryLater, LedgerDamaged.
        """
        with self._exclusive():
            self._ledger.begin(f"leases/{partner}")  # the time is that of the change, however long others wrote before
            now_us = self._clock_us()
            latest_us = self._latest_us(now_us)
            values = {
                "of_partner": partner, "of_feed": feed, "now_us": now_us, "latest_us": latest_us,
                "possible_us": self._latest_us(latest_us), "cap": cap, "new_owner": self._owner,
            }  # fmt: skip
            taken = self._ledger.execute(TAKE, values)
            if not taken:
                ended = release_dead_owners(self._ledger)
                if ended or not self._ledger.execute(SELECT_LEASE, {"of_partner": partner, "of_feed": feed}):
                    self._ledger.execute(INSERT_FEED, {"partner": partner, "feed": feed})
                    taken = self._ledger.execute(TAKE, values)
            self._ledger.commit()
            if not taken:
                return None
            lease = Lease(partner, feed, self._owner, taken[0][0])
            self._held.add(lease)
            return lease

    def give_back(self, lease: Lease) -> None:
        """Give a lease back; one that was lost stays with its new owner. Raises TryLater, LedgerDamaged."""
        with self._exclusive():
            self._held.discard(lease)  # if the database cannot be written, the lease runs out
            self._ledger.execute(GIVE_BACK, _parameters(lease))
            self._ledger.commit()

    def renew(self) -> None:
        """Renew all leases. Raises TryLater, LedgerDamaged."""
        with self._exclusive():
            if self._held:
                self._ledger.begin()
                latest_us = self._latest_us(self._clock_us())
                held = sorted(self._held, key=lambda lease: (lease.partner, lease.feed))  # no two wait for each other
                self._ledger.execute(RENEW, *({**_parameters(lease), "latest_us": latest_us} for lease in held))
                self._ledger.commit()

    def __enter__(self) -> Self:
        self._heartbeat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._heartbeat.join()
        for lease in tuple(self._held):
            self.give_back(lease)

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """Use the connection in one thread; after any error it locks the ledger no longer."""
        with self._lock:
            try:
                yield
            except BaseException:
                self._ledger.roll_back()
                self._ledger.wait_for_disk(False)
                raise

    def _latest_us(self, now_us: int) -> int:
        return now_us + int(self._lease_s * 1_000_000)

    def _renew_until_stopped(self) -> None:
        while not self._stop.wait(self._lease_s / 3):
            with suppress(TryLater, LedgerDamaged):  # a lease that cannot be renewed runs out, and its commits fail
                self.renew()


def release_dead_owners(ledger: Ledger) -> int:
    """Release the leases of processes of this host that have ended; the caller commits. Return how many ended."""
    dead = [owner for (owner,) in ledger.execute(SELECT_OWNERS, {}) if is_dead(owner)]
    for owner in dead:
        ledger.execute(RELEASE, {"of_owner": owner})
    return len(dead)


def is_any_feed_held(ledger: Ledger) -> bool:
    """Return whether a process that has not ended has the lease of any feed, or had it when it was last heard of."""
    return not all(is_dead(owner) for (owner,) in ledger.execute(SELECT_OWNERS, {}))


def check_lease(ledger: Ledger, lease: Lease) -> None:
    """Check that a lease is still held; within a transaction, it stays held until its end.

    Raises:
        LeaseLost: another process has taken the lease.
        TryLater, LedgerDamaged.
    """
    query = SELECT_LEASE_TO_KEEP if ledger.is_changing else SELECT_LEASE
    holder = ledger.execute(query, {"of_partner": lease.partner, "of_feed": lease.feed})
    if not holder or holder[0][:2] != (lease.owner, lease.epoch):
        who = describe_holder(ledger, lease.partner, lease.feed)
        raise LeaseLost(
            f"{who} has taken {lease.partner}/{lease.feed} over, because this process was stopped for too long; this "
            "one sends nothing more for it"
        )


@contextmanager
def guarded_by(ledger: Ledger, lease: Lease) -> Iterator[None]:
    """Let a ledger commit only while a lease is held."""
    ledger.guard = lambda: check_lease(ledger, lease)
    try:
        yield
    finally:
        ledger.guard = None
        ledger.roll_back()


@contextmanager
def exclusive_feed(
    ledger: Ledger, partner: str, feed: str, wait_s: float = COMMAND_WAIT_S, lease_s: float = LEASE_S
) -> Iterator[None]:
    """Hold the lease of a feed for a change by a person, whatever the partner's cap; the ledger is guarded by it.

    Raises:
        TryLater: another process holds the lease for longer than `wait_s`.
        LedgerDamaged.
    """
    until_s = time.monotonic() + wait_s
    with closing(ledger.sibling()) as own, LeaseHolder(own, lease_s=lease_s) as holder:
        while (lease := holder.take(partner, feed, cap=NO_CAP)) is None:
            if time.monotonic() >= until_s:
                who = describe_holder(ledger, partner, feed)
                raise TryLater(f"{partner}/{feed}: {who} exchanges files of this feed; try again when it is done")
            time.sleep(0.05)
        with guarded_by(ledger, lease):
            yield


def describe_holder(ledger: Ledger, partner: str, feed: str) -> str:
    """Return who holds the lease of a feed, for a message: `process 4711 on HOST`, or `another process`."""
    holder = ledger.execute(SELECT_LEASE, {"of_partner": partner, "of_feed": feed})
    parts = str(holder[0][0]).split("/") if holder else []
    return f"process {parts[3]} on {parts[0]}" if len(parts) == 5 else "another process"


def last_served(ledger: Ledger) -> dict[tuple[str, str], int]:
    """Return when each feed was last worked on, in microseconds since 1970. Raises TryLater, LedgerDamaged."""
    return {(partner, feed): served_at_us for partner, feed, served_at_us in ledger.execute(SELECT_SERVED, {})}


def _parameters(lease: Lease) -> dict[str, object]:
    return {
        "of_partner": lease.partner, "of_feed": lease.feed, "of_owner": lease.owner, "of_epoch": lease.epoch,
    }  # fmt: skip
