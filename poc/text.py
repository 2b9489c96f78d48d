"""Texts of values: as messages show them, and of JSON values."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The most characters of a value that a message shows: enough to find it, while a cell may have a million.
MAX_CHARACTERS = 80


def truncate(text: str) -> str:
    """Shorten a long text to its beginning and an ellipsis."""
    return text if len(text) <= MAX_CHARACTERS else f"{text[: MAX_CHARACTERS - 1]}…"


def format_utc(at_us: int) -> str:
    """Format a time, in microseconds since 1970, to the second."""
    return f"{datetime.fromtimestamp(at_us / 1_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"


def plain_texts(literals: Iterable[str | None]) -> list[str | None]:
    """Return the texts of JSON values: a string without its quotes and escapes, a number or boolean as it is."""
    return [json.loads(literal) if literal is not None and literal[0] == '"' else literal for literal in literals]
