"""Whether the ledger is where it was: a lost one is never replaced by an empty one without a person's decision.

A new ledger does not know which files were delivered, so that a file handed in again would be delivered again.
"""

from __future__ import annotations

import fcntl
import logging
import os
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from metrics.private_files import create_private
from poc.errors import LedgerDamaged, TryLater
from poc.ledger.workspace_id import MARKER

if TYPE_CHECKING:
    from collections.abc import Iterator

log = logging.getLogger(__name__)

#: The file beside the ledger that releases before version 3 lock while they exchange files.
OLD_LOCK = "run.lock"

#: Folders beside the ledger in which only an exchange creates files.
EXCHANGE_FOLDERS = ("archive", "refused", "outbox")


def refuse_lost_ledger(path: Path) -> None:
    """Refuse to go on where the ledger is missing or empty and there was one before.

    Raises:
        LedgerDamaged: it is lost; the message says what shows that, and what to do.
    """
    # the second look finds the ledger that another program has just made, with its marker
    if is_empty(path) and (trace := find_trace(path)) is not None and is_empty(path):
        problem = "is empty" if path.exists() else "is missing"
        moved = max(path.parent.glob(f"{path.name}.moved-*"), default=None)
        hint = f"{moved} shows that it was moved to PostgreSQL: if it is there, correct `ledger` in milepost.toml. "
        raise LedgerDamaged(
            f"{path}: the ledger {problem}, and {trace} shows that there was one; nothing was done. "
            f"{hint if moved else ''}Restore it from a copy. If it is lost for good, make an empty one with "
            f"`milepost init --new-ledger {path.parent.parent}`; a file that was delivered before and is handed in "
            "again is then delivered again"
        )


def is_empty(path: Path) -> bool:
    """Return whether there is no file, or one without a byte."""
    try:
        return path.stat().st_size == 0
    except FileNotFoundError:
        return True
    except OSError:  # it cannot be looked at; opening it reports why
        return False


def find_trace(path: Path) -> Path | None:
    """Return a path that shows that a ledger was there before, or None."""
    for trace in (path.with_name(MARKER), path.with_name(f"{path.name}-wal")):
        if trace.exists():
            return trace
    for name in EXCHANGE_FOLDERS:
        for folder, _, files in os.walk(path.parent / name):
            if files:
                return Path(folder)
    return None


def create_file(path: Path) -> None:
    """Create the file of a ledger with its folders, unless it is there; only its owner may read it.

    Raises LedgerDamaged.
    """
    try:
        create_private(path)
    except OSError as error:
        raise LedgerDamaged(f"{path}: cannot be made: {error.strerror}") from error


def move_lost_ledger(path: Path) -> None:
    """Move the remains of a lost ledger and its outbox out of the way of a new one; they are kept.

    Raises:
        LedgerDamaged: there is a ledger, or its remains cannot be moved.
    """
    if not is_empty(path):
        raise LedgerDamaged(f"{path}: is not empty; nothing was changed. To start without it, move it away yourself")
    number = 1
    while any(path.parent.glob(f"*.lost-{number}")):
        number += 1
    try:
        for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", "outbox"):
            remains = path.with_name(name)
            if remains.exists():
                remains.rename(remains.with_name(f"{remains.name}.lost-{number}"))
    except OSError as error:
        raise LedgerDamaged(f"{path}: cannot be moved: {error.strerror}") from error


def keep_old_version(path: Path, version: int) -> None:
    """Keep a copy of a ledger beside it before it is upgraded, as `ledger.db.vN`, and say so in the log.

    Call it while no other program can change the ledger. Raises TryLater where there is no room for the copy.
    """
    copy = path.with_name(f"{path.name}.v{version}")
    part = copy.with_name(f"{copy.name}.part")
    try:
        part.unlink(missing_ok=True)
        create_private(part)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(part)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # a copy in one file
        sync_file(part)
        part.replace(copy)
    except (OSError, sqlite3.DatabaseError) as error:
        raise TryLater(f"{copy}: the ledger cannot be copied before it is upgraded: {error}; make room") from error
    log.warning("%s: is upgraded from version %d; its old copy stays as %s", path, version, copy.name)


@contextmanager
def older_release_locked_out(path: Path) -> Iterator[None]:
    """Hold the lock of a workspace under which releases without leases exchange files.

    They take no lease, so both would send the same file. They refuse a ledger that is upgraded.

    Raises TryLater where one of them holds the lock.
    """
    lock = path.with_name(OLD_LOCK)
    try:
        fd = os.open(lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:  # no such release was ever used here
        yield
        return
    except OSError as error:
        raise TryLater(f"{lock}: cannot be opened: {error.strerror}; check its permissions and try again") from error
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TryLater(f"{path}: an older release of Milepost is working with it; stop that and try again") from None
    else:
        yield
    finally:
        os.close(fd)


def sync_file(path: Path) -> None:
    """Wait until a file is on the disk. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


class OpenedFile:
    """The identity of a database file, and of its write-ahead log, since they were opened.

    SQLite goes on writing into files that were deleted, and what it commits there is lost.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._log_path = str(path), f"{path}-wal"
        self._identity = read_identity(self._path)
        self._log_identity = read_identity(self._log_path)

    def check(self) -> None:
        """Check that the paths still name the opened files. Raises LedgerDamaged."""
        if read_identity(self._path) != self._identity:
            raise LedgerDamaged(f"{self._path}: the ledger {LOST_IN_USE}")
        if read_identity(self._log_path) != self._log_identity:
            raise LedgerDamaged(f"{self._log_path}: a part of the ledger, it {LOST_IN_USE}")


#: What is said of a ledger that is gone while an exchange uses it.
LOST_IN_USE = (
    "was deleted or replaced while it was in use; this exchange has ended and nothing more is sent. Restore the ledger "
    "before the next run; the last requests may have arrived"
)


def read_identity(path: str) -> tuple[int, int] | None:
    """Return device and inode of a file; None where there is none."""
    try:
        status = os.stat(path)  # noqa: PTH116 (a string, as this runs at every commit)
    except OSError:
        return None
    return status.st_dev, status.st_ino
