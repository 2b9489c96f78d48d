"""Deliver once: reserve, send, confirm.

Every request is reserved in the ledger, with its body and an idempotency key, before anything is sent. It is sent with
that key until the partner has confirmed it, and then leaves the outbox. A partner that honours keys accepts each
request once, however often it is sent. To a partner that does not, a request whose answer was lost is never sent again:
it may have arrived, so it is listed as `ambiguous` until a person has asked the partner.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from poc.batch import Batch, RowOutcome
from poc.errors import ContractBreach, DeliveryFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from poc.delivery.failure_policy import CommitPoint, FailurePolicy, StopSending
    from poc.delivery.outbox import OutboundRequest, Outbox
    from poc.delivery.request_builder import RequestBuilder
    from poc.delivery.sender import RequestSender

#: Requests confirmed in one commit, where the partner honours keys: sending one again does no harm.
CONFIRM_BATCH = 64

#: The note of a request that may have been sent when the service died, to a partner that does not honour keys.
INTERRUPTED = "the service died while this was being sent"


@dataclass(slots=True)
class DeliverOnce:
    """Delivers requests through the outbox.

    Attributes:
        builder: builds requests from rows.
        outbox: reserves them.
        sender: sends them.
        policy: decides what follows from a failure.
        commit: commits the ledger; told whether all rows of the file are in it.
        honours_keys: whether the partner accepts a request with a key that it has seen as done.
        early: send while the file is still being checked.
        reserved_to: the last slot that an earlier attempt reserved; requests up to it that are not in the outbox were
            confirmed.
    """

    builder: RequestBuilder
    outbox: Outbox
    sender: RequestSender
    policy: FailurePolicy
    commit: CommitPoint
    honours_keys: bool
    early: bool = False
    reserved_to: int = -1
    _whole: bool = field(default=True, init=False)
    _stop: StopSending | None = field(default=None, init=False)
    _confirmed: list[str] = field(default_factory=list, init=False)

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield batches with the outcome of every row: delivered, ambiguous, or what the policy decides."""
        empty: Batch | None = None
        earlier = self._unconfirmed_before() if self.reserved_to >= 0 else {}
        try:
            for batch in batches:
                empty = Batch(batch.rows.clear())
                outcomes = self._add(self.builder.add(batch.rows), earlier)
                yield replace(batch, rows=empty.rows, outcomes=(*batch.outcomes, *outcomes))
                if self.early and self._stop is None:
                    # a request that fails here stays in the outbox, and gets its outcome with the others at the end
                    sent = (part for part in self._deliver(whole=False) if part.outcome in {"delivered", "ambiguous"})
                    yield from outcome_batches(empty, sent)
        except ContractBreach:
            if empty is not None and self.early:
                yield from outcome_batches(empty, self._deliver(whole=False))
            raise
        else:
            if empty is not None:
                yield replace(empty, outcomes=tuple(self._add(self.builder.flush(), earlier)))
                yield from outcome_batches(empty, self._deliver(whole=True))
        finally:
            self.outbox.discard_unreserved()

    def resume(self) -> Iterator[RowOutcome]:
        """Send the requests in the outbox, and yield the outcomes of their rows."""
        for request in self.outbox.possibly_sent(keyed=not self.honours_keys):
            self.outbox.set_state(request.name, "ambiguous", INTERRUPTED)
            yield RowOutcome("ambiguous", request.rows, "died", INTERRUPTED)
        yield from self._send(self.outbox.pending(), committed=False)

    def _unconfirmed_before(self) -> dict[str, tuple[str, str]]:
        """Return state and note of each request that an earlier attempt did not confirm, by name.

        A request that it may have been sending when it died becomes ambiguous.
        """
        for request in self.outbox.possibly_sent(keyed=not self.honours_keys):
            self.outbox.set_state(request.name, "ambiguous", INTERRUPTED)
        return self.outbox.states()

    def _add(self, requests: Iterable[OutboundRequest], earlier: Mapping[str, tuple[str, str]]) -> list[RowOutcome]:
        """Add new requests to the outbox; return the outcomes of those that an earlier attempt settled."""
        outcomes: list[RowOutcome] = []
        for request in requests:
            if int(request.name) > self.reserved_to:
                self.outbox.add(request)
            elif request.name not in earlier:
                outcomes.append(RowOutcome("delivered", request.rows))
            elif earlier[request.name][0] == "ambiguous":
                outcomes.append(RowOutcome("ambiguous", request.rows, "", earlier[request.name][1]))
        return outcomes

    def _deliver(self, *, whole: bool) -> Iterator[RowOutcome]:
        """Reserve the added requests, and send all that are pending."""
        self._whole = whole
        first_time = self.reserved_to < 0
        if self.honours_keys:
            reserved = self.outbox.reserve("keyed")
        else:  # the first request to send is marked in the same commit, where it is known to be the first
            reserved = self.outbox.reserve("reserved", "sending" if first_time else "reserved")
        if reserved:
            self.reserved_to = int(reserved[-1].name)
        if reserved or not first_time:
            self.commit(whole=whole, reserved_to=self.reserved_to)
            # the bodies reserved just now are in memory, unless they are large
            in_memory = first_time and all(request.body for request in reserved)
            yield from self._send(reserved if in_memory else self.outbox.pending(), committed=first_time)

    def _send(self, requests: Iterable[OutboundRequest], *, committed: bool) -> Iterator[RowOutcome]:
        """Send requests; `committed`: the state of the first one was committed with its reservation."""
        for request in requests:
            self._stop = self._stop or self.policy.before_send()
            if self._stop is not None:
                if committed and not self.honours_keys:  # it was marked as being sent, and is not sent
                    self.outbox.set_state(request.name, "reserved")
                    committed = False
                yield RowOutcome(self._stop.outcome, request.rows, self._stop.code, self._stop.reason)
                continue
            if not self.honours_keys and not committed:
                self.outbox.set_state(request.name, "sending")
            if (not self.honours_keys and not committed) or len(self._confirmed) >= CONFIRM_BATCH:
                self._confirm()
                self.commit(whole=self._whole, reserved_to=self.reserved_to)
            committed = False
            yield self._send_one(request)
        self._confirm()

    def _send_one(self, request: OutboundRequest) -> RowOutcome:
        try:
            self.sender.send(request, keyed=True)
        except DeliveryFailed as failure:
            self._stop = self.policy.on_failure(failure)
            if failure.unknown and not self.honours_keys:
                self.outbox.set_state(request.name, "ambiguous", str(failure))
                return RowOutcome("ambiguous", request.rows, failure.code, str(failure))
            if not self.honours_keys:
                self.outbox.set_state(request.name, "reserved")
            return RowOutcome(self._stop.outcome, request.rows, self._stop.code, self._stop.reason)
        self.policy.on_success()
        self._confirmed.append(request.name)
        return RowOutcome("delivered", request.rows)

    def _confirm(self) -> None:
        self.outbox.confirm(self._confirmed)
        self._confirmed = []


def outcome_batches(empty: Batch, outcomes: Iterable[RowOutcome]) -> Iterator[Batch]:
    """Yield one batch without rows for each outcome."""
    for outcome in outcomes:
        yield replace(empty, outcomes=(outcome,))
