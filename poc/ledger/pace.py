"""The rate of a partner, over all lanes and processes: the time of its next request stands in the ledger."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from poc.ledger.schema import PACE

if TYPE_CHECKING:
    from collections.abc import Callable

    from poc.ledger.ledger import Ledger

NOW = sa.bindparam("now_us", type_=sa.Integer())
INTERVAL = sa.bindparam("interval_us", type_=sa.Integer())
#: The time of the next request; one that is further ahead than a queue can be comes from a clock that was ahead.
NEXT = sa.case(
    (sa.or_(PACE.c.next_at_us < NOW, PACE.c.next_at_us > sa.bindparam("latest_us")), NOW), else_=PACE.c.next_at_us
)
RESERVE = (
    insert(PACE)
    .values(partner=sa.bindparam("of_partner"), next_at_us=NOW + INTERVAL)
    .on_conflict_do_update(index_elements=[PACE.c.partner], set_={"next_at_us": NEXT + INTERVAL})
    .returning(PACE.c.next_at_us)
)

#: The most requests that wait for their time at once, over all lanes and processes.
MAX_QUEUE = 1000


class Pace:
    """Spaces the requests to one partner evenly, so that no second holds more than its rate.

    Args:
        ledger: a connection of its own; its commits need not wait for the disk.
        partner: the partner.
        per_s: requests a second.
        clock_us: returns the current time, in microseconds since 1970.
        sleep: waits for seconds.
    """

    def __init__(
        self,
        ledger: Ledger,
        partner: str,
        per_s: float,
        clock_us: Callable[[], int],
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._ledger = ledger
        self._partner = partner
        self._interval_us = int(1_000_000 / per_s)
        self._clock_us = clock_us
        self._sleep = sleep
        ledger.wait_for_disk(False)

    def wait(self) -> None:
        """Wait until the next request may be sent. Raises TryLater, LedgerDamaged."""
        now_us = self._clock_us()
        values = {
            "of_partner": self._partner, "now_us": now_us, "interval_us": self._interval_us,
            "latest_us": now_us + MAX_QUEUE * self._interval_us,
        }  # fmt: skip
        ((next_at_us,),) = self._ledger.execute(RESERVE, values)
        self._ledger.commit()
        self._sleep(max(next_at_us - self._interval_us - now_us, 0) / 1_000_000)

    def close(self) -> None:
        """Close the connection to the ledger."""
        self._ledger.close()
