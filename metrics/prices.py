"""The prices of work and machines by which effort is valued: fixed with a date, and hashed."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import date


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """What an hour of a person and of a machine costs, and how long a person needs to step in once."""

    currency: str  #: as people write it: "EUR"
    person_hour: float
    touch_minutes: float  #: minutes that a person needs to step in once; an estimate that dominates every sum
    machine_hour: float
    since: date  #: the day from which they hold
    fixed_on: date | None = None  #: the day on which the store recorded them; None: not recorded

    @property
    def sha256(self) -> str:
        """Hash of the prices; another one is another series."""
        values = (self.currency, self.person_hour, self.touch_minutes, self.machine_hour, self.since.isoformat())
        return hashlib.sha256(repr(values).encode()).hexdigest()

    @property
    def touch_price(self) -> float:
        """What it costs that a person steps in once."""
        return self.touch_minutes / 60 * self.person_hour

    def with_touch_minutes(self, factor: float) -> Prices:
        """Return the prices with the time of one step multiplied by a factor."""
        return replace(self, touch_minutes=self.touch_minutes * factor)

    def to_json(self) -> dict[str, Any]:
        """Return the prices as plain data."""
        days = {"since": self.since.isoformat(), "fixed_on": self.fixed_on.isoformat() if self.fixed_on else None}
        return asdict(self) | days
