"""Which names a partner or feed can have that no workspace describes."""

from __future__ import annotations


def misnamed(name: str) -> str:
    """What keeps a name from being that of a partner or feed; empty where nothing does."""
    if not name:
        return "has no name"
    if "/" in name or not name.isprintable() or len(name) > 64 or name != name.strip():
        return "is no name: 1 to 64 letters, without a slash, line breaks or blanks around"
    return ""
