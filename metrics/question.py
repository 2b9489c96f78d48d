"""The question behind a number: which subject against which control, over which feeds and days."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

from metrics.errors import BadInput
from metrics.events import parse_subject

if TYPE_CHECKING:
    from datetime import date

    from metrics.prices import Prices


def name_problem(name: str) -> str:
    """Return why a text cannot be the name of a partner or feed; empty if it can."""
    if not name:
        return "has no name"
    if "/" in name or not name.isprintable() or len(name) > 64 or name != name.strip():
        return "is not a name: 1 to 64 characters, without slashes, line breaks or blanks at the ends"
    return ""


#: The fault sets of a replay in which every round meets faults of its own; in the others all rounds meet the same.
OWN_DRAWS = frozenset({"stress"})

Stratum = tuple[str, str, int]  #: partner, feed, size band


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """The subject, control, scope and period of one number, and how its bound is computed."""

    subject: str  #: "service@1"
    control: str = "monolith"
    scope: tuple[str, ...] = ("*/*",)  #: globs over PARTNER/FEED
    start: date  #: first day, inclusive
    end: date  #: last day, inclusive: blocks that end by then count
    faults: str = "standard"
    mode: str = "replay"
    series: str | None = None  #: None: the newest of this mode, these faults and the year of `start`
    alpha: float = 0.05  #: one-sided risk of a false "proven"
    min_blocks: int = 12
    bound: str = "anytime"  #: or "fixed": a t interval for a single look at the data
    prices: Prices | None = None  #: by which effort is valued

    @property
    def own_draws(self) -> bool:
        """Whether every round meets faults of its own, so that rounds are evidence of their own within a block."""
        return self.faults in OWN_DRAWS


def system_and_level(name: str) -> tuple[str, int]:
    """Parse the name of a subject into its system and level.

    Raises:
        BadInput: the name is neither `monolith` nor `service@LEVEL`.
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
    return block_noun(block_days(mode))


def block_noun(days: int) -> str:
    """Return the word for a block of so many days: "week" for 7, otherwise "day"."""
    return "week" if days == 7 else "day"


@cache
def in_scope(scope: tuple[str, ...], partner: str, feed: str) -> bool:
    """Tell whether a glob of the scope matches PARTNER/FEED."""
    return any(fnmatchcase(f"{partner}/{feed}", glob) for glob in scope)
