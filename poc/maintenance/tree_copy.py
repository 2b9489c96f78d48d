"""Copy the files of a workspace while programs work in it: in passes, each of which copies what is new or changed."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from metrics.private_files import create_private, open_private
from poc.maintenance.manifest import BLOCK_BYTES, BackedUpFile, digest_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

#: Endings of the files that SQLite keeps beside a database; a copy by its backup API needs none of them.
BESIDE_DATABASE = (".db-wal", ".db-shm", ".db-journal")

#: Folders below `var` with the files of exchanges, where a database is a file as any other.
FILE_FOLDERS = frozenset({"inbox", "archive", "refused", "held", "outbox", "spool"})


class _Copied(NamedTuple):
    """A file when it was copied, and what was copied."""

    version: tuple[int, int, int]  # size, time of the last change, inode
    content: BackedUpFile


class TreeCopy:
    """A copy of a folder that is made in passes. A file that is gone at a later pass stays in the copy.

    Args:
        source: the folder.
        target: where its copy is made; folders are created for their owner only.
    """

    def __init__(self, source: Path, target: Path) -> None:
        self.source, self.target = source, target
        self._copied: dict[str, _Copied] = {}

    @property
    def files(self) -> dict[str, BackedUpFile]:
        """The files of the copy by their path in the folder."""
        return {name: copied.content for name, copied in self._copied.items()}

    def copy_files(self, folder: str = "", skip: Collection[str] = ()) -> None:
        """Copy the files of a folder that are new or changed since the last pass. Raises OSError."""
        for name in self.names(folder, skip):
            if not is_database(name) and not name.endswith(BESIDE_DATABASE):
                try:
                    self._copy(name)
                except FileNotFoundError:
                    if (self.source / name).exists():
                        raise

    def copy_database(self, name: str) -> None:
        """Copy a database as of one moment, while others write to it.

        Raises OSError, and sqlite3.DatabaseError where it is damaged.
        """
        copy = self.target / name
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy.unlink(missing_ok=True)
        create_private(copy)
        with (
            closing(sqlite3.connect(self.source / name, timeout=60)) as source,
            closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")  # a copy in one file
            (result,) = target.execute("PRAGMA quick_check").fetchone()
            if result != "ok":
                raise sqlite3.DatabaseError(f"{name} is damaged: {result}")
        self._copied[name] = _Copied((0, 0, 0), digest_of(copy))

    def drop(self, name: str) -> None:
        """Remove a file from the copy. Raises OSError."""
        (self.target / name).unlink()
        del self._copied[name]

    def gone(self, folder: str) -> Iterator[str]:
        """Yield the copied files of a folder that are not there any more."""
        for name in list(self._copied):
            if name.startswith(folder) and not (self.source / name).is_file():
                yield name

    def names(self, folder: str = "", skip: Collection[str] = ()) -> Iterator[str]:
        """Yield the paths of all regular files of a folder but those of some of its folders; links are followed.

        Raises OSError.
        """
        seen = set()
        for place, folders, files in os.walk(self.source / folder, followlinks=True):
            identity = Path(place).stat()
            if (identity.st_dev, identity.st_ino) in seen:  # a link that leads back
                folders.clear()
                continue
            seen.add((identity.st_dev, identity.st_ino))
            start = Path(place).relative_to(self.source)
            folders[:] = [name for name in folders if (start / name).as_posix() not in skip]
            yield from ((start / name).as_posix() for name in files if Path(place, name).is_file())

    def _copy(self, name: str) -> None:
        path, copy = self.source / name, self.target / name
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            version = (status.st_size, status.st_mtime_ns, status.st_ino)
            if name in self._copied and self._copied[name].version == version:
                return
            copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            digest, size_bytes = sha256(), 0
            with open(copy, "wb", opener=open_private) as sink:
                while block := file.read(BLOCK_BYTES):
                    digest.update(block)
                    size_bytes += sink.write(block)
            os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns))
        self._copied[name] = _Copied(version, BackedUpFile(size_bytes, digest.hexdigest()))


def is_database(name: str) -> bool:
    """Return whether a path in a workspace is that of a database of Milepost."""
    parts = name.split("/")
    return name.endswith(".db") and parts[0] == "var" and parts[1] not in FILE_FOLDERS
