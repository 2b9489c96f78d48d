"""Delivery of the reserved requests of one exchange: one after the other, or several at once, until one fails.

Requests are sent in the order of their rows. One that the partner refuses for good is `failed`, and the requests after
it are still sent. One that is too large (413) is sent in halves, down to one row, where the partner honours keys.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from poc.batch import RowOutcome
from poc.errors import DeliveryFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from poc.delivery.joint_request import JointRequest
    from poc.delivery.outbound_request import OutboundRequest
    from poc.delivery.outbox import Outbox
    from poc.delivery.request_builder import RequestBuilder
    from poc.delivery.sender import RequestSender
    from poc.retries.failure_policy import CommitPoint, FailurePolicy, StopSending

#: Requests confirmed in one commit, where the partner honours keys: sending one again does no harm.
CONFIRM_BATCH = 64

#: The answer of a partner to a body that it finds too large.
TOO_LARGE = "http-413"


@dataclass(slots=True)
class RequestDelivery:
    """Sends the reserved requests of one exchange.

    Attributes:
        builder: builds the halves of a request.
        outbox: holds the requests.
        sender: sends them.
        policy: decides what follows from a failure.
        commit: commits the ledger; told whether all rows of the file are in it.
        honours_keys: whether the partner accepts a request with a key that it has seen as done.
        reserved_to: the last slot that is reserved.
        whole: whether all rows of the file are reserved.
        reserved: the requests that this attempt has reserved, with their bodies if they are small.
        stop: why no more is sent; None until then.
    """

    builder: RequestBuilder
    outbox: Outbox
    sender: RequestSender
    policy: FailurePolicy
    commit: CommitPoint
    honours_keys: bool
    reserved_to: int = -1
    whole: bool = True
    reserved: list[OutboundRequest] = field(default_factory=list)
    stop: StopSending | None = None
    _confirmed: list[str] = field(default_factory=list, init=False)
    _uncommitted: bool = field(default=False, init=False)  # states were changed; commit before the next request is sent
    _accepted: bool = field(default=False, init=False)
    _sent_joint: bool = field(default=False, init=False)
    _repeated: bool = field(default=False, init=False)  # the partner had the joint request already
    _row_too_large: bool = field(default=False, init=False)  # a request of one row was refused for its size
    _too_large_bytes: int | None = field(default=None, init=False)  # the smallest body of several rows so refused

    def reserve(self, requests: Iterable[OutboundRequest]) -> None:
        """Reserve all requests of a file, and commit; `send_reserved` sends them."""
        try:
            for request in requests:
                self.outbox.add(request)
            self.reserved = self.outbox.reserve("keyed" if self.honours_keys else "reserved")
        finally:
            self.outbox.discard_unreserved()
        if self.reserved:
            self.reserved_to = int(self.reserved[-1].name)
            self.commit(whole=True, reserved_to=self.reserved_to)

    def send_reserved(self) -> Iterator[RowOutcome]:
        """Send what `reserve` reserved, and yield the outcomes; the caller confirms, and commits."""
        in_memory = all(request.body for request in self.reserved)
        yield from self.send(self.reserved if in_memory else self.outbox.pending(), committed=False)

    def send(self, requests: Iterable[OutboundRequest], *, committed: bool) -> Iterator[RowOutcome]:
        """Send requests; `committed`: the state of the first one was committed with its reservation."""
        following = self._begin_ahead(requests)
        parts: list[OutboundRequest] = []  # that replace the last request, the next one at the end
        while (request := parts.pop() if parts else next(following, None)) is not None:
            begun = self.sender.has_begun(request)
            if not begun:
                self.stop = self.stop or self.policy.before_send()
            if self.stop is not None and not begun:
                if committed and not self.honours_keys:  # it was marked as being sent, and is not sent
                    self.outbox.set_state(request.name, "reserved")
                    committed, self._uncommitted = False, True
                if self._uncommitted:
                    self.commit_states()  # so that the ledger is not locked while the bodies that follow are read
                yield RowOutcome(self.stop.outcome, request.rows, self.stop.code, self.stop.reason)
                continue
            if (
                not begun
                and self._can_halve(request)
                and len(request.body) >= (self._too_large_bytes or len(request.body) + 1)
            ):
                parts += self._halve(request)
                continue
            if not self.honours_keys and not committed:
                self.outbox.set_state(request.name, "sending")
                self._uncommitted = True
            if self._uncommitted or len(self._confirmed) >= CONFIRM_BATCH:
                self.commit_states()
            committed = False
            try:
                yield self._send_one(request)
            except RequestReplaced as replaced:
                parts += replaced.requests

    def begin_reserved(self) -> None:
        """Begin to send the reserved requests, as far as the window has room."""
        for request in self.reserved:
            self._begin(request)

    def _begin_ahead(self, requests: Iterable[OutboundRequest]) -> Iterator[OutboundRequest]:
        """Yield requests in order; while the caller waits for one, those that follow are under way."""
        following = iter(requests)
        begun: deque[OutboundRequest] = deque()
        while True:
            while self._may_begin() and (request := next(following, None)) is not None:
                self._begin(request)
                begun.append(request)
            request = begun.popleft() if begun else next(following, None)
            if request is None:
                return
            yield request

    def begin_joint(self, joint: JointRequest) -> None:
        """Begin to send a joint request for this exchange, its first part, if the window has room."""
        self._begin(self.reserved[0], joint)

    def send_joint(self, joint: JointRequest) -> RowOutcome | None:
        """Send a joint request for this exchange, its first part; `follow` gives the others what came of it.

        Returns:
            The outcome of this part; None where the partner refused the request for good, so that nothing of it was
            taken: the parts are requests of their own now, to be sent by `send_reserved` of each exchange.
        """
        (request,) = self.reserved
        begun = self.sender.has_begun(request)
        if not begun:
            self.stop = self.stop or self.policy.before_send()
        if self.stop is not None and not begun:
            return RowOutcome(self.stop.outcome, request.rows, self.stop.code, self.stop.reason)
        self._sent_joint = True
        try:
            self._repeated = self._post(request, joint)
        except DeliveryFailed as failure:
            if not self.policy.is_about_request(failure):
                return self._failed(request, failure)
            self.outbox.separate_joint(joint.id)
            self.commit_states()
            return None
        return self._taken(request)

    def follow(self, leader: RequestDelivery, outcome: RowOutcome) -> RowOutcome:
        """Return the outcome of this exchange's part of a joint request that `leader` sent, with that outcome."""
        (request,) = self.reserved
        if leader._sent_joint:
            self.sender.count_bytes(request)
        if leader._repeated:
            self.sender.count_repeat(request)
        if outcome.outcome == "delivered":
            return self._taken(request)
        self.stop = leader.stop
        self.policy.failures, self.policy.due_at_us = leader.policy.failures, leader.policy.due_at_us
        if outcome.outcome == "failed":  # the partner turned the service away
            self.outbox.set_state(request.name, "keyed", outcome.reason, outcome.code)
        return replace(outcome, rows=request.rows)

    def separate(self) -> None:
        """Send the parts of joint requests on their own from now on."""
        self.reserved = [replace(request, joint="") for request in self.reserved]

    def note_confirmed(self, name: str) -> None:
        """Note that the partner has accepted a request, as another exchange found out; `confirm` removes it."""
        self._confirmed.append(name)

    def _may_begin(self) -> bool:
        return self.honours_keys and self.stop is None and self.sender.window.has_room

    def _begin(self, request: OutboundRequest, joint: JointRequest | None = None) -> None:
        """Begin to send a request, unless it is held back, or the window has no room."""
        if (
            request.body
            and (joint is not None or not request.joint)
            and self._may_begin()
            and not self.sender.has_begun(request)
        ):
            self.stop = self.policy.before_send()
            if self.stop is None:
                self.sender.begin(request, joint)

    def _send_one(self, request: OutboundRequest) -> RowOutcome:
        """Send one request, and return the outcome of its rows. Raises RequestReplaced where others are sent for it."""
        joint = self.outbox.joint_request(request.joint) if request.joint else None
        try:
            self._post(request, joint)
        except DeliveryFailed as failure:
            if joint is not None and self.policy.is_about_request(failure):
                raise RequestReplaced([self._separate(request)]) from None
            if failure.code == TOO_LARGE and failure.kind == "stop" and self._can_halve(request):
                self._too_large_bytes = len(request.body)
                raise RequestReplaced(self._halve(request)) from None
            return self._failed(request, failure)
        if joint is not None:
            self.outbox.accept_joint(joint.id)
            self._uncommitted = True  # so that the ledger is not locked while the requests that follow are sent
        return self._taken(request)

    def _taken(self, request: OutboundRequest) -> RowOutcome:
        """Return the outcome of a request that the partner has accepted."""
        self._accepted = self.sender.window.is_open = True
        self.policy.on_success()
        self._confirmed.append(request.name)
        return RowOutcome("delivered", request.rows)

    def _post(self, request: OutboundRequest, joint: JointRequest | None = None) -> bool:
        try:
            return self.sender.send(request, joint, keyed=True)
        except DeliveryFailed as failure:
            if not (failure.reused and self.honours_keys and self.policy.resends_at_once):
                raise
            return self.sender.send(
                request, joint, keyed=True
            )  # on a new connection: the partner had closed the kept one

    def _failed(self, request: OutboundRequest, failure: DeliveryFailed) -> RowOutcome:
        """Return the outcome of a request that failed, and give it the state that it has from now on."""
        self.sender.window.is_open = False
        if self.stop is not None and failure.kind != "stop":  # it was under way when another one failed
            return RowOutcome(self.stop.outcome, request.rows, self.stop.code, self.stop.reason)
        if failure.code == TOO_LARGE and request.rows == 1:
            self._row_too_large = True
        decision = self.policy.on_failure(failure)
        if not decision.this_request_only:
            self.stop = decision
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
        return allowed and not request.joint and request.rows > 1 and (self._accepted or not self._row_too_large)

    def _separate(self, request: OutboundRequest) -> OutboundRequest:
        """Make the parts of a joint request that was refused for good requests of their own; return this one."""
        self.outbox.separate_joint(request.joint)
        self._uncommitted = True
        return replace(request, joint="")

    def _halve(self, request: OutboundRequest) -> list[OutboundRequest]:
        """Replace a request by its halves, and commit, so that no part of it can be sent under two keys."""
        halves = self.builder.halve(request)
        self.outbox.split(request, halves, "keyed")
        self.commit_states()
        return halves[::-1]

    def commit_states(self) -> None:
        """Commit the account, what the partner has confirmed, and the states of requests that were changed."""
        self.confirm()
        self.commit(whole=self.whole, reserved_to=self.reserved_to)
        self._uncommitted = False

    def confirm(self) -> None:
        """Remove what the partner has confirmed from the outbox, with the next commit."""
        self.outbox.confirm(self._confirmed)
        self._confirmed = []


class RequestReplaced(Exception):
    """The partner refused a request that can be sent in another form: its halves, or a part of a joint one alone."""

    def __init__(self, requests: list[OutboundRequest]) -> None:
        super().__init__()
        self.requests = requests
