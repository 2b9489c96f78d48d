"""Put check-ins into words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roadmap.wording.dates import day

if TYPE_CHECKING:
    from datetime import date


def progress_text(done: int | None, of: int | None, what: str = "") -> str:
    """Return how much is done: "3 of 12 partners moved"; "" where no number was given."""
    if done is None or of is None:
        return ""
    return f"{done:,} of {of:,}{f' {what}' if what else ''}"


def checkin_text(text: str, by: str, as_of: date, done: int | None, of: int | None, what: str = "") -> str:
    """Return a check-in in words: "12 May 2026, Ada: 3 of 12 partners moved: the contract is signed"."""
    name = f", {by}" if by else ""
    progress = progress_text(done, of, what)
    return f"{day(as_of)}{name}: {f'{progress}: ' if progress else ''}{text}"
