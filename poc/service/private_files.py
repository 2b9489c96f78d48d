"""Private files: only the owner of a workspace may read what is below its `var`, as it holds partners' data."""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from poc.errors import BadInput

if TYPE_CHECKING:
    from pathlib import Path

#: Permissions of group and others.
SHARED = stat.S_IRWXG | stat.S_IRWXO

#: Folder below `var` whose files belong to those who hand them in.
INBOX = "inbox"


def make_private(var: Path) -> str:
    """Create `var` for its owner only, or take the permissions of group and others from it and the files below it.

    The permissions in the inbox stay. While `var` is private, only the files directly in it are looked at.

    Returns:
        A note for a person where permissions of `var` were taken away, or cannot be; else an empty text.

    Raises:
        BadInput: it cannot be created.
    """
    try:
        var.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{var}: cannot be created or written: {error.strerror}") from error
    try:
        mode = stat.S_IMODE(var.stat().st_mode)
        if not mode & SHARED:
            tighten(var, deep=False)
            return ""
        tighten(var, deep=True)
        var.chmod(mode & ~SHARED)  # last, as it says that all is done
    except OSError as error:
        return f"{var}: cannot be made private: {error.strerror}; run `chmod -R go= {var}` as its owner"
    return f"{var}: its permissions were {mode:o}; it is now for its owner only ({mode & ~SHARED:o})"


def tighten(folder: Path, *, deep: bool) -> None:
    """Take the permissions of group and others from the files of a folder; with `deep` from all below it. Links stay.

    Files of another user stay as they are. Raises OSError.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if deep and entry.name != INBOX:
                    tighten(folder / entry.name, deep=True)
                    restrict(entry)
            elif entry.is_file(follow_symlinks=False):
                restrict(entry)


def restrict(entry: os.DirEntry[str]) -> None:
    """Take the permissions of group and others from one file or folder, if this user may."""
    with suppress(PermissionError, FileNotFoundError):
        mode = stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode)
        if mode & SHARED:
            os.chmod(entry.path, mode & ~SHARED)  # noqa: PTH101 (of an entry, whose path is a text)
