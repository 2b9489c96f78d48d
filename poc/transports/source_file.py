"""Files that are read where they were handed in: opened without waiting, and known again."""

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
    """What tells one state of one file from another: the file itself, its size in bytes, and when it changed."""

    device: int
    inode: int
    size_bytes: int
    changed_ns: int


def open_regular(path: Path) -> tuple[BinaryIO, FileVersion]:
    """Open a file to read, and what it is as it is opened. Never waits, and never follows a symbolic link.

    Raises:
        BadInput: there is none, it cannot be read, or it is a link, a pipe, a socket or a folder.
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


def is_unchanged(path: Path, seen: FileVersion) -> bool:
    """Whether the path still names the file that was seen, unchanged: neither replaced nor grown since."""
    try:
        return _file_version(path.lstat()) == seen
    except OSError:
        return False


def _file_version(status: os.stat_result) -> FileVersion:
    return FileVersion(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def sha256_hex(file: BinaryIO) -> str:
    """The sha256 of what is left to read of a file."""
    found = hashlib.sha256()
    while piece := file.read(1 << 20):
        found.update(piece)
    return found.hexdigest()
