"""Files of an SFTP server, read and written in pieces."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

import asyncssh

from poc.errors import FileStillChanging, PlaceRefused, PlaceUnavailable
from poc.places.place import Seen

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType

    from poc.places.sftp.session import SftpSession

#: Bytes of a piece: enough requests at once that a distant server is not waited for after each.
PIECE_BYTES = 4 << 20


def read_pieces(session: SftpSession, path: str, seen: Seen) -> Generator[bytes]:
    """Yield the content of a file in pieces.

    Raises:
        FileStillChanging: the file is no longer the one that was seen.
        PlaceUnavailable, PlaceRefused.
    """
    address = f"{session.address.rstrip('/')}/{seen.name}"

    async def open_file(client: asyncssh.SFTPClient) -> asyncssh.SFTPClientFile:
        return await client.open(path, "rb", encoding=None)

    async def close_file(_: asyncssh.SFTPClient) -> None:
        await file.close()

    try:
        file = session.run(open_file)
    except PlaceUnavailable as error:
        if error.code == "folder":
            raise FileStillChanging(f"{address}: is no longer there") from error
        raise
    try:
        yield from _pieces(session, file, seen, address)
    finally:
        if session.is_connected:
            with suppress(PlaceUnavailable, PlaceRefused):
                session.run(close_file, repeats=False)


def _pieces(session: SftpSession, file: asyncssh.SFTPClientFile, seen: Seen, address: str) -> Generator[bytes]:
    async def check(_: asyncssh.SFTPClient) -> None:
        if seen_file(seen.name, await file.stat()) != seen:
            raise FileStillChanging(f"{address}: changed since it was seen")

    async def next_piece(_: asyncssh.SFTPClient) -> bytes:
        data: bytes = await file.read(min(PIECE_BYTES, seen.size_bytes - size_bytes))
        return data

    size_bytes = 0
    deadline = session.deadline(seen.size_bytes)
    session.run(check, repeats=False)
    while size_bytes < seen.size_bytes:
        piece = session.run(next_piece, PIECE_BYTES, deadline, repeats=False)
        if not piece:
            break  # it was shortened
        size_bytes += len(piece)
        yield piece
    session.run(check, repeats=False)


class SftpPart:
    """A file being written into the folder. Leaving the `with` block before `finish` deletes it."""

    def __init__(self, session: SftpSession, path: str, file: asyncssh.SFTPClientFile) -> None:
        self.size_bytes = 0
        self._session = session
        self._path = path
        self._file = file
        self._is_open = True
        self._unwritten = bytearray()

    def write(self, data: bytes) -> None:
        """Append data; it is sent in pieces."""
        self._unwritten += data
        self.size_bytes += len(data)
        if len(self._unwritten) >= PIECE_BYTES:
            self._send()

    def finish(self) -> None:
        """Send the rest, and have the server sync it to its disk; from here on the part stays until it is published."""

        async def sync_and_close(client: asyncssh.SFTPClient) -> int | None:
            with suppress(asyncssh.SFTPOpUnsupported):
                await self._file.fsync()
            await self._file.close()
            return (await client.lstat(self._path)).size

        self._send()
        size_bytes = self._session.run(sync_and_close, self.size_bytes, repeats=False)
        self._is_open = False
        if size_bytes != self.size_bytes:
            text = f"{self._session.address}: {self._path} has {size_bytes} bytes, not the {self.size_bytes} sent"
            raise PlaceUnavailable("server", text)

    def discard(self) -> None:
        """Delete the part, unless it is finished. A server that cannot be reached keeps it, unfinished."""
        if not self._is_open:
            return
        self._is_open = False

        async def close_and_delete(client: asyncssh.SFTPClient) -> None:
            with suppress(asyncssh.SFTPError):
                await self._file.close()
            await client.remove(self._path)

        if self._session.is_connected:  # after a failure, the next delivery overwrites the part
            with suppress(PlaceUnavailable, PlaceRefused):
                self._session.run(close_and_delete, repeats=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()

    def _send(self) -> None:
        data, self._unwritten = bytes(self._unwritten), bytearray()

        async def send(_: asyncssh.SFTPClient) -> None:
            await self._file.write(data)

        if data:
            self._session.run(send, len(data), repeats=False)


def seen_file(name: str, attrs: asyncssh.SFTPAttrs) -> Seen:
    """Return what is seen of a file, by its attributes; its time is its mark, as SFTP has no other."""
    changed_at = None if attrs.mtime is None else datetime.fromtimestamp(attrs.mtime, UTC)
    return Seen(name, attrs.size or 0, changed_at, "" if attrs.mtime is None else str(attrs.mtime))
