"""Input files, read in place: open them without blocking, and detect whether they changed."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass, replace
from io import BytesIO
from typing import TYPE_CHECKING

from poc.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO


#: Up to this size, a file is held in memory, so that it is read once.
SMALL_BYTES = 1 << 20

#: Size of a file's buffer; without one, opening asks the system for more.
BUFFER_BYTES = 1 << 15


@dataclass(frozen=True, slots=True)
class FileVersion:
    """Identity of one version of a file: the file itself, its size, and two times of its last change.

    `changed_ns` is the one that programs may set back; `touched_ns` (ctime) is set by the system at every change.
    """

    device: int
    inode: int
    size_bytes: int
    changed_ns: int
    touched_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileVersion:
        """Return the version that a status is of."""
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def is_content_of(self, file: BinaryIO) -> bool:
        """Return whether an open file still holds this version; it may have been deleted or replaced in its folder."""
        status = os.fstat(file.fileno())
        now = FileVersion.of(status)  # the last link's removal touches the file, too
        return self == (replace(now, touched_ns=self.touched_ns) if status.st_nlink == 0 else now)


def open_regular(path: Path) -> tuple[BinaryIO, FileVersion]:
    """Open a file for reading; return it with its version. Never blocks, and never follows a symbolic link.

    Raises:
        BadInput: the file is missing, cannot be read, or is a link, a pipe, a socket or a folder.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        reason = "a symbolic link, which is not followed" if error.errno == errno.ELOOP else error.strerror
        raise BadInput(f"{path}: cannot be read: {reason}") from error
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        os.close(fd)
        raise BadInput(f"{path}: cannot be read: not a regular file")
    return os.fdopen(fd, "rb", BUFFER_BYTES), FileVersion.of(status)


def read_small(file: BinaryIO, version: FileVersion) -> BytesIO | None:
    """Return the content of a small file, read at once; None for a larger one, and for one that was changed."""
    if version.size_bytes > SMALL_BYTES:
        return None
    data = os.read(file.fileno(), version.size_bytes + 1)
    if len(data) == version.size_bytes:
        return BytesIO(data)
    file.seek(0)
    return None


def is_unchanged(path: Path, version: FileVersion) -> bool:
    """Return whether the path still names this version of the file: neither replaced nor changed since."""
    try:
        return FileVersion.of(path.lstat()) == version
    except OSError:
        return False


def sha256_hex(file: BinaryIO) -> str:
    """Return the sha256 of a file from its current position on."""
    if isinstance(file, BytesIO):
        return hashlib.sha256(file.getvalue()[file.tell() :]).hexdigest()
    digest = hashlib.sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()
