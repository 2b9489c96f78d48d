"""The files of a pass, and which of them are sent together."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from poc.delivery.joint_request import join_parts

if TYPE_CHECKING:
    from io import BytesIO
    from pathlib import Path

    from poc.batch import Batch
    from poc.delivery.joint_request import JointRequest
    from poc.delivery.outbound_request import OutboundRequest
    from poc.delivery.request_delivery import RequestDelivery
    from poc.exchanges.exchange import ExchangeRun
    from poc.exchanges.receipt import Receipt
    from poc.pipeline.capabilities import StageContext


@dataclass(slots=True)
class PassFile:
    """One file of a pass, read whole as one batch, and what became of it.

    `rows` is the number of its rows, `stages_ns` its time in each stage. `delivery` sends its requests; None for a file
    that is refused.
    """

    path: Path
    run: ExchangeRun
    source: BytesIO
    batch: Batch
    stages_ns: dict[str, int]
    context: StageContext | None = None
    delivery: RequestDelivery | None = None
    requests: list[OutboundRequest] = field(default_factory=list)
    receipt: Receipt | None = None
    error: Exception | None = None
    rows: int = field(init=False)

    def __post_init__(self) -> None:
        encoded = self.batch.encoded
        self.rows = self.batch.rows.height + len(self.batch.rejected) if encoded is None else encoded.count

    @property
    def joint_id(self) -> str:
        """The id of the joint request with the rows of this file; empty if they are sent on their own."""
        return self.delivery.reserved[0].joint if self.delivery is not None and self.delivery.reserved else ""


@dataclass(slots=True)
class SendUnit:
    """Files whose rows are sent in one joint request, or a single file."""

    files: list[PassFile]
    _joint: JointRequest | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if len(self.files) > 1:
            parts = [(file.run.entry.file, file.delivery.reserved[0]) for file in self.files if file.delivery]
            self._joint = join_parts(self.files[0].joint_id, parts)

    def begin(self) -> None:
        """Begin to send, as far as the window of requests has room."""
        first = self.files[0].delivery
        if first is not None and self._joint is not None:
            first.begin_joint(self._joint)
        elif first is not None:
            first.begin_reserved()

    def send(self) -> None:
        """Send, and add the outcomes to the accounts of the files."""
        deliveries = [(file.run.attempt.outcomes, file.delivery) for file in self.files if file.delivery is not None]
        if self._joint is None:
            for outcomes, delivery in deliveries:
                outcomes.extend(delivery.send_reserved())
            return
        leader = deliveries[0][1]
        outcome = leader.send_joint(self._joint)
        for outcomes, delivery in deliveries:
            if outcome is None:
                delivery.separate()
                outcomes.extend(delivery.send_reserved())
            else:
                outcomes.append(outcome if delivery is leader else delivery.follow(leader, outcome))
