"""Back a workspace up while `serve` and `run` work in it, so that nothing is lost and nothing doubled when restored.

The order matters. Files that wait in the inbox are copied before the ledger, which may then know some of them already;
and again after it, for those that it knows and that came in between. Refused and archived files come last, as files are
moved there from the inbox. The bodies in the outbox are copied before and after the ledger. It is copied again where
one that it needs was sent and removed in between. Nothing is locked, and no program waits.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from os import sync
from pathlib import Path
from typing import TYPE_CHECKING

from metrics.events import OUTCOMES
from poc.errors import BadInput, LedgerDamaged, TryLater
from poc.ledger.ledger import LOCK_TIMEOUT_S
from poc.ledger.opening import open_ledger
from poc.ledger.sqlite.presence import refuse_lost_ledger
from poc.maintenance.manifest import MANIFEST, Manifest, digest_of, read_manifest
from poc.maintenance.tree_copy import TreeCopy, is_database
from poc.transports.folder import sync_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from poc.ledger_address import LedgerAddress

LEDGER = "var/ledger.db"
INBOX, OUTBOX = "var/inbox", "var/outbox"

#: Folders with files that no exchange needs any more; they are copied last.
ARCHIVE, REFUSED = "var/archive", "var/refused"

#: Folder with the requests of monoliths, which nothing needs once they are compared; it is not copied.
CAPTURE = "var/capture"

#: Folder of a backup with the files of the workspace.
FILES = "files"

#: File in a folder that is not a complete backup yet; one that was killed leaves it behind, and the next removes it.
UNDER_WAY = "backup-under-way.txt"

#: The files of bodies that requests need, and how long each must be.
ENDS_OF_BODIES = """
SELECT CASE file WHEN '' THEN exchange_id ELSE file END AS body_file, MAX(start_byte + size_bytes)
FROM parcel WHERE start_byte IS NOT NULL GROUP BY body_file
"""

#: The most copies of the ledger that are made until the outbox holds all that it needs.
MOST_COPIES = 20

#: Seconds between two of them.
PAUSE_S = 0.1


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made: its folder and its manifest."""

    folder: Path
    manifest: Manifest


def make_backup(root: Path, folder: Path, release: str, clock: Callable[[], datetime], *, archive: bool) -> Backup:
    """Back a workspace up into a new folder, which gets its name when all of it is on the disk.

    Args:
        root: the workspace's folder.
        folder: of the backup; it must not exist, and not lie in the workspace.
        release: version of the program.
        clock: returns the current time.
        archive: include the archived files; the exchange needs them only to repair quarantined rows.

    Raises:
        BadInput: the folder cannot be used, or the workspace is a copy of another one.
        TryLater: there is no room, or the outbox changes too fast.
        LedgerDamaged: a database is damaged.
    """
    part = begin_folder(root, folder)
    if not (root / LEDGER).exists():
        open_ledger(root / LEDGER).close()  # it holds the id of the workspace, which must be the same when restored
    copy = TreeCopy(root, part / FILES)
    with reporting_copy_errors(folder):
        (part / UNDER_WAY).write_text("This folder is not a complete backup.\n", "utf-8")
        copy.copy_files(skip=(ARCHIVE, REFUSED, CAPTURE))
        for name in sorted(copy.names(skip=(ARCHIVE, REFUSED, CAPTURE, INBOX))):
            if is_database(name) and name != LEDGER:
                copy.copy_database(name)
        made_at = clock()
        copy_ledger(copy)
        copy.copy_files(skip=(ARCHIVE, REFUSED, CAPTURE))
        for folder_of_ended in (REFUSED, *([ARCHIVE] if archive else [])):
            copy.copy_files(folder_of_ended)
        copy.copy_files(INBOX)  # a file that is delivered again goes back from the archive into the inbox
        drop_incomplete(copy)
        manifest = Manifest(release, made_at.isoformat(timespec="seconds"), str(root), archive, copy.files)
        (part / UNDER_WAY).unlink()
        sync()
        manifest.write(part)
        sync()
        part.rename(folder)
        sync_folder(folder.parent)
    return Backup(folder, manifest)


def refuse_shared(ledger: LedgerAddress) -> None:
    """Refuse to back up a workspace whose ledger is no file of it. Raises BadInput."""
    if not isinstance(ledger, Path):
        raise BadInput(
            f"{ledger}: this backup holds files, and the ledger is in PostgreSQL. Stop `run` and `serve`, save the "
            "database with `pg_dump --format=custom`, and then the folder of the workspace with any tool for folders"
        )


