"""Where an answer ends, followed while its bytes are passed on as they are.

Nothing about an answer is refused: one that cannot be understood is passed on until the connection ends.
"""

from __future__ import annotations

import re

from poc.capture.body_framing import BodyFraming, BrokenBody, ChunkedBody, EndlessBody, LengthBody
from poc.capture.request_head import MAX_HEAD_BYTES

HEAD_END = re.compile(rb"\r?\n\r?\n")
STATUS_LINE = re.compile(rb"HTTP/1\.[0-9] ([1-9][0-9]{2})(?: [^\r\n]*)?")

NO_CONTENT, NOT_MODIFIED, SWITCHING_PROTOCOLS = 204, 304, 101


class AnswerFraming:
    """Follows the answer to one request.

    `status` is that of the final answer once its head has come, and None for one that cannot be understood; `decided`:
    the head has come, or cannot be understood; `done`: the answer has ended.
    """

    def __init__(self, method: str) -> None:
        self.status: int | None = None
        self.decided = False
        self.done = False
        self.malformed = False
        self.interim = False
        self._method = method
        self._head = bytearray()
        self._body: BodyFraming | None = None

    @property
    def waits(self) -> bool:
        """Whether a head has begun and not ended."""
        return bool(self._head)

    def feed(self, data: bytes) -> int:
        """Return how many of the bytes belong to the answer."""
        at = 0
        while at < len(data) and not self.done:
            if self._body is None:
                at += self._take_head(data[at:])
                continue
            try:
                at += self._body.feed(data[at:])[0]
            except BrokenBody:
                self.malformed, self._body = True, EndlessBody()
                continue
            self.done = self._body.done
        return at

    def at_end_of_stream(self) -> str:
        """Return how the answer ended where the connection closes: `complete`, `cut`, `malformed` or `no-answer`."""
        if self.malformed:
            return "malformed"
        if self.done or (isinstance(self._body, EndlessBody) and self.status is not None):
            return "complete"
        return "cut" if self.decided or self._head or self.interim else "no-answer"

    def _take_head(self, data: bytes) -> int:
        before = len(self._head)
        self._head += data
        match = HEAD_END.search(self._head, max(before - 3, 0))
        if match is None:
            if len(self._head) > MAX_HEAD_BYTES:
                self._give_up()
            return len(data)
        head, used = bytes(self._head[: match.start()]), match.end() - before
        self._head.clear()
        first, *lines = re.split(rb"\r?\n", head)
        status_line = STATUS_LINE.fullmatch(first)
        if status_line is None:
            self._give_up()
            return used
        status = int(status_line[1])
        if status < 200 and status != SWITCHING_PROTOCOLS:
            self.interim = True
            return used
        self.status, self.decided = status, True
        self._body = self._framing(status, lines)
        self.done = self._body.done
        return used

    def _framing(self, status: int, lines: list[bytes]) -> BodyFraming:
        if self._method == "HEAD" or status in {NO_CONTENT, NOT_MODIFIED}:
            return LengthBody(0)
        values: dict[bytes, list[bytes]] = {}
        for line in lines:
            name, _, value = line.partition(b":")
            values.setdefault(name.strip().lower(), []).append(value.strip(b" \t").lower())
        codings = b",".join(values.get(b"transfer-encoding", ()))
        if codings:
            return ChunkedBody(strict=False) if codings.rpartition(b",")[2].strip() == b"chunked" else EndlessBody()
        lengths = {part.strip() for value in values.get(b"content-length", ()) for part in value.split(b",")}
        if not lengths:
            return EndlessBody()
        length = lengths.pop()
        if lengths or not length.isdigit() or len(length) > 18:
            self.malformed = True
            return EndlessBody()
        return LengthBody(int(length))

    def _give_up(self) -> None:
        self.malformed = self.decided = True
        self._head.clear()
        self._body = EndlessBody()
