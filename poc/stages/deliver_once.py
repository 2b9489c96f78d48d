"""Deliver once: reserve, send, confirm.

Every request is reserved in the ledger, with its body and an idempotency key, before anything is sent. It is sent with
that key until the partner has confirmed it, and then leaves the outbox. A partner that honours keys accepts each
request once, however often it is sent. To a partner that does not, a request whose answer was lost is never sent again:
it may have arrived, so it is listed as `ambiguous` until a person has asked the partner.

Requests are sent in the order of their rows. One that the partner refuses for good is `failed`, and the requests after
it are still sent. One that is too large (413) is sent in halves, down to one row, where the partner honours keys.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from poc.batch import Batch, RowOutcome
from poc.errors import ContractBreach, DeliveryFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from poc.delivery.failure_policy import CommitPoint, FailurePolicy, StopSending
    from poc.delivery.outbox import OutboundRequest, Outbox, RequestState
    from poc.delivery.request_builder import RequestBuilder
    from poc.delivery.sender import RequestSender

#: Requests confirmed in one commit, where the partner honours keys: sending one again does no harm.
CONFIRM_BATCH = 64

#: The note of a request that may have been sent when the service died, to a partner that does not honour keys.
INTERRUPTED = "the service was interrupted while it sent this"

#: The answer of a partner to a body that it finds too large.
TOO_LARGE = "http-413"


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
        retry_failed: send the requests again that an earlier attempt left as refused for good.
    """

    builder: RequestBuilder
    outbox: Outbox
    sender: RequestSender
    policy: FailurePolicy
    commit: CommitPoint
    honours_keys: bool
    early: bool = False
    reserved_to: int = -1
    retry_failed: bool = False
    _whole: bool = field(default=True, init=False)
    _stop: StopSending | None = field(default=None, init=False)
    _reserved: list[OutboundRequest] = field(default_factory=list, init=False)
    _confirmed: list[str] = field(default_factory=list, init=False)
    _interrupted: set[str] = field(default_factory=set, init=False)
    _uncommitted: bool = field(default=False, init=False)  # states were changed; commit before the next request is sent
    _accepted: bool = field(default=False, init=False)
    _row_too_large: bool = field(default=False, init=False)  # a request of one row was refused for its size
    _too_large_bytes: int | None = field(default=None, init=False)  # the smallest body of several rows so refused

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
                    yield from outcome_batches(empty, self._deliver_early())
        except ContractBreach:
            if empty is not None and self.early:
                yield from outcome_batches(empty, self._deliver(whole=False))
                if self.reserved_to >= 0:
                    self._commit()  # so that the ledger is not locked while the rows of the file are counted
            raise
        else:
            if empty is not None:
                yield replace(empty, outcomes=tuple(self._add(self.builder.flush(), earlier)))
                yield from outcome_batches(empty, self._deliver(whole=True))
        finally:
            self.outbox.discard_unreserved()

    def resume(self) -> Iterator[RowOutcome]:
        """Send the requests in the outbox, and yield the outcomes of their rows."""
        self._settle_interrupted()
        for part in self.outbox.states():
            if part.state == "failed" or (part.state == "ambiguous" and part.name in self._interrupted):
                yield RowOutcome(part.state, part.rows, part.code, part.note)
        yield from self._send(self.outbox.pending(), committed=False)
        self.confirm()

    def reserve_whole(self, requests: Iterable[OutboundRequest]) -> None:
        """Reserve all requests of a file, and commit; `send_whole` sends them."""
        for request in requests:
            self.outbox.add(request)
        self._whole, self._reserved = True, self.outbox.reserve("keyed" if self.honours_keys else "reserved")
        if self._reserved:
            self.reserved_to = int(self._reserved[-1].name)
            self.commit(whole=True, reserved_to=self.reserved_to)

    def send_whole(self) -> Iterator[RowOutcome]:
        """Send what `reserve_whole` reserved, and yield the outcomes; the caller confirms, and commits."""
        in_memory = all(request.body for request in self._reserved)
        yield from self._send(self._reserved if in_memory else self.outbox.pending(), committed=False)

    def _settle_interrupted(self) -> None:
        """Mark requests as ambiguous that an attempt may have been sending when it died."""
        if self.retry_failed:
            self.outbox.retry_failed("keyed" if self.honours_keys else "reserved")
        for request in self.outbox.possibly_sent(keyed=not self.honours_keys):
            self.outbox.set_state(request.name, "ambiguous", INTERRUPTED, "died")
            self._interrupted.add(request.name)
        self.outbox.commit_states()

    def _unconfirmed_before(self) -> dict[str, list[RequestState]]:
        """Return the requests that an earlier attempt did not confirm, by their slot."""
        self._settle_interrupted()
        by_slot: dict[str, list[RequestState]] = {}
        for part in self.outbox.states():
            by_slot.setdefault(part.name.split(".")[0], []).append(part)
        return by_slot

    def _add(self, requests: Iterable[OutboundRequest], earlier: Mapping[str, list[RequestState]]) -> list[RowOutcome]:
        """Add new requests to the outbox; return the outcomes of those that an earlier attempt settled."""
        outcomes: list[RowOutcome] = []
        for request in requests:
            if int(request.name) > self.reserved_to:
                self.outbox.add(request)
                continue
            left = earlier.get(request.name, [])
            if confirmed_rows := request.rows - sum(part.rows for part in left):
                outcomes.append(RowOutcome("delivered", confirmed_rows))
            settled = (part for part in left if part.state in {"ambiguous", "failed"})
            outcomes += (RowOutcome(part.state, part.rows, part.code, part.note) for part in settled)
        return outcomes

    def _deliver_early(self) -> Iterator[RowOutcome]:
        """Deliver while the file is read; a request that stays to be sent gets its outcome at the end of the file."""
        for part in self._deliver(whole=False):
            if part.outcome in {"delivered", "ambiguous"} or self._stop is None:
                yield part
        self._commit()  # so that the ledger is not locked while the file is read on

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
            self.confirm()

    def _send(self, requests: Iterable[OutboundRequest], *, committed: bool) -> Iterator[RowOutcome]:
        """Send requests; `committed`: the state of the first one was committed with its reservation."""
        following = iter(requests)
        halves: list[OutboundRequest] = []  # of the last request, the next one at the end
        while (request := halves.pop() if halves else next(following, None)) is not None:
            self._stop = self._stop or self.policy.before_send()
            if self._stop is not None:
                if committed and not self.honours_keys:  # it was marked as being sent, and is not sent
                    self.outbox.set_state(request.name, "reserved")
                    committed, self._uncommitted = False, True
                if self._uncommitted:
                    self._commit()  # so that the ledger is not locked while the bodies that follow are read
                yield RowOutcome(self._stop.outcome, request.rows, self._stop.code, self._stop.reason)
                continue
            if self._can_halve(request) and len(request.body) >= (self._too_large_bytes or len(request.body) + 1):
                halves += self._halve(request)
                continue
            if not self.honours_keys and not committed:
                self.outbox.set_state(request.name, "sending")
                self._uncommitted = True
            if self._uncommitted or len(self._confirmed) >= CONFIRM_BATCH:
                self._commit()
            committed = False
            try:
                yield self._send_one(request)
            except RequestTooLarge:
                self._too_large_bytes = len(request.body)
                halves += self._halve(request)

    def _send_one(self, request: OutboundRequest) -> RowOutcome:
        """Send one request, and return the outcome of its rows. Raises RequestTooLarge where halves can be sent."""
        try:
            self._post(request)
        except DeliveryFailed as failure:
            if failure.code == TOO_LARGE and failure.kind == "stop" and self._can_halve(request):
                raise RequestTooLarge from None
            return self._failed(request, failure)
        self._accepted = True
        self.policy.on_success()
        self._confirmed.append(request.name)
        return RowOutcome("delivered", request.rows)

    def _post(self, request: OutboundRequest) -> None:
        try:
            self.sender.send(request, keyed=True)
        except DeliveryFailed as failure:
            if not (failure.reused and self.honours_keys and self.policy.resends_at_once):
                raise
            self.sender.send(request, keyed=True)  # on a new connection: the partner had closed the one that was kept

    def _failed(self, request: OutboundRequest, failure: DeliveryFailed) -> RowOutcome:
        """Return the outcome of a request that failed, and give it the state that it has from now on."""
        if failure.code == TOO_LARGE and request.rows == 1:
            self._row_too_large = True
        decision = self.policy.on_failure(failure)
        if not decision.this_request_only:
            self._stop = decision
        state = "keyed" if self.honours_keys else "reserved"
        outcome = RowOutcome(decision.outcome, request.rows, decision.code, decision.reason)
        if failure.unknown and not self.honours_keys:
            state, outcome = "ambiguous", RowOutcome("ambiguous", request.rows, failure.code, str(failure))
        elif decision.this_request_only:
            state = "failed"
        self._uncommitted = True
        if state in {"ambiguous", "failed"} or failure.kind == "pause":
            self.outbox.set_state(request.name, state, str(failure), failure.code)
        elif not self.honours_keys:
            self.outbox.set_state(request.name, state)
        return outcome

    def _can_halve(self, request: OutboundRequest) -> bool:
        """Return whether a request can be sent in halves: not to a partner that finds even one row too large."""
        allowed = self.honours_keys and self.policy.resends_at_once
        return allowed and request.rows > 1 and (self._accepted or not self._row_too_large)

    def _halve(self, request: OutboundRequest) -> list[OutboundRequest]:
        """Replace a request by its halves, and commit, so that no part of it can be sent under two keys."""
        halves = self.builder.halve(request)
        self.outbox.split(request, halves, "keyed")
        self._commit()
        return halves[::-1]

    def _commit(self) -> None:
        self.confirm()
        self.commit(whole=self._whole, reserved_to=self.reserved_to)
        self._uncommitted = False

    def confirm(self) -> None:
        """Remove what the partner has confirmed from the outbox, with the next commit."""
        self.outbox.confirm(self._confirmed)
        self._confirmed = []


class RequestTooLarge(Exception):
    """The partner refused a request for its size, and it can be sent in halves."""


def outcome_batches(empty: Batch, outcomes: Iterable[RowOutcome]) -> Iterator[Batch]:
    """Yield one batch without rows for each outcome."""
    for outcome in outcomes:
        yield replace(empty, outcomes=(outcome,))
