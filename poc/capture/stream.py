"""A connection in both directions, and the ways to end it."""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

#: The most bytes that one read returns.
READ_BYTES = 64 * 1024

#: Seconds in which what was sent must be taken before a connection is closed.
CLOSE_S = 60.0

#: Seconds, and bytes, that a refused client may still send.
DRAIN_S, DRAIN_BYTES = 2.0, 16 << 20

REASONS = {
    400: "Bad Request", 405: "Method Not Allowed", 408: "Request Timeout", 431: "Request Header Fields Too Large",
    501: "Not Implemented",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stream:
    """The two directions of a connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        """Send bytes, and wait while the other side is slow. Raises OSError."""
        self.writer.write(data)
        await self.writer.drain()

    def reset(self) -> None:
        """End the connection by a TCP reset."""
        sock = self.writer.get_extra_info("socket")
        if sock is not None:
            with suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self) -> None:
        """Send what waits, and close the connection."""
        self.writer.close()
        try:
            async with asyncio.timeout(CLOSE_S):
                await self.writer.wait_closed()
        except (OSError, TimeoutError):
            self.writer.transport.abort()

    async def refuse(self, status: int, text: str) -> None:
        """Answer a request that is not passed on, and let the client read the answer before the connection ends."""
        body = text.encode("utf-8", "replace")
        head = f"HTTP/1.1 {status} {REASONS[status]}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        head += f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self.send(head.encode("ascii") + body)
                self.writer.write_eof()
                left_bytes = DRAIN_BYTES
                while left_bytes > 0 and (data := await self.reader.read(READ_BYTES)):
                    left_bytes -= len(data)
