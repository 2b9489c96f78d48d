"""Addresses of lists of runs, built in one place: a number on a page leads to exactly the runs that it counts.

Keys are those of `/runs`: side, state, partner, feed, faults, range, from (`from_`), to, attempt, fingerprint, counted.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

from dashboard.pages.shared import here

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Keys whose values may be any text: one text is one name, whatever is in it.
NAMES = ("partner", "feed")

_MARKED = re.compile(r"[\\,]")
_PART = re.compile(r"((?:[^\\,]|\\.|\\$)*)(?:,|$)", re.DOTALL)


def runs(**keys: object) -> str:
    """The address of a list of runs, as of the day that this page is as of.

    Args:
        keys: what to pick by; several values of one key as a tuple. A day may be a date. What is None or empty picks
            any. `counted` is `CODE:MEASURE:FAULTS`.
    """
    return here("runs.page", **address(keys))


def run(number: int) -> str:
    """The address of one run."""
    return here("runs.one", number=number)


def failures(**keys: object) -> str:
    """The address of failures that are alike, by the same keys."""
    return here("failures.page", **address(keys))


def quarantine(**keys: object) -> str:
    """The address of what was set aside, by the same keys."""
    return here("quarantine.page", **address(keys))


def address(keys: dict[str, object]) -> dict[str, str]:
    """Keys and values as they stand in an address; what picks any is left out."""
    found = {name.rstrip("_"): _text(name, value) for name, value in keys.items()}
    return {name: text for name, text in found.items() if text}


def joined(values: Iterable[str]) -> str:
    r"""Values of one key as one text: `ua,dl`; a comma that belongs to a name is `\,`."""
    return ",".join(_MARKED.sub(r"\\\g<0>", value) for value in values)


def parted(text: str) -> tuple[str, ...]:
    """The values of a text as `joined` writes it, each once; empty ones are left out."""
    parts = (re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) for part in _PART.findall(text))
    return tuple(dict.fromkeys(part for part in parts if part))


def _text(key: str, value: object) -> str:
    if value is None:
        return ""
    if key in NAMES and isinstance(value, str):
        return joined((value,))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (tuple, list, set, frozenset)):
        return joined(sorted(value) if isinstance(value, (set, frozenset)) else value)
    return str(value)
