"""The file that the monolith's command gets: a link of its own, which stays as it is whatever happens in the inbox."""

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
    """Link the file into its folder, or copy it, and return its path there.

    Raises:
        BadInput: it cannot be linked or copied.
        FileStillChanging: it is another file by now.
    """
    target = folder / "file" / path.name
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not target.exists():
            part = folder / "file.part"
            part.unlink(missing_ok=True)
            try:
                os.link(path, part, follow_symlinks=False)
            except OSError:  # another file system, or one without links
                shutil.copyfile(path, part, follow_symlinks=False)
            part.rename(target)
        digest, _ = digest_of(target)
    except OSError as error:
        raise BadInput(
            f"{path}: cannot be linked to {target.parent}: {error.strerror}; check its permissions"
        ) from error
    if digest != sha256:
        with suppress(OSError):
            target.unlink()
        raise FileStillChanging(f"{path}: changed while it was read; it is left for the next run")
    return target


def handed_files(folder: Path) -> list[Path]:
    """Return the files in the folder of a file: one, or none once it is not needed any more."""
    try:
        return sorted((folder / "file").iterdir())
    except FileNotFoundError:
        return []


def remove_folder(folder: Path) -> None:
    """Remove the folder of a file that nothing needs any more."""
    shutil.rmtree(folder, ignore_errors=True)


def version_of(path: Path) -> FileVersion | None:
    """Return the version of a file now; None where it is gone."""
    try:
        return FileVersion.of(path.lstat())
    except OSError:
        return None


def was_rewritten(path: Path, version: FileVersion | None) -> bool:
    """Return whether the content of a file was changed in its place; a file that replaced it is another file.

    The system's time of the last change says nothing, as a link to a file changes it, too.
    """
    now = version_of(path)
    if now is None or version is None or (now.device, now.inode) != (version.device, version.inode):
        return False
    return (now.size_bytes, now.changed_ns) != (version.size_bytes, version.changed_ns)


def is_same_file(path: Path, version: FileVersion) -> bool:
    """Return whether a path still names a file that was neither replaced nor rewritten."""
    now = version_of(path)
    return now is not None and replace(now, touched_ns=version.touched_ns) == version
