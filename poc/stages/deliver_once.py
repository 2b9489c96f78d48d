"""Deliver once: reserve, send, confirm.

Every request is reserved in the ledger, with its body and an idempotency key, before anything is sent. It is sent with
that key until the partner has confirmed it, and then leaves the outbox. A partner that honours keys accepts each
request once, however often it is sent. To a partner that does not, a request whose answer was lost is never sent again:
it may have arrived, so it is listed as `ambiguous` until a person has asked the partner.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from poc.batch import Batch, RowOutcome
from poc.errors import ContractBreach

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from poc.delivery.outbound_request import OutboundRequest
    from poc.delivery.outbox import RequestState
    from poc.delivery.request_delivery import RequestDelivery

#: The note of a request that may have been sent when the service died, to a partner that does not honour keys.
INTERRUPTED = "the service was interrupted while it sent this"


@dataclass(slots=True)
class DeliverOnce:
    """Delivers requests through the outbox.

    Attributes:
        delivery: sends the requests; its builder builds them, its outbox reserves them.
        early: send while the file is still being checked.
        retry_failed: send the requests again that an earlier attempt left as refused for good.
    """

    delivery: RequestDelivery
    early: bool = False
    retry_failed: bool = False

    def __call__(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Yield batches with the outcome of every row: delivered, ambiguous, or what the policy decides."""
        empty: Batch | None = None
        earlier = self._unconfirmed_before() if self.delivery.reserved_to >= 0 else {}
        try:
            for batch in batches:
                empty = Batch(batch.rows if batch.encoded is not None else batch.rows.clear())
                outcomes = self._add(self.delivery.builder.add_batch(batch), earlier)
                yield Batch(empty.rows, batch.lines, batch.rejected, batch.notes, (*batch.outcomes, *outcomes))
                if self.early and self.delivery.stop is None:
                    yield from outcome_batches(empty, self._deliver_early())
        except ContractBreach:
            if empty is not None and self.early:
                yield from outcome_batches(empty, self._deliver(whole=False))
                if self.delivery.reserved_to >= 0:
                    self.delivery.commit_states()  # so that the ledger is not locked while rows are counted
            raise
        else:
            if empty is not None:
                yield Batch(empty.rows, outcomes=tuple(self._add(self.delivery.builder.flush(), earlier)))
                yield from outcome_batches(empty, self._deliver(whole=True))
        finally:
            self.delivery.outbox.discard_unreserved()

    def resume(self) -> Iterator[RowOutcome]:
        """Send the requests in the outbox, and yield the outcomes of their rows; then `confirm` what was accepted."""
        states = self._settle_interrupted()
        if self.delivery.honours_keys:
            self.delivery.outbox.wait_for_disk(False)  # as after a reservation: what is lost is sent again by its key
        settled = {part.name for part in states if part.state in {"failed", "ambiguous", "accepted"}}
        for part in states:
            if part.state in {"failed", "ambiguous"}:
                yield RowOutcome(part.state, part.rows, part.code, part.note)
            elif part.state == "accepted":
                self.delivery.note_confirmed(part.name)
                yield RowOutcome("delivered", part.rows)
        if len(settled) < len(states):
            # a person may have made the refused ones due since
            pending = (request for request in self.delivery.outbox.pending() if request.name not in settled)
            yield from self.delivery.send(pending, committed=False)

    def confirm(self) -> None:
        """Remove what the partner has confirmed from the outbox, with the next commit."""
        self.delivery.confirm()

    def _settle_interrupted(self) -> list[RequestState]:
        """Mark requests as ambiguous that an attempt may have been sending when it died; return the states of all.

        Where keys were honoured, the ledger does not record when a request is sent.
        """
        outbox, keys = self.delivery.outbox, self.delivery.honours_keys
        states = outbox.states()
        interrupted = {"sending"} if keys else {"sending", "keyed"}
        changing = {*interrupted, *(["reserved"] if keys else []), *(["failed"] if self.retry_failed else [])}
        if changing.isdisjoint(part.state for part in states):
            return states
        outbox.wait_for_disk(True)
        if self.retry_failed:
            outbox.retry_failed("keyed" if keys else "reserved")
        if keys:
            outbox.mark_keyed()
        for part in states:
            if part.state in interrupted:
                outbox.set_state(part.name, "ambiguous", INTERRUPTED, "died")
        outbox.commit_states()
        return outbox.states()

    def _unconfirmed_before(self) -> dict[str, list[RequestState]]:
        """Return the requests that an earlier attempt did not confirm, by their slot."""
        by_slot: dict[str, list[RequestState]] = {}
        for part in self._settle_interrupted():
            by_slot.setdefault(part.name.split(".")[0], []).append(part)
        return by_slot

    def _add(self, requests: Iterable[OutboundRequest], earlier: Mapping[str, list[RequestState]]) -> list[RowOutcome]:
        """Add new requests to the outbox; return the outcomes of those that an earlier attempt settled."""
        outcomes: list[RowOutcome] = []
        for request in requests:
            if int(request.name) > self.delivery.reserved_to:
                self.delivery.outbox.add(request)
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
            if part.outcome in {"delivered", "ambiguous"} or self.delivery.stop is None:
                yield part
        self.delivery.commit_states()  # so that the ledger is not locked while the file is read on

    def _deliver(self, *, whole: bool) -> Iterator[RowOutcome]:
        """Reserve the added requests, and send all that are pending."""
        self.delivery.whole = whole
        first_time = self.delivery.reserved_to < 0
        if self.delivery.honours_keys:
            reserved = self.delivery.outbox.reserve("keyed")
        else:  # the first request to send is marked in the same commit, where it is known to be the first
            reserved = self.delivery.outbox.reserve("reserved", "sending" if first_time else "reserved")
        if reserved:
            self.delivery.reserved_to = int(reserved[-1].name)
        if reserved or not first_time:
            self.delivery.commit(whole=whole, reserved_to=self.delivery.reserved_to)
            # the bodies reserved just now are in memory, unless they are large
            in_memory = first_time and all(request.body for request in reserved)
            yield from self.delivery.send(
                reserved if in_memory else self.delivery.outbox.pending(), committed=first_time
            )
            self.delivery.confirm()


def outcome_batches(empty: Batch, outcomes: Iterable[RowOutcome]) -> Iterator[Batch]:
    """Yield one batch without rows for each outcome."""
    for outcome in outcomes:
        yield Batch(empty.rows, outcomes=(outcome,))
