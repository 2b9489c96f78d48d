"""A folder of an SFTP server as a place.

A file is written as `NAME.part` in the same folder and then renamed, by OpenSSH's posix-rename where the server has it,
never copied and deleted. Where the answer to the rename is lost, a look at the folder tells whether it was done.
"""

from __future__ import annotations

import posixpath
import stat
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Literal, Self
from urllib.parse import unquote

import asyncssh

from poc.errors import FileStillChanging, PlaceUnavailable
from poc.places.folder import FreeName
from poc.places.sftp.access import read_access
from poc.places.sftp.failures import MISSING
from poc.places.sftp.files import PIECE_BYTES, SftpPart, read_pieces, seen_file
from poc.places.sftp.session import SftpSession
from poc.transports.folder import PART, safe_name

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path
    from types import TracebackType

    from poc.config.place import PlaceConfig
    from poc.places.place import PutResult, Seen


class SftpPlace:
    """A folder of an SFTP server as a place. The folder is created at the first file where its parent exists."""

    def __init__(self, settings: PlaceConfig, environ: Mapping[str, str], root: Path) -> None:
        path = unquote(settings.path)
        # as other programs write it, what follows `/~/` is relative to the user's home
        self._folder = (path.removeprefix("/~/") or ".") if path.startswith("/~/") else path
        access = read_access(settings, environ, root)
        self.address = access.server + settings.path
        self._session = SftpSession(access, self.address, settings.timeout_s)

    def look(self) -> list[Seen]:
        """Return the regular files of the folder by name."""

        async def list_files(client: asyncssh.SFTPClient) -> list[Seen]:
            names = [(str(entry.filename), entry.attrs) async for entry in client.scandir(self._folder)]
            return [seen_file(name, attrs) for name, attrs in names if _is_regular(attrs) and "/" not in name]

        return sorted(self._session.run(list_files), key=lambda view: view.name)

    def read(self, seen: Seen) -> Generator[bytes]:
        """Yield the content of a file in pieces. Raises FileStillChanging."""
        yield from read_pieces(self._session, self._path(seen.name), seen)

    def put_new(self, name: str, body: BinaryIO) -> PutResult:
        """Write a file that appears whole or not at all, and only where no other file has its name."""
        name = safe_name(name)
        if (current := self.found(name)) is not None:
            return "same" if self._has_content(current, body) else "conflict"
        self._write_part(name, body)
        return self.publish(name)

    def replace(self, name: str, body: BinaryIO) -> None:
        """Write a file that appears whole or not at all, in the place of one that has its name."""
        name = safe_name(name)
        self._write_part(name, body)
        self._rename(name, replaces=True)

    def take_away(self, seen: Seen, folder: str = "") -> None:
        """Delete a file, or move it into a subfolder. Raises FileStillChanging."""
        path = self._path(seen.name)

        async def move(client: asyncssh.SFTPClient) -> None:
            target_folder = posixpath.join(self._folder, folder)
            if not await client.isdir(target_folder):
                await client.makedirs(target_folder, exist_ok=True)
            free = FreeName(seen.name)
            while not free.is_over:
                free.note(await client.lexists(posixpath.join(target_folder, free.candidate)))
            await _rename(client, path, posixpath.join(target_folder, free.candidate))

        async def remove(client: asyncssh.SFTPClient) -> None:
            await client.remove(path)

        current = self.found(seen.name)
        if current is None:
            return
        if current != seen:
            raise FileStillChanging(f"{self.address}/{seen.name}: changed since it was seen; it is left")
        try:
            self._session.run(move if folder else remove, repeats=False)
        except PlaceUnavailable:
            if self.found(seen.name) is not None:  # neither done, nor done with its answer lost
                raise

    def found(self, name: str) -> Seen | None:
        """Return a file by its name, None where there is none."""

        async def look_up(client: asyncssh.SFTPClient) -> Seen | None:
            try:
                return seen_file(name, await client.lstat(self._path(name)))
            except MISSING:
                return None

        return self._session.run(look_up)

    def part_state(self, name: str) -> Literal["part", "published", "neither"]:
        """Return how far the delivery of a file came, for a run that resumes after a crash."""
        name = safe_name(name)
        if self.found(name) is not None:
            return "published"
        return "part" if self.found(name + PART) is not None else "neither"

    def open_part(self, name: str) -> SftpPart:
        """Start the delivery of a file; a part left by a crash is overwritten."""
        name = safe_name(name)

        async def open_file(client: asyncssh.SFTPClient) -> asyncssh.SFTPClientFile:
            path = self._path(name + PART)
            try:
                return await client.open(path, "wb", encoding=None)
            except MISSING:
                await client.mkdir(self._folder)
                return await client.open(path, "wb", encoding=None)

        return SftpPart(self._session, self._path(name + PART), self._session.run(open_file))

    def publish(self, name: str) -> PutResult:
        """Rename a finished part to its final name. Idempotent; `conflict`: another file has the name and is left.

        After `same` and `conflict` the part is gone or left, as the folder does it: a conflict's part stays.
        """
        name = safe_name(name)
        target, part = self.found(name), self.found(name + PART)
        if part is None:
            if target is None:
                text = f"{self.address}/{name}: neither it nor its {PART} file is there"
                raise PlaceUnavailable("folder", text, unknown=True)
            return "same"
        if target is not None:
            if part.size_bytes != target.size_bytes or not self._are_same(part, target):
                return "conflict"
            self.take_away(part)
            return "same"
        self._rename(name)
        return "made"

    @property
    def is_connected(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._session.is_connected

    def close(self) -> None:
        """Close the connection. A later verb opens a new one."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _path(self, name: str) -> str:
        return posixpath.join(self._folder, name)

    def _write_part(self, name: str, body: BinaryIO) -> None:
        body.seek(0)
        with self.open_part(name) as part:
            while piece := body.read(PIECE_BYTES):
                part.write(piece)
            part.finish()

    def _rename(self, name: str, *, replaces: bool = False) -> None:
        """Give a part its name. Where the answer was lost, look whether it was done."""
        part, target = self._path(name + PART), self._path(name)

        async def rename(client: asyncssh.SFTPClient) -> None:
            await _rename(client, part, target, replaces=replaces)

        try:
            self._session.run(rename, repeats=False)
        except PlaceUnavailable as error:
            if not error.unknown or self.found(name + PART) is not None:
                raise

    def _has_content(self, seen: Seen, body: BinaryIO) -> bool:
        """Return whether a file has the bytes of a body."""
        body.seek(0)
        pieces = self.read(seen)
        is_same = all(body.read(len(piece)) == piece for piece in pieces) and not body.read(1)
        pieces.close()
        return is_same

    def _are_same(self, seen: Seen, other: Seen) -> bool:
        """Return whether two files of the same size have the same bytes."""
        return all(piece == twin for piece, twin in zip(self.read(seen), self.read(other), strict=False))


async def _rename(client: asyncssh.SFTPClient, path: str, target: str, *, replaces: bool = False) -> None:
    """Rename by posix-rename; by the plain rename, which never overwrites, where the server has no other.

    Where the file is to be replaced, such a server has none of its name for a moment.
    """
    try:
        await client.posix_rename(path, target)
    except asyncssh.SFTPOpUnsupported:
        if replaces:
            with suppress(*MISSING):
                await client.remove(target)
        await client.rename(path, target)


def _is_regular(attrs: asyncssh.SFTPAttrs) -> bool:
    return attrs.type == asyncssh.FILEXFER_TYPE_REGULAR or stat.S_ISREG(attrs.permissions or 0)
