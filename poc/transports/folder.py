"""Delivery into folders, whole files only.

A delivery is written as `NAME.part` in its target folder, synced to disk once, and only then renamed: a reader of the
folder sees a complete file or none.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Literal, Self

from poc.errors import BadInput, DeliveryFailed
from poc.transports.source_file import open_regular, sha256_hex

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

#: Suffix of a file that is being written.
PART = ".part"

#: The most bytes of a file name, with its `.part`, that every common file system accepts.
MAX_NAME_BYTES = 255

#: Characters that no file name may contain: path separators, control characters and unpaired surrogates.
UNSAFE_CHARACTERS = re.compile(r"[/\\\x00-\x1f\x7f\ud800-\udfff]")

NO_SPACE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota is used up",
    errno.EFBIG: "the file grew too large",
}


def safe_name(name: str) -> str:
    """Return the name if every folder can hold it, or else a valid one derived from it, made unique by a hash."""
    safe = UNSAFE_CHARACTERS.sub("_", name)
    if safe.startswith(".") or not safe:
        safe = f"_{safe[1:]}"
    if safe.endswith(PART):
        safe = f"{safe.removesuffix(PART)}_part"
    if safe == name and len(name.encode()) + len(PART) <= MAX_NAME_BYTES:
        return name
    stem, dot, suffix = safe.rpartition(".")
    if not dot or len(suffix) > 10:
        stem, dot, suffix = safe, "", ""
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    stem_bytes = MAX_NAME_BYTES - len(PART) - len(f".{digest}{dot}{suffix}".encode())
    return f"{stem.encode()[:stem_bytes].decode('utf-8', 'ignore')}.{digest}{dot}{suffix}"


def delivery_state(folder: Path, name: str) -> Literal["part", "published", "neither"]:
    """Return how far a delivery into a folder came, for a run that resumes after a crash.

    `published`: the file has its final name. `part`: the folder does not tell whether the part is complete; it is if
    `finish` had returned.
    """
    target = folder / safe_name(name)
    if os.path.lexists(target):
        return "published"
    return "part" if os.path.lexists(f"{target}{PART}") else "neither"


def publish(folder: Path, name: str) -> None:
    """Rename a finished part to its final name. Idempotent; a file of that name with the same bytes is success, too.

    Raises:
        DeliveryFailed: there is no part, or the system refused (`retry`); or another file has the name (`stop`): that
            file and the part are left unchanged.
    """
    target = folder / safe_name(name)
    part = target.with_name(target.name + PART)
    renamed = False
    try:
        if os.path.lexists(part):
            if not os.path.lexists(target):
                part.rename(target)
                renamed = True
            elif same_content(part, target):
                part.unlink()
            else:
                note = "another file has this name and is left unchanged; move it away"
                raise DeliveryFailed("file-exists", f"{target}: {note}", kind="stop")
        elif not os.path.lexists(target):
            raise DeliveryFailed("folder", f"{target}: neither it nor its {PART} file is there", unknown=True)
        sync_folder(folder)
    except OSError as error:
        raise write_failure(target, error, unknown=renamed) from error


def open_part(folder: Path, name: str) -> PartFile:
    """Start the delivery of a file; a part left by a crash is deleted. The folder is created where its parent exists.

    Raises:
        DeliveryFailed: the folder does not exist or cannot be written.
    """
    name = safe_name(name)
    try:
        folder.mkdir()
    except OSError as error:  # some file systems refuse before they say that it exists
        if not os.path.isdir(folder):  # noqa: PTH112 (unlike that of Path, it never raises)
            raise write_failure(folder / name, error) from error
    return PartFile(folder, name)


class PartFile:
    """A file being written into a folder. Leaving the `with` block before `finish` or `publish` deletes it."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.target = folder / name
        self.size_bytes = 0
        self._path = folder / (name + PART)
        try:
            self._path.unlink(missing_ok=True)
            self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
            self._status = os.fstat(self._fd)
        except OSError as error:
            raise write_failure(self.target, error) from error

    def write(self, data: bytes) -> None:
        """Append data. Raises DeliveryFailed, after deleting the part."""
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            self.discard()
            raise write_failure(self.target, error) from error
        self.size_bytes += len(data)

    def finish(self) -> None:
        """Sync the part to disk; from here on it stays until it is published.

        Raises:
            DeliveryFailed: the system refused; the part is deleted.
        """
        try:
            os.fsync(self._fd)
            fd, self._fd = self._fd, -1
            os.close(fd)  # some file systems report a failed write here
        except OSError as error:
            self.discard()
            self._delete()
            raise write_failure(self.target, error) from error

    def publish(self) -> None:
        """Finish and rename the part. Raises as `finish` and the function `publish`, after deleting the part."""
        self.finish()
        try:
            publish(self.folder, self.target.name)
        except DeliveryFailed:
            self._delete()
            raise

    def discard(self) -> None:
        """Delete the part, unless it is finished."""
        if self._fd < 0:
            return
        fd, self._fd = self._fd, -1
        with suppress(OSError):
            os.close(fd)
        self._delete()

    def _delete(self) -> None:
        """Delete the part, but not that of a process which has replaced this one after a long stop."""
        with suppress(OSError):
            if os.path.samestat(self._status, self._path.lstat()):
                self._path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


def same_content(path: Path, other_path: Path) -> bool:
    """Return whether both are regular files with the same bytes."""
    try:
        first, first_version = open_regular(path)
        with first:
            second, second_version = open_regular(other_path)
            with second:
                return first_version.size_bytes == second_version.size_bytes and sha256_hex(first) == sha256_hex(second)
    except BadInput:
        return False


def sync_folder(folder: Path) -> None:
    """Sync a folder's entries to disk, if its file system supports it. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(fd)


def write_failure(target: Path, error: OSError, *, unknown: bool = False) -> DeliveryFailed:
    """Return the error for a failed write. It asks for a retry, as space, mount or permission may come back."""
    if error.errno in NO_SPACE:
        return DeliveryFailed("disk-full", f"{target}: {NO_SPACE[error.errno]}", unknown=unknown)
    if error.errno == errno.ENOENT:
        note = "no such folder; create it, or check why it is not mounted"
        return DeliveryFailed("folder", f"{target.parent}: {note}", unknown=unknown)
    if error.errno in {errno.ENOTDIR, errno.EEXIST}:
        note = "not a folder, or below a file; move the file away, or correct `endpoint.folder`"
        return DeliveryFailed("folder", f"{target.parent}: {note}", unknown=unknown)
    return DeliveryFailed("folder", f"{target}: cannot be written: {error.strerror or error}", unknown=unknown)
