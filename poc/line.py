"""The line: the capabilities in the order a row meets them, each with the level since which it stands.

The only place that compares levels. A stage turns the batches of one file into batches, as a generator: it sees the
end of the file, so a stage may hold batches back, and memory stays bounded because batches are asked for one by one.
A stage fills in, types or settles rows; it never measures itself (`Watch` does) and cannot ask which level it is in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from poc.batch import Batch
from poc.errors import BadInput
from poc.stages.check import Check
from poc.stages.deliver import Deliver, Traffic
from poc.stages.map import Map
from poc.stages.refuse import Refuse

if TYPE_CHECKING:
    import requests

    from poc.config import Feed
    from poc.contract import Contract
    from poc.transports.http import Place

Stage: TypeAlias = Callable[[Iterator[Batch]], Iterator[Batch]]
"""Batches in, batches out; rows in flight in equal rows in flight and settled out."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What stages may reach: the feed, its contract, and the partner's door."""

    feed: Feed
    contract: Contract
    session: requests.Session
    place: Place
    file: str
    traffic: Traffic


@dataclass(frozen=True, slots=True)
class Capability:
    """One thing the service can do, from level `since` on, up to level `until` where another takes its place."""

    name: str
    since: int
    build: Callable[[Ports], Stage]
    until: int | None = None


LINE = (
    Capability("check", since=1, build=lambda ports: Check(ports.contract)),
    Capability("map", since=1, build=lambda ports: Map(ports.feed.map, ports.contract)),
    Capability("refuse", since=1, until=1, build=lambda _: Refuse()),
    Capability(
        "deliver",
        since=1,
        build=lambda ports: Deliver(ports.session, ports.place, ports.feed.request_rows, ports.file, ports.traffic),
    ),
)

#: The highest level that stands today.
BUILT = 1


def stages(level: int, ports: Ports) -> list[tuple[str, Stage]]:
    """The named stages of the service at a level, in order."""
    return [
        (capability.name, capability.build(ports))
        for capability in LINE
        if capability.since <= level and (capability.until is None or level <= capability.until)
    ]


def standing(level: int | None) -> int:
    """The level asked for, or the highest. Raises BadInput for one that is not built."""
    if level is None:
        return BUILT
    if not 1 <= level <= BUILT:
        raise BadInput(f"level {level} is not built; choose 1 to {BUILT}")
    return level


class Watch:
    """Times stages from outside: the time inside a stage, less the time it waited for the stage before it."""

    def __init__(self) -> None:
        self.spent_ns: dict[str, int] = {}
        self._inner_ns = 0

    def over(self, name: str, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The same batches; what it took to make each is added to `spent_ns[name]`."""
        while True:
            outer_ns, self._inner_ns = self._inner_ns, 0
            began = time.monotonic_ns()
            batch = next(batches, None)
            took_ns = time.monotonic_ns() - began
            self.spent_ns[name] = self.spent_ns.get(name, 0) + took_ns - self._inner_ns
            self._inner_ns = outer_ns + took_ns
            if batch is None:
                return
            yield batch
