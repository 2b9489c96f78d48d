"""The file that the monolith's command gets: a copy of its own, which stays as it is whatever happens in the inbox.

What the command does with the copy, such as to move it or to write into it, changes nothing in the inbox.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from poc.errors import BadInput, FileStillChanging
from poc.transports.source_file import FileVersion, open_regular, sha256_hex

if TYPE_CHECKING:
    from pathlib import Path

    from poc.config.workspace import Workspace

#: Characters of the sha256 by which the folder of a file is named.
DIGITS = 24

#: In the folder of a file: the copy that the command gets, and a link to it that it does not know of.
FOR_COMMAND, FOR_SHADOW = "file", "kept"


def file_folder(workspace: Workspace, partner: str, feed: str, sha256: str) -> Path:
    """Return the folder of a file that the monolith has: the file itself, and the notes of its command."""
    return workspace.root / "var" / "route" / partner / feed / sha256[:DIGITS]


def digest_of(path: Path) -> tuple[str, FileVersion]:
    """Return the sha256 and the version of a file. Raises BadInput, FileStillChanging."""
    source, version = open_regular(path)
    with source:
        digest = sha256_hex(source)
        if not version.is_content_of(source):
            raise FileStillChanging(f"{path}: changed while it was read; it is left for the next run")
    return digest, version


def hand_over(path: Path, folder: Path, sha256: str) -> Path:
    """Copy the file into its folder, and return its path there; the shadow gets a second link to the copy.

    Raises:
        BadInput: it cannot be copied.
        FileStillChanging: it is another file by now.
    """
    target = folder / FOR_COMMAND / path.name
    try:
        for name in (FOR_COMMAND, FOR_SHADOW):  # an earlier run may have had the file under another name
            shutil.rmtree(folder / name, ignore_errors=True)
            (folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)
        part = folder / "file.part"
        part.unlink(missing_ok=True)
        shutil.copy2(path, part, follow_symlinks=False)
        digest, _ = digest_of(part)
        if digest == sha256:
            part.replace(target)
            with suppress(OSError):  # a file system without links: the shadow gets what the command leaves
                os.link(target, folder / FOR_SHADOW / path.name)
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be copied to {target.parent}: {error.strerror}; check its permissions, and the free space"
        ) from error
    if digest != sha256:
        with suppress(OSError):
            part.unlink()
        raise FileStillChanging(f"{path}: changed while it was read; it is left for the next run")
    return target


def file_for_shadow(folder: Path, sha256: str) -> Path:
    """Return the file of a folder as the monolith's command got it.

    Raises:
        BadInput: the command changed it, or removed it where it cannot be kept beside it.
        FileStillChanging: something of the command changes it now.
    """
    files = [*(folder / FOR_SHADOW).glob("*"), *(folder / FOR_COMMAND).glob("*")]
    if not files:
        raise BadInput("the monolith's command removed the file, so that the service could not exchange it")
    digest, _ = digest_of(files[0])
    if digest != sha256:
        raise BadInput("the monolith's command wrote into the file, so that the service could not exchange it")
    return files[0]


def remove_folder(folder: Path) -> None:
    """Remove the folder of a file that nothing needs any more."""
    shutil.rmtree(folder, ignore_errors=True)


def version_of(path: Path) -> FileVersion | None:
    """Return the version of a file now; None where it is gone."""
    try:
        return FileVersion.of(path.lstat())
    except OSError:
        return None


def is_same_file(path: Path, version: FileVersion) -> bool:
    """Return whether a path still names a file that was neither replaced nor rewritten."""
    now = version_of(path)
    return now is not None and replace(now, touched_ns=version.touched_ns) == version
