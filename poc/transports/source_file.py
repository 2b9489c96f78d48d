"""Input files, read in place: open them without blocking, and detect whether they changed."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from poc.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class FileVersion:
    """Identity of one version of a file: the file itself, its size, and the time of its last change."""

    device: int
    inode: int
    size_bytes: int
    changed_ns: int


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
    return os.fdopen(fd, "rb"), _file_version(status)


def is_unchanged(path: Path, version: FileVersion) -> bool:
    """Return whether the path still names this version of the file: neither replaced nor changed since."""
    try:
        return _file_version(path.lstat()) == version
    except OSError:
        return False


def _file_version(status: os.stat_result) -> FileVersion:
    return FileVersion(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def sha256_hex(file: BinaryIO) -> str:
    """Return the sha256 of a file from its current position on."""
    digest = hashlib.sha256()
    while piece := file.read(1 << 20):
        digest.update(piece)
    return digest.hexdigest()
