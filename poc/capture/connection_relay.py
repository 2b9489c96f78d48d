"""One connection of the monolith and one to the partner, as one: what happens on either side happens on the other.

Each connection of the monolith has one of its own to the partner, so that keep-alive, half-closed connections, resets
and an end within an answer look the same to both as they would without the proxy. Nothing is ever sent again.
"""

from __future__ import annotations

import asyncio
import re
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from poc.capture.answer_framing import AnswerFraming
from poc.capture.body_framing import BrokenBody, ChunkedBody, LengthBody
from poc.capture.request_head import HEAD_END, MAX_HEAD_BYTES, RefusedRequest, parse_head
from poc.capture.stream import READ_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from poc.capture.body_framing import BodyFraming
    from poc.capture.request_head import RequestHead
    from poc.capture.request_store import KeptRequest, RequestStore
    from poc.capture.stream import Stream

BARE_LF = re.compile(rb"(?<!\r)\n")


class PartnerGone(Exception):
    """The partner takes no more bytes; it may have answered."""


#: Errors by which a direction of a connection ends.
EXPECTED = (OSError, PartnerGone, RefusedRequest, BrokenBody)


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds from the first byte of a head to its last, and for an answer after the monolith has closed its side."""

    head_s: float = 60.0
    linger_s: float = 600.0


@dataclass(slots=True)
class Exchanged:
    """A request under way: what is kept of it, and how far its answer has come."""

    head: RequestHead
    kept: KeptRequest
    answer: AnswerFraming
    start_s: float = field(default_factory=time.monotonic)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    body_begun: bool = False
    body_ended: bool = False
    noted: tuple[str, bool] | None = None

    async def note(self, ended: str) -> None:
        """Keep what became of the request; an unchanged outcome is kept once."""
        if self.noted == (ended, self.kept.whole):
            return
        self.noted = ended, self.kept.whole
        await self.kept.outcome(self.answer.status, ended, time.monotonic() - self.start_s)


class ConnectionRelay:
    """Passes requests and answers on between one connection of the monolith and one to the partner."""

    def __init__(
        self,
        client: Stream,
        partner: Stream,
        authority: bytes,
        store: RequestStore,
        report: Callable[[str], None],
        limits: Limits,
    ) -> None:
        self._client = client
        self._partner = partner
        self._authority = authority
        self._store = store
        self._report = report
        self._buffer = b""
        self._exchanged: Exchanged | None = None
        self._limits = limits

    async def run(self) -> None:
        """Pass requests and answers on until a side ends."""
        requests = asyncio.create_task(self._pass_requests())
        answers = asyncio.create_task(self._pass_answers())
        try:
            await asyncio.wait({requests, answers}, return_when=asyncio.FIRST_COMPLETED)
            if requests.done() and not answers.done() and self._waits_for_answer(requests):
                await asyncio.wait({answers}, timeout=self._limits.linger_s)
        finally:
            for task in (requests, answers):
                task.cancel()
            results = await asyncio.gather(requests, answers, return_exceptions=True)
            await self._end(*results)

    def _waits_for_answer(self, requests: asyncio.Task[None]) -> bool:
        error = requests.exception()
        return isinstance(error, PartnerGone) or (error is None and self._exchanged is not None)

    async def _end(self, of_requests: BaseException | None, of_answers: BaseException | None) -> None:
        """End both connections, in the way in which the first one has ended."""
        exchanged = self._exchanged
        if exchanged is not None:
            exchanged.kept.finish(whole=exchanged.body_ended)
            await exchanged.note("complete" if exchanged.answer.done else exchanged.answer.at_end_of_stream())
        for error in (of_requests, of_answers):
            if isinstance(error, Exception) and not isinstance(error, EXPECTED):
                self._report(f"unexpected {type(error).__name__}: {error}; this is a bug in Milepost, report it")
        if isinstance(of_requests, (RefusedRequest, BrokenBody)):
            self._partner.reset()
            nothing_passed = exchanged is None or not (exchanged.answer.decided or exchanged.answer.interim)
            self._report(f"refused a request: {of_requests}")
            if nothing_passed:
                status = of_requests.status if isinstance(of_requests, RefusedRequest) else 400
                await self._client.refuse(status, f"milepost capture does not pass this request on: {of_requests}\n")
            await self._client.close()
        elif of_answers is None or (of_requests is None and isinstance(of_answers, asyncio.CancelledError)):
            await self._client.close()
            await self._partner.close()
        else:
            self._partner.reset()
            self._client.reset()

    async def _pass_requests(self) -> None:
        """Pass on one request after the other. Raises RefusedRequest, BrokenBody, PartnerGone, OSError."""
        while True:
            try:
                data = await self._read_head()
            except RefusedRequest:
                await self._answered()
                raise
            if not data:
                if self._exchanged is not None:
                    self._end_sending()
                return
            await self._answered()
            head = parse_head(data, self._authority)
            exchanged = Exchanged(head, self._store.begin(head), AnswerFraming(head.method))
            self._exchanged = exchanged
            await self._pass_body(exchanged)

    async def _answered(self) -> None:
        """Wait until the request before this one is answered."""
        if self._exchanged is not None:
            await self._exchanged.answered.wait()

    async def _read_head(self) -> bytes:
        """Return the next head; none where the monolith has closed the connection. Raises RefusedRequest, OSError."""
        searched = 0
        deadline_s: float | None = None
        while True:
            while self._buffer.startswith(b"\r\n"):  # an empty line before a request is none of it
                self._buffer = self._buffer[2:]
            end = self._buffer.find(HEAD_END, max(searched - 3, 0))
            bare = BARE_LF.search(self._buffer, max(searched - 1, 0), end if end >= 0 else len(self._buffer))
            if bare is not None:
                raise RefusedRequest("a line of its head ends without CR")
            if end > MAX_HEAD_BYTES or (end < 0 and len(self._buffer) > MAX_HEAD_BYTES):
                raise RefusedRequest(f"its head is longer than {MAX_HEAD_BYTES} bytes", 431)
            if end >= 0:
                head, self._buffer = self._buffer[: end + 4], self._buffer[end + 4 :]
                return head
            searched = len(self._buffer)
            if self._buffer and deadline_s is None:
                deadline_s = asyncio.get_running_loop().time() + self._limits.head_s
            try:
                async with asyncio.timeout_at(deadline_s):
                    data = await self._client.reader.read(READ_BYTES)
            except TimeoutError:
                raise RefusedRequest(f"its head did not come in {self._limits.head_s:g} s", 408) from None
            if not data:
                return b""
            self._buffer += data

    async def _pass_body(self, exchanged: Exchanged) -> None:
        """Pass a head and its body on. Raises BrokenBody, PartnerGone, OSError."""
        head, kept = exchanged.head, exchanged.kept
        framing: BodyFraming = ChunkedBody(strict=True) if head.length is None else LengthBody(head.length)
        waiting, done = head.forwarded, framing.done
        while not done:
            if not self._buffer:
                await self._send_to_partner(waiting)
                waiting = b""
                self._buffer = await self._client.reader.read(READ_BYTES)
                if not self._buffer:
                    self._end_sending()
                    return
            exchanged.body_begun = True
            used, content = framing.feed(self._buffer)
            waiting, self._buffer = waiting + self._buffer[:used], self._buffer[used:]
            await kept.add(content)
            done = framing.done
            if not done:
                await self._send_to_partner(waiting)
                waiting = b""
        exchanged.body_ended = True
        kept.finish(whole=True)
        await self._send_to_partner(waiting)
        if exchanged.noted is not None:  # answered before its end
            await exchanged.note(exchanged.noted[0])
            self._let_go(exchanged)

    async def _send_to_partner(self, data: bytes) -> None:
        try:
            if data:
                await self._partner.send(data)
        except OSError as error:
            raise PartnerGone from error

    def _end_sending(self) -> None:
        """Tell the partner that the monolith sends no more; with TLS, that is the end. Raises OSError."""
        if self._partner.writer.can_write_eof():
            with suppress(OSError):
                self._partner.writer.write_eof()
        elif self._exchanged is not None and not self._exchanged.body_ended:
            raise ConnectionResetError("the monolith closed the connection within a body")

    async def _pass_answers(self) -> None:
        """Pass answers on until the partner closes the connection. Raises OSError."""
        held = b""
        while data := await self._partner.reader.read(READ_BYTES):
            while data:
                exchanged = self._exchanged
                if exchanged is None or exchanged.answer.done:
                    await self._client.send(data)  # of no request, such as a notice before the connection ends
                    break
                used = exchanged.answer.feed(data)
                held, data = held + data[:used], data[used:]
                answer = exchanged.answer
                if answer.waits:
                    continue
                if answer.decided:
                    await exchanged.note("complete" if answer.done else "")
                piece, held = held, b""
                await self._client.send(piece)
                if answer.done and self._ends_with(exchanged):
                    return
        exchanged = self._exchanged
        if exchanged is not None and not exchanged.answer.done:
            exchanged.kept.finish(whole=exchanged.body_ended)
            await exchanged.note(exchanged.answer.at_end_of_stream())
        if held:
            await self._client.send(held)

    def _ends_with(self, exchanged: Exchanged) -> bool:
        """Let the next request follow a complete answer; return whether none can.

        A client that asked whether to go on, and was answered instead, may send the body or not: nobody can tell what
        its next bytes are.
        """
        exchanged.answered.set()
        if exchanged.body_ended:
            self._let_go(exchanged)
            return False
        return exchanged.head.expects_continue and not exchanged.body_begun

    def _let_go(self, exchanged: Exchanged) -> None:
        if exchanged.body_ended and exchanged.answer.done and self._exchanged is exchanged:
            self._exchanged = None
