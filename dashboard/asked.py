"""What a page is asked for: the keys of its address, read strictly and told kindly.

A key or value that is not known is left out, and the page says so; data (CSV, JSON) is refused instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Keys that every page understands.
EVERYWHERE = ("as_of",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The values of the known keys, and what was not understood."""

    values: Mapping[str, str]
    notices: tuple[str, ...] = ()

    def one(self, name: str, default: str = "") -> str:
        """The value of a key, or the default."""
        return self.values.get(name, default)

    def many(self, name: str) -> tuple[str, ...]:
        """The values of a key, separated by commas: `partner=ua,dl`."""
        return tuple(part for part in self.values.get(name, "").split(",") if part)

    @property
    def as_of(self) -> date | None:
        """The day that the page is asked to be as of."""
        return date.fromisoformat(self.values["as_of"]) if "as_of" in self.values else None


def read(args: Iterable[tuple[str, str]], known: Mapping[str, Sequence[str] | None]) -> Asked:
    """Read the pairs of a query.

    Args:
        args: keys and values as they came, in order.
        known: keys that this page knows besides those of every page; with their choices, or None for any text.
    """
    values: dict[str, str] = {}
    notices = []
    for key, value in args:
        if key not in known and key not in EVERYWHERE:
            notices.append(f"“{key}” in the address is not known here and was left out.")
        elif key in values:
            notices.append(f"“{key}” stands twice in the address; “{values[key]}” is shown.")
        elif not value:
            continue
        elif key == "as_of" and not is_day(value):
            notices.append(f"“as_of={value}” is not a day such as 2013-06-30; the newest is shown.")
        elif (choices := known.get(key)) is not None and value not in choices:
            notices.append(f"“{key}={value}” is not one of {', '.join(choices)}; {choices[0]} is shown.")
        else:
            values[key] = value
    return Asked(values=values, notices=tuple(notices))


def is_day(text: str) -> bool:
    """Whether a text is an ISO date."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
