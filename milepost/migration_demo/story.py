"""The calendar of the demo: when each airline begins to move, and what happens on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from poc.config.scaffold import AIRLINES
from poc.route.stages import place_of_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: The week in which airlines enter `shadow`: one first, then three more, then all others.
FIRST, SECOND = ("AA",), ("B6", "DL", "UA")
WAVES = {3: FIRST, 12: SECOND, 40: tuple(sorted(AIRLINES.keys() - {*FIRST, *SECOND}))}

#: The airline whose monolith rounds distances to so many decimals, and after how many refusals that is accepted.
ROUNDING, DECIMALS, REFUSALS = "B6", 1, 2

#: The airline whose partner knows no keys, and loses an answer to the service in `canary`; so many weeks later, it says
#: that the request has arrived.
BREACHING, ASKED_AFTER = "EV", 1

#: Files for each gate, as files come once a week; the share of `canary`; days without the monolith before the end.
FILES, SHARE, DAYS = 3, 0.5, 30


@dataclass(frozen=True, slots=True)
class Story:
    """A demo of so many weeks: which airlines begin to move in which of them."""

    weeks: int = 52
    waves: Mapping[int, tuple[str, ...]] = field(default_factory=lambda: WAVES)

    @property
    def airlines(self) -> list[str]:
        """All airlines, in the order of their names."""
        return sorted(airline for airlines in self.waves.values() for airline in airlines)

    def begins(self, airline: str) -> int:
        """Return the week after which an airline leaves the stage `monolith`."""
        return next(week for week, airlines in self.waves.items() if airline in airlines)

    def lost_answers(self, names: Sequence[str]) -> list[str]:
        """Return the file of which the partner loses the first answer: the first of the service in canary.

        A name decides which side gets a file, so that the monolith never gets this one.
        """
        if BREACHING not in self.airlines:
            return []
        later = names[self.begins(BREACHING) + FILES :]
        return [name for name in later if place_of_name(name) < SHARE][:1]
