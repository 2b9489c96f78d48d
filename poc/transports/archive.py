"""The archive: files that need no further run are moved out of the inbox, also to another file system."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from metrics.private_files import open_private
from poc.errors import BadInput
from poc.transports.folder import MAX_NAME_BYTES, sync_folder
from poc.transports.inbox import announcement_path, is_regular_file
from poc.transports.source_file import is_unchanged, open_regular

if TYPE_CHECKING:
    from pathlib import Path

    from poc.config.workspace import Workspace

#: Target folder of a file by its outcome; a file that failed stays in the inbox for the next run.
FOLDER_BY_OUTCOME = {"done": "archive", "already_received": "archive", "refused": "refused"}

#: Length of a suffix, in bytes, that a shortened name keeps.
MAX_SUFFIX_BYTES = 20

#: Name of a copy that is being written; hidden, so that it is never taken for a file.
COPY_NAME = ".copy-{digest}"


def archive_file(workspace: Workspace, partner: str, feed: str, path: Path, outcome: str, digest: str) -> Path:
    """Move a file and its announcement out of the inbox by its outcome; never overwrite a file.

    Returns the file's new path. The announcement is moved first: left behind by a crash, it would announce the next
    file of that name before it is complete.

    Raises:
        BadInput: the file cannot be moved.
    """
    if outcome not in FOLDER_BY_OUTCOME:
        return path
    folder = workspace.processed_folder(partner, feed, FOLDER_BY_OUTCOME[outcome])
    config = workspace.get_feed(partner, feed)[1]
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if config.done_file and is_regular_file(announcement := announcement_path(path, config)):
            move(announcement, folder, digest)
        return move(path, folder, digest)
    except OSError as error:
        message = f"{path}: {outcome.replace('_', ' ')}, but cannot be moved to {folder}: {error.strerror}"
        raise BadInput(f"{message}; check its permissions") from error


def move(path: Path, folder: Path, digest: str) -> Path:
    """Move a file into a folder under a free name, readable by its owner only; return its new path.

    Raises OSError, and BadInput where the file on another file system changes while it is copied.
    """
    target = free_path(folder, path.name, digest)
    try:
        path.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy_and_unlink(path, target, digest)
    with suppress(OSError):  # a file of another user, in a folder that only this one may enter
        target.chmod(0o600)
    return target


def copy_and_unlink(path: Path, target: Path, digest: str) -> None:
    """Move a file to another file system: the copy is on disk under its name before the original is deleted.

    Raises:
        OSError: it cannot be copied; the original stays.
        BadInput: it is gone, or changed while it was copied; it stays for the next run.
    """
    copy = target.with_name(COPY_NAME.format(digest=digest[:8]))
    source, version = open_regular(path)
    try:
        with source, open(copy, "wb", opener=open_private) as sink:
            shutil.copyfileobj(source, sink, 1 << 20)
            sink.flush()
            status = os.fstat(source.fileno())
            os.utime(sink.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
            os.fsync(sink.fileno())
        if not is_unchanged(path, version):
            raise BadInput(f"{path}: changed while it was moved to {target.parent}; it is left for the next run")
        copy.rename(target)
    except BaseException:
        with suppress(OSError):
            copy.unlink()
        raise
    sync_folder(target.parent)
    try:
        path.unlink(missing_ok=True)
    except OSError:  # the file stays, and the next run would copy it once more
        with suppress(OSError):
            target.unlink()
        raise


def free_path(folder: Path, name: str, digest: str) -> Path:
    """Return a path in the folder that does not exist yet: with the file's name, or one made of it and a number."""
    limit = max_name_bytes(folder)
    stem, dot, suffix = name.rpartition(".")
    if not stem or len(os.fsencode(suffix)) > MAX_SUFFIX_BYTES:
        stem, dot, suffix = name, "", ""
    target, number = folder / name, 1
    while len(os.fsencode(target.name)) > limit or os.path.lexists(target):
        number += 1
        ending = f".{digest[:8]}.{number}{dot}{suffix}"
        short_stem = os.fsencode(stem)[: limit - len(os.fsencode(ending))].decode("utf-8", "ignore")
        target = folder / f"{short_stem}{ending}"
    return target


def max_name_bytes(folder: Path) -> int:
    """Return the most bytes of a file name in a folder."""
    try:
        return min(os.pathconf(folder, "PC_NAME_MAX"), MAX_NAME_BYTES)
    except (OSError, ValueError):  # a file system that does not say
        return MAX_NAME_BYTES
