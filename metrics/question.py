"""What a number is about: who against whom, over which feeds and days."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

from metrics.errors import BadInput
from metrics.events import parse_subject

if TYPE_CHECKING:
    from datetime import date


def name_problem(name: str) -> str:
    """What keeps a name from being that of a partner or feed; empty where nothing does."""
    if not name:
        return "has no name"
    if "/" in name or not name.isprintable() or len(name) > 64 or name != name.strip():
        return "is no name: 1 to 64 letters, without a slash, line breaks or blanks around"
    return ""


Stratum = tuple[str, str, int]  #: partner, feed, size band


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What a number is about."""

    subject: str  #: "service@1"
    control: str = "monolith"
    scope: tuple[str, ...] = ("*/*",)  #: globs over PARTNER/FEED
    start: date  #: first day, inclusive
    end: date  #: last day, inclusive: blocks that end by then count
    faults: str = "standard"
    mode: str = "replay"
    series: str | None = None  #: None: the newest of this mode and these faults
    alpha: float = 0.05  #: one-sided risk of a false "proven"
    min_blocks: int = 12
    bound: str = "anytime"  #: or "fixed": one look, t interval


def system_and_level(name: str) -> tuple[str, int]:
    """The system and level of a subject's name.

    Raises:
        BadInput: it is none.
    """
    try:
        return parse_subject(name)
    except ValueError as error:
        raise BadInput(str(error)) from error


def block_days(mode: str) -> int:
    """Return the days of one block of evidence: 7 in a replay, 1 in production (`live`)."""
    return 1 if mode == "live" else 7


def block_word(mode: str) -> str:
    """Return the word for one block of evidence: "week" in a replay, "day" in production (`live`)."""
    return "day" if mode == "live" else "week"


@cache
def in_scope(scope: tuple[str, ...], partner: str, feed: str) -> bool:
    """Whether a scope's globs pick a partner's feed."""
    return any(fnmatchcase(f"{partner}/{feed}", glob) for glob in scope)
