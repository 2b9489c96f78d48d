"""Files of request bodies: how they are written and read, what is said of an unusable one, and which are removed."""

from __future__ import annotations

import os
import re
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, BinaryIO

from poc.errors import BadInput, TryLater
from poc.ledger.lease import is_any_feed_held

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from poc.ledger.ledger import Ledger

#: What a person can do about a file of bodies that is missing or cut short.
RESTORE_HINT = "it holds requests to be sent: restore it, or give the exchange up with `milepost outbox discard`"

#: So many bytes are written before the disk is told to begin.
BEGIN_BYTES = 4 << 20

#: Name of a file of bodies: the id of its exchange, and a token of the attempt that made it.
FILE_NAME = re.compile(r"([0-9a-f]{24})(?:\.[0-9a-f]{16})?")


class BodyReader:
    """Reads bodies of one exchange, and opens each of its files once.

    Args:
        folder: the folder of the files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path: Path | None = None
        self._file: BinaryIO | None = None

    def read(self, name: str, start_byte: int, size_bytes: int) -> bytes:
        """Read a body from a file. Raises BadInput where it is missing or cut short."""
        try:
            if self._file is None or self._path is None or self._path.name != name:
                self.close()
                self._path = self._folder / name
                self._file = self._path.open("rb", buffering=0)
            body = os.pread(self._file.fileno(), size_bytes, start_byte)
        except OSError as error:
            raise BadInput(f"{self._folder / name}: cannot be read: {error.strerror}; {RESTORE_HINT}") from error
        if len(body) != size_bytes:
            raise BadInput(f"{self._folder / name}: is cut short; {RESTORE_HINT}")
        return body

    def close(self) -> None:
        """Close the file that is open."""
        if self._file is not None:
            self._file.close()
            self._file = None


class BodyWriter:
    """Writes bodies to a file, one after another; the disk begins to store them meanwhile."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._begun_bytes = file.tell()  # so much the disk has begun to store

    def write(self, body: bytes) -> int:
        """Write a body, and return where it starts. Raises OSError."""
        start = self._file.tell()
        self._file.write(body)
        if start + len(body) - self._begun_bytes >= BEGIN_BYTES:
            self._begin_to_store(start + len(body))
        return start

    def _begin_to_store(self, end: int) -> None:
        """Let the disk begin, so that `store` has less to wait for.

        Linux does so for pages that are said not to be needed; it drops only those that are stored already.
        """
        self._file.flush()
        if sys.platform == "linux":
            length = end - self._begun_bytes
            os.posix_fadvise(self._file.fileno(), self._begun_bytes, length, os.POSIX_FADV_DONTNEED)
        self._begun_bytes = end

    def store(self) -> int:
        """Wait until all is on disk, close the file, and return its size. Raises OSError."""
        self._file.flush()
        os.fsync(self._file.fileno())
        size_bytes = self._file.tell()
        self._file.close()
        return size_bytes

    def close(self) -> None:
        """Close the file. Raises OSError."""
        self._file.close()


@contextmanager
def report_write_errors(path: Path) -> Iterator[None]:
    """Turn an OSError while writing a file into TryLater, with the file's path."""
    try:
        yield
    except OSError as error:
        raise TryLater(f"{path}: cannot be written: {error.strerror}; make room and try again") from error


def remove_stray_files(ledger: Ledger) -> None:
    """Remove files of bodies of exchanges that the ledger does not know: a run died before its first commit.

    An attempt that works has its feed's lease from before it makes its file until after that commit. So the files are
    listed first, and left where any process has a lease then. Raises TryLater, LedgerDamaged.
    """
    folder = ledger.folder / "outbox"
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    if names and not is_any_feed_held(ledger):
        for name in names:
            if (match := FILE_NAME.fullmatch(name)) and ledger.get(match[1]) is None:
                with suppress(OSError):  # a file that cannot be removed now is removed by a later run
                    (folder / name).unlink()
