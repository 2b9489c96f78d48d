"""The pipeline: the capabilities in the order in which a row passes them, each with the level that introduces it.

No other module compares levels. A capability is either a stage, or it equips the stages with what they need. A stage
is a generator that turns the batches of one file into batches. It sees the end of the file, so it may hold rows back;
memory stays bounded because batches are requested one by one. A stage adds columns, types rows or gives them an
outcome. It never measures itself (`StageTimer` does) and cannot ask for the level it runs at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, TypeAlias

from poc.batch import Batch
from poc.delivery.request_builder import RequestBuilder
from poc.delivery.request_delivery import RequestDelivery
from poc.delivery.send_window import SendWindow
from poc.delivery.sender import RequestSender, TransferStats
from poc.errors import BadInput
from poc.pipeline.levels import HIGHEST_LEVEL
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

    from poc.batch import Finding, RejectedRow
    from poc.delivery.outbox import Outbox
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.pipeline.prepared_feed import PreparedFeed
    from poc.places.target import FileTarget
    from poc.retries.breaker_store import FeedBreakers
    from poc.retries.failure_policy import CommitPoint, FailurePolicy


Stage: TypeAlias = Callable[[Iterator[Batch]], Iterator[Batch]]


@dataclass(slots=True)
class StageContext:
    """The objects that the stages of one attempt may use.

    `known_findings` are those of an earlier pass over the same file, by row; `add_to_quarantine` stores rejected rows;
    `original_lines` yields number and bytes of every row of the file. `before_send` is called before each request, and
    raises an error where none may be sent any more. `window` bounds how many requests are under way at once.
    """

    prepared: PreparedFeed
    entry: ExchangeRecord
    outbox: Outbox
    add_to_quarantine: Callable[[Sequence[RejectedRow]], None]
    original_lines: Callable[[], Iterator[tuple[int, bytes]]]
    known_findings: Mapping[int, tuple[Finding, ...]]
    commit: CommitPoint
    clock_us: Callable[[], int]
    before_send: Callable[[], None]
    stats: TransferStats
    breakers: FeedBreakers
    policy: FailurePolicy
    window: SendWindow

    @property
    def early(self) -> bool:
        """Whether rows are sent while their file is still being checked."""
        return self.prepared.feed.deliver == "early"

    def new_sender(self) -> RequestSender:
        """Return a sender for this exchange. Raises BadInput where the partner takes files."""
        if self.prepared.endpoint is None:
            raise BadInput(f"partner {self.prepared.partner!r} takes files, not requests")
        return RequestSender(
            self.prepared.endpoint,
            self.entry.exchange_id,
            self.entry.file,
            self.clock_us,
            self.stats,
            self.before_send,
            self.window,
        )

    def new_builder(self) -> RequestBuilder:
        """Return a request builder for the feed."""
        return RequestBuilder(self.prepared.feed.request_rows, self.prepared.encoder)

    def new_delivery(self) -> RequestDelivery:
        """Return the delivery of the exchange's requests."""
        return RequestDelivery(
            self.new_builder(),
            self.outbox,
            self.new_sender(),
            self.policy,
            self.commit,
            honours_keys=self.prepared.honours_keys,
            reserved_to=self.entry.reserved_to,
        )


@dataclass(frozen=True, slots=True)
class Capability:
    """An ability of the service, from level `since` on, up to level `until` where another capability replaces it.

    One that neither builds a stage nor equips stages changes how files are put through them. `delivers`: its
    stage takes rows that were checked and encoded before.
    """

    name: str
    since: int
    build: Callable[[StageContext], Stage] | None = None
    equip: Callable[[StageContext], None] | None = None
    until: int | None = None
    delivers: bool = False

    def is_active(self, level: int) -> bool:
        """Return whether the service has the capability at a level."""
        return self.since <= level and (self.until is None or level <= self.until)


def build_check(context: StageContext) -> Stage:
    """Build the check against the contract."""
    return Check(context.prepared.contract, context.known_findings, at_once=context.early)


def build_quarantine(context: StageContext) -> Stage:
    """Build the stage that puts rejected rows into quarantine."""
    return Quarantine(context.prepared.feed, context.add_to_quarantine, context.original_lines)


