"""The manifest of a backup: its files with size and sha256, the release that made it, and the workspace."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from poc.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Name of the manifest in the folder of a backup.
MANIFEST = "manifest.json"

#: Version of the manifest's format; a higher one is from a newer release.
FORMAT = 1

#: Size of the pieces in which files are read, in bytes.
BLOCK_BYTES = 1 << 20


class BackedUpFile(NamedTuple):
    """Size and content of a file in a backup."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup holds: `files` by their path in the workspace, in `files/` of the backup.

    `made_at` is the time of the ledger's copy, in ISO 8601; `workspace` is the folder that was backed up.
    """

    release: str
    made_at: str
    workspace: str
    archive: bool
    files: Mapping[str, BackedUpFile]

    @property
    def size_bytes(self) -> int:
        """The size of all files."""
        return sum(file.size_bytes for file in self.files.values())

    def write(self, folder: Path) -> None:
        """Write the manifest into the folder of a backup. Raises OSError."""
        files = {name: file._asdict() for name, file in sorted(self.files.items())}
        text = json.dumps({"format": FORMAT, **asdict(self), "files": files}, indent=1)
        (folder / MANIFEST).write_text(text + "\n", "utf-8")


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a backup. Raises BadInput where the folder is no complete backup of this release."""
    path = folder / MANIFEST
    try:
        values = json.loads(path.read_text("utf-8"))
        if values.pop("format") > FORMAT:
            raise BadInput(f"{path}: made by a newer release; restore it with that one")
        files = {str(name): BackedUpFile(**file) for name, file in values.pop("files").items()}
        if any(name.startswith("/") or ".." in name.split("/") for name in files):
            raise BadInput(f"{path}: names a file outside of the workspace; nothing was done")
        return Manifest(files=files, **values)
    except OSError as error:
        raise BadInput(f"{folder}: not a complete backup: {MANIFEST} cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadInput(f"{path}: not the manifest of a backup: {error}") from error


def digest_of(path: Path) -> BackedUpFile:
    """Return size and digest of a file. Raises OSError."""
    digest, size_bytes = sha256(), 0
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
            size_bytes += len(block)
    return BackedUpFile(size_bytes, digest.hexdigest())
