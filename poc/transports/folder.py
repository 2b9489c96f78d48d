"""Folders: files put in place whole.

A delivery is written as `NAME.part` in the folder it goes to, brought to the disk once, and only then given its name:
whoever looks into the folder sees a whole file or none.
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

#: Ending of a file that is being written.
PART = ".part"

#: Bytes of a name, its `.part` included, that every usual file system takes.
MAX_NAME_BYTES = 255

#: What stands in no name: signs that end or part a path, and those no person can see.
UNSAFE_CHARACTERS = re.compile(r"[/\\\x00-\x1f\x7f\ud800-\udfff]")

NO_SPACE = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota is used up",
    errno.EFBIG: "the file grew too large",
}


def safe_name(name: str) -> str:
    """The name itself where it can stand in any folder; else one made from it, with a mark that keeps it apart."""
    made = UNSAFE_CHARACTERS.sub("_", name)
    if made.startswith(".") or not made:
        made = f"_{made[1:]}"
    if made.endswith(PART):
        made = f"{made.removesuffix(PART)}_part"
    if made == name and len(name.encode()) + len(PART) <= MAX_NAME_BYTES:
        return name
    stem, dot, ending = made.rpartition(".")
    if not dot or len(ending) > 10:
        stem, dot, ending = made, "", ""
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    room = MAX_NAME_BYTES - len(PART) - len(f".{mark}{dot}{ending}".encode())
    return f"{stem.encode()[:room].decode('utf-8', 'ignore')}.{mark}{dot}{ending}"


def delivery_state(folder: Path, name: str) -> Literal["part", "published", "neither"]:
    """What of a delivery stands in its folder, for a run that takes up after a crash.

    Whether a `part` is whole, the folder does not tell: it is if `finish` had returned. `published` is under its name.
    """
    target = folder / safe_name(name)
    if os.path.lexists(target):
        return "published"
    return "part" if os.path.lexists(f"{target}{PART}") else "neither"


def publish(folder: Path, name: str) -> None:
    """Give a finished part its name. Done twice it is as good as once, and so is a file of that name and those bytes.

    Raises:
        DeliveryFailed: there is no part, or it could not be done (`retry`); or another file has the name (`stop`),
            which is left as it is, and so is the part.
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
                note = "another file has this name and is left as it is; move it away"
                raise DeliveryFailed("file-exists", f"{target}: {note}", kind="stop")
        elif not os.path.lexists(target):
            raise DeliveryFailed("folder", f"{target}: neither it nor its {PART} file is there", unknown=True)
        sync_folder(folder)
    except OSError as error:
        raise write_failure(target, error, unknown=renamed) from error


def open_part(folder: Path, name: str) -> PartFile:
    """Begin to deliver a file; a part that a crash left is thrown away.

    Raises:
        DeliveryFailed: the folder is not there or cannot be written to.
    """
    return PartFile(folder, safe_name(name))


class PartFile:
    """A file on its way into a folder. Leaving the `with` block before `finish` or `publish` throws it away."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder
        self.target = folder / name
        self.size_bytes = 0
        self._path = folder / (name + PART)
        try:
            self._path.unlink(missing_ok=True)
            self._fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise write_failure(self.target, error) from error

    def write(self, data: bytes) -> None:
        """Write on. Raises DeliveryFailed, and then nothing of the part is left."""
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._fd, rest) :]
        except OSError as error:
            self.discard()
            raise write_failure(self.target, error) from error
        self.size_bytes += len(data)

    def finish(self) -> None:
        """Bring all of it to the disk; from here on the part stays until it is published.

        Raises:
            DeliveryFailed: it could not be done, and nothing of the part is left.
        """
        try:
            os.fsync(self._fd)
        except OSError as error:
            self.discard()
            raise write_failure(self.target, error) from error
        os.close(self._fd)
        self._fd = -1

    def publish(self) -> None:
        """Finish, and give the file its name. Raises as `finish` and the function `publish`; then no part is left."""
        self.finish()
        try:
            publish(self.folder, self.target.name)
        except DeliveryFailed:
            with suppress(OSError):
                self._path.unlink()
            raise

    def discard(self) -> None:
        """Throw the part away, unless it is finished."""
        if self._fd < 0:
            return
        os.close(self._fd)
        self._fd = -1
        with suppress(OSError):
            self._path.unlink()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()


def same_content(one: Path, other: Path) -> bool:
    """Whether both are regular files of the same bytes."""
    try:
        first, seen = open_regular(one)
        with first:
            second, known = open_regular(other)
            with second:
                return seen.size_bytes == known.size_bytes and sha256_hex(first) == sha256_hex(second)
    except BadInput:
        return False


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk, where its file system knows such a thing. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    finally:
        os.close(fd)


def write_failure(target: Path, error: OSError, *, unknown: bool = False) -> DeliveryFailed:
    """What the system said, in our words; there may be room again later, or a mount, or the right to write."""
    if error.errno in NO_SPACE:
        return DeliveryFailed("disk-full", f"{target}: {NO_SPACE[error.errno]}", unknown=unknown)
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return DeliveryFailed("folder", f"{target.parent}: no such folder; make it, or see why it is not mounted")
    return DeliveryFailed("folder", f"{target}: cannot be written: {error.strerror}", unknown=unknown)