def build_deliver(context: StageContext) -> Stage:
    """Build the delivery by requests to an endpoint, or as one file."""
    if context.prepared.target is not None:
        return build_deliver_file(context, context.prepared.target, context.commit)
    return Deliver(context.new_builder(), context.new_sender(), context.commit, early=context.early)


def build_deliver_once(context: StageContext) -> DeliverOnce | DeliverFile:
    """Build the delivery that never sends a row twice and can resume without the file."""
    if context.prepared.target is not None:
        return build_deliver_file(context, context.prepared.target, lambda: context.commit(whole=True, reserved_to=0))
    retry_failed = context.entry.outcome == "failed"
    return DeliverOnce(context.new_delivery(), early=context.early, retry_failed=retry_failed)


def build_deliver_file(context: StageContext, target: FileTarget, commit: Callable[[], None]) -> DeliverFile:
    """Build the delivery of one file into a folder or place."""
    prepared, entry = context.prepared, context.entry
    name = name_of_delivery(entry, prepared.feed.out_suffix)
    pending_rows = entry.rows.get("due", 0) + entry.rows.get("failed", 0)
    return DeliverFile(
        target, name, prepared.new_file_writer, commit, context.policy, context.stats, pending_rows, context.before_send
    )


def name_of_delivery(entry: ExchangeRecord, suffix: str) -> str:
    """Return the name of the file that the partner gets of an exchange."""
    return f"{PurePath(entry.file).stem}.{entry.exchange_id[:8]}.{suffix}"


def use_retry_policy(context: StageContext) -> None:
    """Give the stages the policy that retries, instead of the one that fails at once."""
    entry, prepared = context.entry, context.prepared
    context.policy = RetryPolicy(
        entry.exchange_id, prepared.partner, entry.failures, context.breakers, prepared.retry, context.clock_us
    )


LINE = (
    Capability("check", 1, build_check),
    Capability("map", 1, lambda context: context.prepared.map),
    Capability("ahead", 1, lambda _: prefetch),
    Capability("refuse", 1, lambda _: Refuse(), until=1),
    Capability("quarantine", 2, build_quarantine),
    Capability("deliver", 1, build_deliver, until=2, delivers=True),
    Capability("persist", 4, equip=use_retry_policy),
    Capability("once", 3, build_deliver_once, delivers=True),
    Capability("parallel", 5),  # several requests under way at once: `new_window`
    Capability("pass", 5),  # many small files in one pass: `poc.exchanges.file_pass`
)

#: The stages that all files of a pass have together, and the delivery.
OUTSIDE_OF_FILES = frozenset({"check", "map", "ahead", "once"})


def equip(level: int, context: StageContext) -> None:
    """Add to the context what the capabilities of a level have for the stages."""
    for capability in LINE:
        if capability.equip is not None and capability.is_active(level):
            capability.equip(context)


def build_stages(level: int, context: StageContext, *, encoded: bool = False) -> list[tuple[str, Stage]]:
    """Return the named stages of the service at a level, in order, over a context that `equip` was given.

    `encoded`: only those for rows that were checked and encoded before.
    """
    return [
        (capability.name, capability.build(context))
        for capability in LINE
        if capability.build is not None and capability.is_active(level) and (capability.delivers or not encoded)
    ]


def build_file_stages(level: int, context: StageContext) -> list[tuple[str, Stage]]:
    """Return the stages between map and delivery: those that each file of a pass has for itself."""
    return [(name, stage) for name, stage in build_stages(level, context) if name not in OUTSIDE_OF_FILES]


def has_capability(name: str, level: int) -> bool:
    """Return whether the service has a capability at a level."""
    return any(capability.name == name and capability.is_active(level) for capability in LINE)


def new_window(prepared: PreparedFeed) -> SendWindow:
    """Return a window for as many requests at once as the partner's settings say; its owner closes it."""
    return SendWindow(prepared.parallel if has_capability("parallel", prepared.level) else 1)


def retries_itself(level: int) -> bool:
    """Return whether the service at a level retries failed deliveries by itself."""
    return has_capability("persist", level)


def resolve_level(level: int | None) -> int:
    """Return the given level, or the highest for None. Raises BadInput for a level that is not built."""
    if level is None:
        return HIGHEST_LEVEL
    if not 1 <= level <= HIGHEST_LEVEL:
        raise BadInput(f"level {level} is not built; choose 1 to {HIGHEST_LEVEL}")
    return level