def begin_folder(root: Path, folder: Path) -> Path:
    """Return the folder in which a backup is made until it is complete. Raises BadInput."""
    if folder.exists():
        raise BadInput(f"{folder}: exists already; name a new folder, such as one with today's date")
    if folder.resolve().is_relative_to(root.resolve()):
        raise BadInput(f"{folder}: lies in the workspace, which it would be a part of; choose another place")
    part = folder.with_name(f"{folder.name}.part")
    try:
        if (part / UNDER_WAY).exists():
            shutil.rmtree(part)  # of a backup that was killed
        part.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise BadInput(f"{part}: cannot be created: {error.strerror}; choose another place") from error
    return part


def copy_ledger(copy: TreeCopy) -> None:
    """Copy the ledger as of a moment at which the outbox has a copy of every body that it needs.

    Raises TryLater, LedgerDamaged, OSError, sqlite3.DatabaseError.
    """
    refuse_lost_ledger(copy.source / LEDGER)
    for _ in range(MOST_COPIES):
        copy.copy_database(LEDGER)
        copy.copy_files(OUTBOX)
        if has_tables(copy.target / LEDGER) and not missing_bodies(copy.target):
            check_accounts(copy.target / LEDGER)
            return
        time.sleep(PAUSE_S)
    raise TryLater(f"{copy.source / OUTBOX}: changes faster than it can be copied; try again later")


def has_tables(path: Path) -> bool:
    """Return whether a copy of the ledger is one, and not of a file that a program has just begun to make."""
    with closing(sqlite3.connect(path)) as ledger:
        return ledger.execute("SELECT 1 FROM sqlite_master WHERE name = 'parcel'").fetchone() is not None


def missing_bodies(root: Path) -> list[str]:
    """Return the files of bodies that a ledger needs and that are missing or too short."""
    ends = (
        "SELECT CASE file WHEN '' THEN exchange_id ELSE file END AS body_file, MAX(start_byte + size_bytes) FROM parcel"
    )
    with closing(sqlite3.connect(root / LEDGER)) as ledger:
        rows = ledger.execute(f"{ends} WHERE start_byte IS NOT NULL GROUP BY body_file").fetchall()
    sizes = {name: path.stat().st_size if (path := root / OUTBOX / name).is_file() else -1 for name, _ in rows}
    return [name for name, end in rows if sizes[name] < end]


def check_accounts(path: Path) -> None:
    """Check that the account of every exchange adds up. Raises LedgerDamaged."""
    counts = " + ".join(f"rows_{name}" for name in OUTCOMES)
    with closing(sqlite3.connect(path)) as ledger:
        broken = ledger.execute(f"SELECT id FROM exchange WHERE rows_in != {counts} LIMIT 1").fetchone()  # noqa: S608
    if broken is not None:
        raise LedgerDamaged(f"{path}: the account of exchange {broken[0]} does not add up; report it")


def drop_incomplete(copy: TreeCopy) -> None:
    """Remove copies of inbox files that were taken while they were written, and whose files are gone since.

    A file that is gone was exchanged, and the ledger knows its content; a copy with another content is incomplete.
    """
    gone = list(copy.gone(f"{INBOX}/"))
    if not gone:
        return
    known = "SELECT 1 FROM exchange WHERE partner = ? AND feed = ? AND sha256 = ?"
    with closing(sqlite3.connect(copy.source / LEDGER, timeout=LOCK_TIMEOUT_S)) as ledger:
        for name in gone:
            _, _, partner, feed, *_ = name.split("/")
            if not ledger.execute(known, (partner, feed, copy.files[name].sha256)).fetchone():
                copy.drop(name)


def check_backup(folder: Path) -> Manifest:
    """Check that every file of a backup is as it was made. Raises BadInput."""
    manifest = read_manifest(folder)
    for name, file in manifest.files.items():
        path = folder / FILES / name
        try:
            if digest_of(path) != file:
                raise BadInput(f"{path}: is not as it was when the backup was made, see {folder / MANIFEST}")
        except OSError as error:
            raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
    return manifest


@contextmanager
def reporting_copy_errors(folder: Path) -> Iterator[None]:
    """Turn errors of files and databases into TryLater or LedgerDamaged, with what to do."""
    try:
        yield
    except OSError as error:
        raise TryLater(
            f"{error.filename or folder}: {error.strerror}; the backup is not complete, try again"
        ) from error
    except sqlite3.OperationalError as error:
        raise TryLater(f"{folder}: a database cannot be copied: {error}; try again") from error
    except sqlite3.DatabaseError as error:
        raise LedgerDamaged(f"{folder}: {error}; restore an earlier backup") from error
