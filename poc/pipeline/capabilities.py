"""The line: the capabilities in the order a row meets them, each with the level since which it stands.

The only place that compares levels. A capability is either a stage, or it equips the stages with what they need. A
stage turns the batches of one file into batches, as a generator: it sees the end of the file, so a stage may hold back
what it makes, and memory stays bounded because batches are asked for one by one. A stage fills in, types or settles
rows; it never measures itself (`Watch` does) and cannot ask which level it is in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeAlias

from poc.batch import Batch
from poc.delivery.request_builder import RequestBuilder
from poc.delivery.sender import RequestSender, TransferStats
from poc.errors import BadInput
from poc.pipeline.prefetch import prefetch
from poc.stages.check import Check
from poc.stages.deliver import Deliver
from poc.stages.deliver_file import DeliverFile
from poc.stages.deliver_once import DeliverOnce
from poc.stages.quarantine import Quarantine
from poc.stages.refuse import Refuse
from poc.stages.retry import RetryPolicy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from poc.batch import Finding, RejectedRow
    from poc.delivery.circuit_breaker import Breaker
    from poc.delivery.failure_policy import CommitPoint, Policy
    from poc.delivery.outbox import Outbox
    from poc.ledger.ledger import ExchangeRecord
    from poc.pipeline.prepared_feed import PreparedFeed


Stage: TypeAlias = Callable[[Iterator[Batch]], Iterator[Batch]]


@dataclass(frozen=True, slots=True)
class Ports:
    """What stages may reach in one attempt at one exchange."""

    lane: PreparedFeed
    entry: ExchangeRecord
    outbox: Outbox
    keep: Callable[[Sequence[RejectedRow]], None]
    lines: Callable[[], Iterator[tuple[int, bytes]]]
    known: Mapping[int, tuple[Finding, ...]]
    seal: CommitPoint
    clock_us: Callable[[], int]
    traffic: TransferStats
    breaker: Breaker
    policy: Policy

    @property
    def early(self) -> bool:
        """Whether rows leave while their file is still being checked."""
        return self.lane.feed.deliver == "early"

    @property
    def courier(self) -> RequestSender:
        """Who carries requests. Raises BadInput where the partner is a folder."""
        if self.lane.door is None:
            raise BadInput(f"partner {self.lane.partner!r} takes files in a folder, not requests")
        return RequestSender(self.lane.door, self.entry.exchange_id, self.entry.file, self.clock_us, self.traffic)

    @property
    def packer(self) -> RequestBuilder:
        """What makes requests of rows."""
        return RequestBuilder(self.lane.feed.request_rows, self.lane.encoder)


@dataclass(frozen=True, slots=True)
class Capability:
    """One thing the service can do, from level `since` on, up to level `until` where another takes its place."""

    name: str
    since: int
    build: Callable[[Ports], Stage] | None = None
    equip: Callable[[Ports], Ports] | None = None
    until: int | None = None

    def stands(self, level: int) -> bool:
        """Whether it is there at a level."""
        return self.since <= level and (self.until is None or level <= self.until)


def deliver(ports: Ports) -> Stage:
    """To a door in requests, or into a folder as one file."""
    if ports.lane.folder is not None:
        return drop(ports, ports.lane.folder, ports.seal)
    return Deliver(ports.packer, ports.courier, ports.seal, early=ports.early)


def once(ports: Ports) -> DeliverOnce | DeliverFile:
    """The same, and never twice: both can go on without the file."""
    if ports.lane.folder is not None:
        return drop(ports, ports.lane.folder, lambda: ports.seal(whole=True, reserved_to=0))
    return DeliverOnce(
        ports.packer,
        ports.outbox,
        ports.courier,
        ports.policy,
        ports.seal,
        honours_keys=ports.lane.honours_keys,
        early=ports.early,
        reserved_to=ports.entry.reserved_to,
    )


def drop(ports: Ports, folder: Path, seal: Callable[[], None]) -> DeliverFile:
    """A folder as a stage."""
    lane, entry = ports.lane, ports.entry
    name = f"{PurePath(entry.file).stem}.{entry.exchange_id[:8]}.{lane.feed.out}"
    waiting = entry.rows.get("due", 0) + entry.rows.get("failed", 0)
    return DeliverFile(folder, name, lane.encoder, seal, ports.policy, ports.traffic, waiting=waiting)


def persist(ports: Ports) -> Ports:
    """Patience instead of giving up at once."""
    entry, lane = ports.entry, ports.lane
    patience = RetryPolicy(entry.exchange_id, lane.partner, entry.failures, ports.breaker, lane.retry, ports.clock_us)
    return replace(ports, policy=patience)


LINE = (
    Capability("check", 1, lambda ports: Check(ports.lane.contract, ports.known, at_once=ports.early)),
    Capability("map", 1, lambda ports: ports.lane.map),
    Capability("ahead", 1, lambda _: prefetch),
    Capability("refuse", 1, lambda _: Refuse(), until=1),
    Capability("quarantine", 2, lambda ports: Quarantine(ports.lane.feed, ports.keep, ports.lines)),
    Capability("deliver", 1, deliver, until=2),
    Capability("persist", 4, equip=persist),
    Capability("once", 3, once),
)


#: The highest level that stands today.
BUILT = 4


def equipped(level: int, ports: Ports) -> Ports:
    """The ports with what the capabilities of a level add to them."""
    for capability in LINE:
        if capability.equip is not None and capability.stands(level):
            ports = capability.equip(ports)
    return ports


def stages(level: int, ports: Ports) -> list[tuple[str, Stage]]:
    """The named stages of the service at a level, in order, over ports that are `equipped`."""
    return [
        (capability.name, capability.build(ports))
        for capability in LINE
        if capability.build is not None and capability.stands(level)
    ]


def can(name: str, level: int) -> bool:
    """Whether a capability stands at a level."""
    return any(capability.name == name and capability.stands(level) for capability in LINE)


def retries_itself(level: int) -> bool:
    """Whether the service at a level tries again by itself what failed."""
    return can("persist", level)


def resolve_level(level: int | None) -> int:
    """The level asked for, or the highest. Raises BadInput for one that is not built."""
    if level is None:
        return BUILT
    if not 1 <= level <= BUILT:
        raise BadInput(f"level {level} is not built; choose 1 to {BUILT}")
    return level
