"""Read and write the values of keys in a query string."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING
from urllib.parse import quote_plus

from dashboard.filters.time_zone import UTC_ZONE, find_zone

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


#: Keys whose values may be any text: a text is one name, even with a comma in it.
FREE_TEXT_KEYS = ("partner", "feed")

#: Keys that every page understands.
COMMON_KEYS = ("as_of", "zone")

#: Punctuation that stays as it is in a query string: https://url.spec.whatwg.org/#percent-encoded-bytes
SAFE_IN_QUERY = "!$'()*,/:;?@"

#: A text without a character that is quoted.
_UNQUOTED = re.compile(rf"[A-Za-z0-9_.~{re.escape(SAFE_IN_QUERY)}-]*")

_ESCAPED = re.compile(r"[\\,]")

_VALUE = re.compile(r"((?:[^\\,]|\\.|\\$)*)(?:,|$)", re.DOTALL)


def query_values(keys: dict[str, object]) -> dict[str, str]:
    """Return keys and values as texts of a query string; a key without a value is left out."""
    texts = {name.rstrip("_"): _text(name, value) for name, value in keys.items()}
    return {name: text for name, text in texts.items() if text}


def encode_query(keys: Mapping[str, object]) -> str:
    """Return keys and values as a query string; a key with None is left out."""
    return "&".join(f"{_quote(key)}={_quote(str(value))}" for key, value in keys.items() if value is not None)


def _quote(text: str) -> str:
    """Quote a key or a value; most have nothing to quote, and finding that out is quicker than quoting."""
    return text if _UNQUOTED.fullmatch(text) else quote_plus(text, safe=SAFE_IN_QUERY)


def join_values(values: Iterable[str]) -> str:
    r"""Join the values of one key to one text, `ua,dl`; a comma inside a value becomes `\,`."""
    return ",".join(_ESCAPED.sub(r"\\\g<0>", value) for value in values)


def split_values(text: str) -> tuple[str, ...]:
    """Split a text of `join_values` into its values, each once; empty ones are left out."""
    parts = (re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) for part in _VALUE.findall(text))
    return tuple(dict.fromkeys(part for part in parts if part))


def _text(key: str, value: object) -> str:
    if value is None:
        return ""
    if key in FREE_TEXT_KEYS and isinstance(value, str):
        return join_values((value,))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (tuple, list, set, frozenset)):
        return join_values(sorted(value) if isinstance(value, (set, frozenset)) else value)
    return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """The values of the known keys, and notices about what was left out."""

    values: Mapping[str, str]
    notices: tuple[str, ...] = ()

    def value(self, key: str, default: str = "") -> str:
        """Return the value of a key, or the default."""
        return self.values.get(key, default)

    @property
    def as_of(self) -> date | None:
        """The day that the page looks back to; None for today."""
        return date.fromisoformat(self.values["as_of"]) if "as_of" in self.values else None

    @property
    def zone(self) -> str:
        """The time zone in which the page shows moments."""
        return find_zone(self.values["zone"]) or UTC_ZONE if "zone" in self.values else UTC_ZONE


def parse_query(args: Iterable[tuple[str, str]], known: Mapping[str, Sequence[str] | None]) -> Query:
    """Read the pairs of a query string.

    Args:
        args: keys and values as they came, in order.
        known: keys of this page besides `COMMON_KEYS`; with their choices, or None for any text.
    """
    values: dict[str, str] = {}
    notices = []
    for key, value in args:
        if key not in known and key not in COMMON_KEYS:
            notices.append(f"“{key}” in the address is not known here and was left out.")
        elif key in values:
            notices.append(f"“{key}” stands twice in the address; “{values[key]}” is shown.")
        elif not value:
            continue
        elif key == "as_of" and not is_iso_day(value):
            notices.append(f"“as_of={value}” is not a day such as 2013-06-30; the newest is shown.")
        elif key == "zone" and find_zone(value) is None:
            notices.append(f"“zone={value}” is not a time zone such as Europe/Berlin; times are shown in UTC.")
        elif (choices := known.get(key)) is not None and value not in choices:
            notices.append(f"“{key}={value}” is not one of {', '.join(choices)}; {choices[0]} is shown.")
        else:
            values[key] = value
    return Query(values=values, notices=tuple(notices))


def is_iso_day(text: str) -> bool:
    """Return whether a text is an ISO date."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
