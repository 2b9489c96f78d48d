"""Files that a restore has held back: they may have been delivered after the backup."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: Folder below `var` of these files, by partner and feed.
HELD = "held"


def held_files(root: Path) -> list[Path]:
    """Return the files of a workspace that are held back."""
    return sorted(path for path in (root / "var" / HELD).rglob("*") if path.is_file())
