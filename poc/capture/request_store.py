"""Keep requests on disk: bodies and the journal, for their owner only, synced before an answer is passed on.

Only named headers are kept, never one with a secret, and no value of a query. A request that cannot be kept, on a full
disk for instance, is passed on all the same, and counted in the proxy's lock file: the monolith's work comes first.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import os
import re
import threading
import weakref
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from metrics.private_files import open_private
from poc.capture.journal_reader import JOURNAL

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from poc.capture.request_head import RequestHead

#: The largest body that stands in the journal, so that one sync does for all of a request.
INLINE_BYTES = 128 * 1024

#: A larger one is written to its own file by a thread in pieces of so many bytes, and synced after so many.
PIECE_BYTES = 1 << 20
SYNC_BYTES = 32 << 20

#: The body of a form, or of a small JSON object, by which somebody signs in; it holds a secret, and is not kept.
FORM = "application/x-www-form-urlencoded"
SECRETS = rb"(?:grant_type|client_secret|passw(?:or)?d|client_assertion|assertion|refresh_token)"
SECRET_FORM = re.compile(rb"(?:^|&)" + SECRETS + b"=", re.IGNORECASE)
SECRET_OBJECT = re.compile(rb"\s*\{(?s:.*)\"" + SECRETS + rb'"\s*:', re.IGNORECASE)
SIGN_IN_BYTES = 8 * 1024

#: Bytes before a piece of a form in which the name of a field may begin.
FIELD_BYTES = 32


class Journal:
    """The open journal of a day. It is closed when the store and all requests that began on the day have let it go."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._lock = threading.Lock()
        self._is_torn = False
        weakref.finalize(self, os.close, fd)

    def append(self, line: dict[str, Any]) -> None:
        """Append a line of JSON; one that a full disk cut before is ended first. Raises OSError."""
        data = json.dumps(line, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            if self._is_torn:
                data = b"\n" + data
            self._is_torn = True
            write_all(self.fd, data)
            self._is_torn = False


class RequestStore:
    """What one partner's proxy keeps; `lost` counts requests that could not be kept."""

    def __init__(self, folder: Path, report: Callable[[str], None], on_lost: Callable[[int], None]) -> None:
        self.lost = 0
        self._folder = folder
        self._report = report
        self._on_lost = on_lost
        self._day = ""
        self._journal: Journal | None = None
        self._syncs: dict[int, asyncio.Future[None]] = {}
        self._number = 0

    def begin(self, head: RequestHead) -> KeptRequest:
        """Begin to keep a request; the journal knows of it when this returns."""
        now = datetime.now(UTC)
        self._number += 1
        key = f"{now:%H%M%S.%f}-{os.getpid()}-{self._number}"
        request = KeptRequest(self, key, head.media_type)
        try:
            journal = self._journal_of(f"{now:%Y-%m-%d}")
            request.journal, request.path = journal, self._folder / self._day / f"{key}.body"
            line = {
                "id": key, "at": now.isoformat(timespec="microseconds"), "method": head.method, "path": head.shown_path,
                "type": head.media_type, "coding": head.coding, "key": head.key,
            }  # fmt: skip
            journal.append(line)
        except OSError as error:
            self.lose(request, error)
        return request

    def lose(self, request: KeptRequest, error: OSError) -> None:
        """Count a request that cannot be kept, once."""
        if request.kept:
            request.kept = False
            self.lost += 1
            self._on_lost(self.lost)
            self._report(f"a request cannot be kept, and is passed on: {error.strerror or error}")

    async def sync(self, fd: int) -> None:
        """Wait until what was written to a file is on the disk; one sync serves all that wait. Raises OSError."""
        running = self._syncs.get(fd)
        if running is not None:
            await asyncio.wait([running])  # it may have begun before our bytes were written
            running = self._syncs.get(fd)
        if running is None:
            running = asyncio.ensure_future(asyncio.to_thread(os.fdatasync, fd))
            self._syncs[fd] = running
            running.add_done_callback(lambda _: self._syncs.pop(fd, None))
        await asyncio.shield(running)

    def close(self) -> None:
        """Let the journal go."""
        self._journal = None

    def _journal_of(self, day: str) -> Journal:
        """Return the open journal of a day; a clock that goes back stays at the later day. Raises OSError."""
        if day > self._day or self._journal is None:
            folder = self._folder / max(day, self._day)
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            fd = open_private(str(folder / JOURNAL), os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
            journal = Journal(fd)
            size = os.fstat(fd).st_size
            if size and os.pread(fd, 1, size - 1) != b"\n":  # the end of a process cut the last line
                os.write(fd, b"\n")
            for path in (folder, self._folder):
                sync_folder(path)
            self._day, self._journal = folder.name, journal
        return self._journal


class KeptRequest:
    """One request that is being kept: its body, and what becomes of it."""

    def __init__(self, store: RequestStore, key: str, media_type: str) -> None:
        self.id = key
        self.journal: Journal | None = None
        self.path: Path | None = None
        self.kept = True
        self.whole = False
        self.size_bytes = 0
        self._store = store
        self._is_form = media_type.lower().startswith(FORM)
        self._withheld = False
        self._form_end = b""
        self._finished = False
        self._digest = hashlib.sha256()
        self._pieces: list[bytes] = []
        self._waiting_bytes = 0
        self._fd: int | None = None
        self._unsynced_bytes = 0
        self._closing: asyncio.Task[None] | None = None
        self._lock = threading.Lock()  # a cancelled connection leaves its thread behind

    async def add(self, pieces: list[bytes]) -> None:
        """Keep content of the body."""
        if self._is_form and not self._withheld:
            text = self._form_end + b"".join(pieces)
            self._form_end = text[-FIELD_BYTES:]
            if SECRET_FORM.search(text):
                await asyncio.to_thread(self._withhold)
        if self._withheld:
            return
        added_bytes = sum(map(len, pieces))
        self.size_bytes += added_bytes
        self._waiting_bytes += added_bytes
        self._pieces += pieces
        if self._waiting_bytes >= PIECE_BYTES:
            await asyncio.to_thread(self._write)

    def finish(self, *, whole: bool) -> None:
        """End the body: a small one is in the journal when this returns, a large one is completed by a thread."""
        if self._finished or self.journal is None:
            return
        self._finished, self.whole = True, whole
        if self._fd is None and self.size_bytes <= INLINE_BYTES:
            content = b"".join(self._pieces)
            if len(content) <= SIGN_IN_BYTES and SECRET_OBJECT.match(content):
                self._withhold()
                content = b""
            self._pieces.clear()
            self._digest.update(content)
            self._append({**self._body(), "content": base64.b64encode(content).decode("ascii")})
        else:
            self._closing = asyncio.ensure_future(asyncio.to_thread(self._close))

    async def outcome(self, status: int | None, ended: str, wall_s: float) -> None:
        """Write what became of the request, and wait until all that is kept of it is on the disk."""
        if self.journal is None:
            return
        if self._closing is not None:
            await asyncio.shield(self._closing)
        self._append({"id": self.id, "ended": ended, "status": status, "wall_s": round(wall_s, 6), "kept": self.kept})
        try:
            await self._store.sync(self.journal.fd)
        except OSError as error:
            self._store.lose(self, error)

    def _withhold(self) -> None:
        """Keep nothing of the body, also of what was written before its secret came."""
        with self._lock:
            self._withheld = True
            self._pieces, self._waiting_bytes, self.size_bytes = [], 0, 0
            self._digest = hashlib.sha256()
            if self._fd is not None:
                os.ftruncate(self._fd, 0)

    def _body(self) -> dict[str, Any]:
        digest = self._digest.hexdigest()
        return {"id": self.id, "whole": self.whole, "size_bytes": self.size_bytes, "sha256": digest}

    def _append(self, line: dict[str, Any]) -> None:
        assert self.journal is not None  # noqa: S101 (looked at by the callers; tells the type checker)
        try:
            self.journal.append(line)
        except OSError as error:
            self._store.lose(self, error)

    def _write(self) -> None:
        """Write the pieces that wait."""
        with self._lock:
            self._write_pieces()

    def _write_pieces(self) -> None:
        pieces, self._pieces = self._pieces, []
        size_bytes, self._waiting_bytes = self._waiting_bytes, 0
        for piece in pieces:
            self._digest.update(piece)
        if not pieces or not self.kept or self.path is None:
            return
        try:
            if self._fd is None:
                self._fd = open_private(str(self.path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC)
            for piece in pieces:
                write_all(self._fd, piece)
            self._unsynced_bytes += size_bytes
            if self._unsynced_bytes >= SYNC_BYTES:
                os.fdatasync(self._fd)
                self._unsynced_bytes = 0
        except OSError as error:
            self._store.lose(self, error)

    def _close(self) -> None:
        """Write the rest, and sync the body and its name."""
        with self._lock:
            self._write_pieces()
            try:
                if self._fd is not None and self.path is not None:
                    os.fdatasync(self._fd)
                    sync_folder(self.path.parent)
            except OSError as error:
                self._store.lose(self, error)
            finally:
                if self._fd is not None:
                    os.close(self._fd)
                    self._fd = None
            self._append(self._body())


def write_all(fd: int, data: bytes) -> None:
    """Write all bytes. Raises OSError."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def sync_folder(path: Path) -> None:
    """Wait until the names in a folder are on the disk. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
