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

    from poc.delivery.failure_policy import CommitPoint, FailurePolicy, StopSending
    from poc.delivery.outbox import OutboundRequest, Outbox
    from poc.delivery.request_builder import RequestBuilder
    from poc.delivery.sender import RequestSender

#: Requests that are confirmed together, where the partner honours keys: one that is sent again does no harm.
CONFIRM_BATCH = 64

#: What is said of a request that may have been sent when the service died, to a partner that does not honour keys.
INTERRUPTED = "the service died while this was being sent"


class DeliverOnce:
    """The outbox as a stage.

    Args:
        builder: makes requests of rows.
        outbox: where they are reserved.
        sender: carries them.
        policy: what follows from a failure.
        commit: commits the ledger; told whether all rows of the file are in it.
        honours_keys: whether the partner takes a request with a key it has seen as done.
        early: send while the file is still being checked.
        reserved_to: the last slot that an earlier attempt reserved; what of them is not in the outbox was confirmed.
    """

    def __init__(
        self,
        builder: RequestBuilder,
        outbox: Outbox,
        sender: RequestSender,
        policy: FailurePolicy,
        commit: CommitPoint,
        *,
        honours_keys: bool,
        early: bool = False,
        reserved_to: int = -1,
    ) -> None:
        self._builder = builder
        self._outbox = outbox
        self._sender = sender
        self._policy = policy
        self._commit = commit
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
                settled = self._take(self._builder.add(batch.rows), earlier)
                yield replace(batch, rows=blank.rows, outcomes=(*batch.outcomes, *settled))
                if self._early and self._stop is None:
                    # what fails here still waits in the outbox, and is settled with the rest of it at the end
                    sent = (part for part in self._go_on(whole=False) if part.outcome in {"delivered", "ambiguous"})
                    yield from settled_batches(blank, sent)
        except ContractBreach:
            if blank is not None and self._early:
                yield from settled_batches(blank, self._go_on(whole=False))
            raise
        else:
            if blank is not None:
                yield replace(blank, outcomes=tuple(self._take(self._builder.flush(), earlier)))
                yield from settled_batches(blank, self._go_on(whole=True))
        finally:
            self._outbox.discard_unreserved()

    def resume(self) -> Iterator[RowOutcome]:
        """Send what stands in the outbox; where the rows of it end."""
        for request in self._outbox.possibly_sent(keyed=not self._honours_keys):
            self._outbox.set_state(request.name, "ambiguous", INTERRUPTED)
            yield RowOutcome("ambiguous", request.rows, "died", INTERRUPTED)
        yield from self._send(self._outbox.pending(), committed=False)

    def _left_before(self) -> dict[str, tuple[str, str]]:
        """State and note of each request that an earlier attempt has not confirmed; one it died over is ambiguous."""
        for request in self._outbox.possibly_sent(keyed=not self._honours_keys):
            self._outbox.set_state(request.name, "ambiguous", INTERRUPTED)
        return self._outbox.states()

    def _take(self, requests: Iterable[OutboundRequest], earlier: Mapping[str, tuple[str, str]]) -> list[RowOutcome]:
        """Hold new requests; of those that an earlier attempt reserved, all that are not to be sent are settled."""
        settled: list[RowOutcome] = []
        for request in requests:
            if int(request.name) > self._reserved_to:
                self._outbox.add(request)
            elif request.name not in earlier:
                settled.append(RowOutcome("delivered", request.rows))
            elif earlier[request.name][0] == "ambiguous":
                settled.append(RowOutcome("ambiguous", request.rows, "", earlier[request.name][1]))
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
            self._commit(whole=whole, reserved_to=self._reserved_to)
            # what was reserved just now is at hand, unless it is large
            at_hand = untouched and all(request.body for request in fresh)
            yield from self._send(fresh if at_hand else self._outbox.pending(), committed=untouched)

    def _send(self, requests: Iterable[OutboundRequest], *, committed: bool) -> Iterator[RowOutcome]:
        for request in requests:
            self._stop = self._stop or self._policy.before_send()
            if self._stop is not None:
                if committed and not self._honours_keys:  # it was marked as being sent, and is not
                    self._outbox.set_state(request.name, "reserved")
                    committed = False
                yield RowOutcome(self._stop.outcome, request.rows, self._stop.code, self._stop.reason)
                continue
            if not self._honours_keys and not committed:
                self._outbox.set_state(request.name, "sending")
            if (not self._honours_keys and not committed) or len(self._confirmed) >= CONFIRM_BATCH:
                self._confirm()
                self._commit(whole=self._whole, reserved_to=self._reserved_to)
            committed = False
            yield self._carry(request)
        self._confirm()

    def _carry(self, request: OutboundRequest) -> RowOutcome:
        try:
            self._sender.send(request, keyed=True)
        except DeliveryFailed as failure:
            self._stop = self._policy.on_failure(failure)
            if failure.unknown and not self._honours_keys:
                self._outbox.set_state(request.name, "ambiguous", str(failure))
                return RowOutcome("ambiguous", request.rows, failure.code, str(failure))
            if not self._honours_keys:
                self._outbox.set_state(request.name, "reserved")
            return RowOutcome(self._stop.outcome, request.rows, self._stop.code, self._stop.reason)
        self._policy.on_success()
        self._confirmed.append(request.name)
        return RowOutcome("delivered", request.rows)

    def _confirm(self) -> None:
        self._outbox.confirm(self._confirmed)
        self._confirmed = []


def settled_batches(blank: Batch, settled: Iterable[RowOutcome]) -> Iterator[Batch]:
    """Settled rows, one batch each."""
    for part in settled:
        yield replace(blank, outcomes=(part,))
