"""Once: reserve, send, confirm.

Every request is reserved in the ledger, with its bytes and a key of its own, before anything leaves. It is sent with
that key until the partner has confirmed it, and then it is gone from the outbox. A partner that honours keys takes each
request once, however often it is sent. To one that does not, a request whose answer was lost is never sent again:
nobody knows whether it arrived, so it is listed as `ambiguous` until a person has asked.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from poc.batch import Batch, RowOutcome
from poc.errors import ContractBreach, DeliveryFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from poc.delivery.failure_policy import CommitPoint, Policy, StopSending
    from poc.delivery.outbox import OutboundRequest, Outbox
    from poc.delivery.request_builder import RequestBuilder
    from poc.delivery.sender import RequestSender

#: Requests that are confirmed together, where the partner honours keys: one that is sent again does no harm.
CONFIRMED_TOGETHER = 64

#: What is said of a request that may have been sent when the service died, to a partner that does not honour keys.
DIED = "the service died while this was being sent"


class DeliverOnce:
    """The outbox as a stage.

    Args:
        packer: makes parcels of rows.
        outbox: where they are reserved.
        courier: carries them.
        policy: what follows from a failure.
        seal: commits the ledger; told whether all rows of the file are in it.
        honours_keys: whether the partner takes a request with a key it has seen as done.
        early: send while the file is still being checked.
        reserved_to: the last slot that an earlier attempt reserved; what of them is not in the outbox was confirmed.
    """

    def __init__(
        self,
        packer: RequestBuilder,
        outbox: Outbox,
        courier: RequestSender,
        policy: Policy,
        seal: CommitPoint,
        *,
        honours_keys: bool,
        early: bool = False,
        reserved_to: int = -1,
    ) -> None:
        self._packer = packer
        self._outbox = outbox
        self._courier = courier
        self._policy = policy
        self._seal = seal
        self._honours_keys = honours_keys
        self._early = early
        self._reserved_to = reserved_to
        self._whole = True
        self._stop: StopSending | None = None
        self._confirmed: list[str] = []

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Batches with every row settled: delivered, ambiguous, or as the policy says."""
        blank: Batch | None = None
        earlier = self._left_before() if self._reserved_to >= 0 else {}
        try:
            for batch in batches:
                blank = Batch(batch.rows.clear())
                settled = self._take(self._packer.add(batch.rows), earlier)
                yield replace(batch, rows=blank.rows, outcomes=(*batch.outcomes, *settled))
                if self._early and self._stop is None:
                    # what fails here still waits in the outbox, and is settled with the rest of it at the end
                    sent = (part for part in self._go_on(whole=False) if part.outcome in {"delivered", "ambiguous"})
                    yield from as_batches(blank, sent)
        except ContractBreach:
            if blank is not None and self._early:
                yield from as_batches(blank, self._go_on(whole=False))
            raise
        else:
            if blank is not None:
                yield replace(blank, outcomes=tuple(self._take(self._packer.rest(), earlier)))
                yield from as_batches(blank, self._go_on(whole=True))
        finally:
            self._outbox.drop()

    def resume(self) -> Iterator[RowOutcome]:
        """Send what stands in the outbox; where the rows of it end."""
        for parcel in self._outbox.under_way(keyed=not self._honours_keys):
            self._outbox.mark(parcel.name, "ambiguous", DIED)
            yield RowOutcome("ambiguous", parcel.rows, "died", DIED)
        yield from self._send(self._outbox.waiting(), sealed=False)

    def _left_before(self) -> dict[str, tuple[str, str]]:
        """State and note of each parcel that an earlier attempt has not confirmed; one it died over is ambiguous."""
        for parcel in self._outbox.under_way(keyed=not self._honours_keys):
            self._outbox.mark(parcel.name, "ambiguous", DIED)
        return self._outbox.states()

    def _take(self, parcels: Iterable[OutboundRequest], earlier: Mapping[str, tuple[str, str]]) -> list[RowOutcome]:
        """Hold new parcels; of those that an earlier attempt reserved, all that are not to be sent are settled."""
        settled: list[RowOutcome] = []
        for parcel in parcels:
            if int(parcel.name) > self._reserved_to:
                self._outbox.hold(parcel)
            elif parcel.name not in earlier:
                settled.append(RowOutcome("delivered", parcel.rows))
            elif earlier[parcel.name][0] == "ambiguous":
                settled.append(RowOutcome("ambiguous", parcel.rows, "", earlier[parcel.name][1]))
        return settled

    def _go_on(self, *, whole: bool) -> Iterator[RowOutcome]:
        """Reserve what is held, and send all that waits."""
        self._whole = whole
        untouched = self._reserved_to < 0
        if self._honours_keys:
            fresh = self._outbox.reserve("keyed")
        else:  # the first to be sent is marked with the same commit, where it is known to be the first
            fresh = self._outbox.reserve("reserved", "sending" if untouched else "reserved")
        if fresh:
            self._reserved_to = int(fresh[-1].name)
        if fresh or not untouched:
            self._seal(whole=whole, reserved_to=self._reserved_to)
            # what was reserved just now is at hand, unless it is large
            at_hand = untouched and all(parcel.body for parcel in fresh)
            yield from self._send(fresh if at_hand else self._outbox.waiting(), sealed=untouched)

    def _send(self, parcels: Iterable[OutboundRequest], *, sealed: bool) -> Iterator[RowOutcome]:
        for parcel in parcels:
            self._stop = self._stop or self._policy.hold()
            if self._stop is not None:
                if sealed and not self._honours_keys:  # it was marked as being sent, and is not
                    self._outbox.mark(parcel.name, "reserved")
                    sealed = False
                yield RowOutcome(self._stop.outcome, parcel.rows, self._stop.code, self._stop.reason)
                continue
            if not self._honours_keys and not sealed:
                self._outbox.mark(parcel.name, "sending")
            if (not self._honours_keys and not sealed) or len(self._confirmed) >= CONFIRMED_TOGETHER:
                self._confirm()
                self._seal(whole=self._whole, reserved_to=self._reserved_to)
            sealed = False
            yield self._carry(parcel)
        self._confirm()

    def _carry(self, parcel: OutboundRequest) -> RowOutcome:
        try:
            self._courier.carry(parcel, keyed=True)
        except DeliveryFailed as failure:
            self._stop = self._policy.failed(failure)
            if failure.unknown and not self._honours_keys:
                self._outbox.mark(parcel.name, "ambiguous", str(failure))
                return RowOutcome("ambiguous", parcel.rows, failure.code, str(failure))
            if not self._honours_keys:
                self._outbox.mark(parcel.name, "reserved")
            return RowOutcome(self._stop.outcome, parcel.rows, self._stop.code, self._stop.reason)
        self._policy.succeeded()
        self._confirmed.append(parcel.name)
        return RowOutcome("delivered", parcel.rows)

    def _confirm(self) -> None:
        self._outbox.confirm(self._confirmed)
        self._confirmed = []


def as_batches(blank: Batch, settled: Iterable[RowOutcome]) -> Iterator[Batch]:
    """Settled rows, one batch each."""
    for part in settled:
        yield replace(blank, outcomes=(part,))
