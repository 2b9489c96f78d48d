"""Values of keys as they stand in an address, and back. No request."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Keys whose values may be any text: one text is one name, whatever is in it.
NAMES = ("partner", "feed")

_MARKED = re.compile(r"[\\,]")
_PART = re.compile(r"((?:[^\\,]|\\.|\\$)*)(?:,|$)", re.DOTALL)


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
