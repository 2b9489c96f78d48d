"""Files for their owner only: they hold partners' data."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def open_private(path: str, flags: int) -> int:
    """Open a file, as an `opener` does; a new one is for its owner only."""
    return os.open(path, flags, 0o600)


def create_private(path: Path) -> None:
    """Create an empty file with its folders, for its owner only, unless it is there. Raises OSError.

    SQLite gives the write-ahead log of a database the same permissions.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        os.close(open_private(str(path), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC))
