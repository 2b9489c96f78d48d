"""Hand a file in: put it into the inbox of its feed, complete at the moment in which it gets its name."""

from __future__ import annotations

import errno
import os
import shutil
from contextlib import suppress
from secrets import token_hex
from typing import TYPE_CHECKING

from metrics.private_files import create_private, open_private
from poc.errors import BadInput, FileStillChanging, TryLater
from poc.transports.archive import copy_and_unlink, free_path
from poc.transports.folder import NO_SPACE
from poc.transports.inbox import announcement_path, belongs_to_feed
from poc.transports.source_file import open_regular, sha256_hex

if TYPE_CHECKING:
    from pathlib import Path

    from poc.config.workspace import Workspace


def check_name(workspace: Workspace, partner: str, feed: str, name: str) -> None:
    """Raise BadInput where a run would not take a file of this name for a file of the feed."""
    config = workspace.get_feed(partner, feed)[1]
    if not belongs_to_feed(name, config):
        raise BadInput(f"{name}: not a file of {partner}/{feed}, which takes files whose names match `{config.files}`")


def copy_into_inbox(workspace: Workspace, partner: str, feed: str, source: Path) -> Path:
    """Copy a file into the inbox, under its name or one made of it, and return the copy's path.

    A file that lies in the inbox already is not copied.

    Raises:
        BadInput: there is no such file, its name is not one of the feed's, or it cannot be copied.
        FileStillChanging: it changed while it was copied.
        TryLater: there is no room for the copy.
    """
    check_name(workspace, partner, feed, source.name)
    inbox = workspace.inbox(partner, feed)
    if source.parent.resolve() == inbox.resolve():
        return inbox / source.name
    file, version = open_regular(source.parent / source.name)
    part = inbox / f".{token_hex(8)}.part"
    try:
        with file:
            inbox.mkdir(mode=0o700, parents=True, exist_ok=True)
            digest = sha256_hex(file)
            file.seek(0)
            with open(part, "wb", opener=open_private) as sink:
                shutil.copyfileobj(file, sink, 1 << 20)
                sink.flush()
                os.fsync(sink.fileno())
            if not version.is_content_of(file):
                raise FileStillChanging(f"{source}: changed while it was copied; try again when it is complete")
        return _place(workspace, partner, feed, part, free_path(inbox, source.name, digest))
    except OSError as error:
        if error.errno in NO_SPACE:
            raise TryLater(f"{inbox}: cannot be written: {error.strerror}; make room and try again") from error
        raise BadInput(f"{source}: cannot be copied to {inbox}: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)


def move_into_inbox(workspace: Workspace, partner: str, feed: str, source: Path, name: str, digest: str) -> Path:
    """Move a file of the archive back into the inbox, as a file that came now, and return its path.

    Raises BadInput where it cannot be moved.
    """
    check_name(workspace, partner, feed, name)
    inbox = workspace.inbox(partner, feed)
    try:
        inbox.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.utime(source)
        return _place(workspace, partner, feed, source, free_path(inbox, name, digest), digest)
    except OSError as error:
        raise BadInput(f"{source}: cannot be moved to {inbox}: {error.strerror}; check its permissions") from error


def _place(workspace: Workspace, partner: str, feed: str, source: Path, target: Path, digest: str = "") -> Path:
    """Give a file its name in the inbox, then announce it, where its feed asks for that."""
    config = workspace.get_feed(partner, feed)[1]
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy_and_unlink(source, target, digest)
        os.utime(target)
    if config.done_file:
        with suppress(FileExistsError):
            create_private(announcement_path(target, config))
    return target
