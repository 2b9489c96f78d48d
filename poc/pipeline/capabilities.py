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
from poc.prefetch import prefetch
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
    from poc.delivery.circuit_breaker import CircuitBreaker
    from poc.delivery.failure_policy import CommitPoint, FailurePolicy
    from poc.delivery.outbox import Outbox
    from poc.ledger.ledger import ExchangeRecord
    from poc.pipeline.prepared_feed import PreparedFeed


Stage: TypeAlias = Callable[[Iterator[Batch]], Iterator[Batch]]


@dataclass(frozen=True, slots=True)
class StageContext:
    """What stages may reach in one attempt at one exchange."""

    prepared: PreparedFeed
    entry: ExchangeRecord
    outbox: Outbox
    keep: Callable[[Sequence[RejectedRow]], None]
    lines: Callable[[], Iterator[tuple[int, bytes]]]
    known: Mapping[int, tuple[Finding, ...]]
    commit: CommitPoint
    clock_us: Callable[[], int]
    stats: TransferStats
    breaker: CircuitBreaker
    policy: FailurePolicy

    @property
    def early(self) -> bool:
        """Whether rows leave while their file is still being checked."""
        return self.prepared.feed.deliver == "early"

    @property
    def sender(self) -> RequestSender:
        """Who carries requests. Raises BadInput where the partner is a folder."""
        if self.prepared.endpoint is None:
            raise BadInput(f"partner {self.prepared.partner!r} takes files in a folder, not requests")
        return RequestSender(self.prepared.endpoint, self.entry.exchange_id, self.entry.file, self.clock_us, self.stats)

    @property
    def builder(self) -> RequestBuilder:
        """What makes requests of rows."""
        return RequestBuilder(self.prepared.feed.request_rows, self.prepared.encoder)


@dataclass(frozen=True, slots=True)
class Capability:
    """One thing the service can do, from level `since` on, up to level `until` where another takes its place."""

    name: str
    since: int
    build: Callable[[StageContext], Stage] | None = None
    equip: Callable[[StageContext], StageContext] | None = None
    until: int | None = None

    def stands(self, level: int) -> bool:
        """Whether it is there at a level."""
        return self.since <= level and (self.until is None or level <= self.until)


def build_deliver(context: StageContext) -> Stage:
    """To a door in requests, or into a folder as one file."""
    if context.prepared.folder is not None:
        return build_deliver_file(context, context.prepared.folder, context.commit)
    return Deliver(context.builder, context.sender, context.commit, early=context.early)


def build_deliver_once(context: StageContext) -> DeliverOnce | DeliverFile:
    """The same, and never twice: both can go on without the file."""
    if context.prepared.folder is not None:
        return build_deliver_file(context, context.prepared.folder, lambda: context.commit(whole=True, reserved_to=0))
    return DeliverOnce(
        context.builder,
        context.outbox,
        context.sender,
        context.policy,
        context.commit,
        honours_keys=context.prepared.honours_keys,
        early=context.early,
        reserved_to=context.entry.reserved_to,
    )


def build_deliver_file(context: StageContext, folder: Path, commit: Callable[[], None]) -> DeliverFile:
    """A folder as a stage."""
    prepared, entry = context.prepared, context.entry
    name = f"{PurePath(entry.file).stem}.{entry.exchange_id[:8]}.{prepared.feed.out}"
    waiting = entry.rows.get("due", 0) + entry.rows.get("failed", 0)
    return DeliverFile(folder, name, prepared.encoder, commit, context.policy, context.stats, waiting=waiting)


def use_retry_policy(context: StageContext) -> StageContext:
    """Patience instead of giving up at once."""
    entry, prepared = context.entry, context.prepared
    patience = RetryPolicy(
        entry.exchange_id, prepared.partner, entry.failures, context.breaker, prepared.retry, context.clock_us
    )
    return replace(context, policy=patience)


LINE = (
    Capability("check", 1, lambda context: Check(context.prepared.contract, context.known, at_once=context.early)),
    Capability("map", 1, lambda context: context.prepared.map),
    Capability("ahead", 1, lambda _: prefetch),
    Capability("refuse", 1, lambda _: Refuse(), until=1),
    Capability("quarantine", 2, lambda context: Quarantine(context.prepared.feed, context.keep, context.lines)),
    Capability("deliver", 1, build_deliver, until=2),
    Capability("persist", 4, equip=use_retry_policy),
    Capability("once", 3, build_deliver_once),
)


#: The highest level that stands today.
HIGHEST_LEVEL = 4


def equip(level: int, context: StageContext) -> StageContext:
    """The context with what the capabilities of a level add to them."""
    for capability in LINE:
        if capability.equip is not None and capability.stands(level):
            context = capability.equip(context)
    return context


def build_stages(level: int, context: StageContext) -> list[tuple[str, Stage]]:
    """The named stages of the service at a level, in order, over context that are `equipped`."""
    return [
        (capability.name, capability.build(context))
        for capability in LINE
        if capability.build is not None and capability.stands(level)
    ]


def has_capability(name: str, level: int) -> bool:
    """Whether a capability stands at a level."""
    return any(capability.name == name and capability.stands(level) for capability in LINE)


def retries_itself(level: int) -> bool:
    """Whether the service at a level tries again by itself what failed."""
    return has_capability("persist", level)


def resolve_level(level: int | None) -> int:
    """The level asked for, or the highest. Raises BadInput for one that is not built."""
    if level is None:
        return HIGHEST_LEVEL
    if not 1 <= level <= HIGHEST_LEVEL:
        raise BadInput(f"level {level} is not built; choose 1 to {HIGHEST_LEVEL}")
    return level
