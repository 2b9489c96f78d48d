"""Addresses of lists of runs, built in one place: a number on a page leads to exactly the runs that it counts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from flask import g
from werkzeug.routing import BuildError

from dashboard.pages.shared import here

if TYPE_CHECKING:
    from collections.abc import Iterable

_MARKED = re.compile(r"[\\,]")
_PART = re.compile(r"((?:[^\\,]|\\.|\\$)*)(?:,|$)", re.DOTALL)


def runs(**keys: object) -> str:
    """The address of a list of runs, as of the day that this page is as of; a tuple is several values of a key."""
    return _at("runs.page", "/runs", keys)


def run(number: int) -> str:
    """The address of one run."""
    try:
        return here("runs.one", number=number)
    except BuildError:
        return f"/runs/{number}"


def failures(**keys: object) -> str:
    """The address of failures that are alike, by the same keys."""
    return _at("failures.page", "/failures", keys)


def quarantine(**keys: object) -> str:
    """The address of what was set aside, by the same keys."""
    return _at("quarantine.page", "/quarantine", keys)


def joined(values: Iterable[str]) -> str:
    r"""Values of one key as one text: `ua,dl`; a comma that belongs to a name is `\,`."""
    return ",".join(_MARKED.sub(r"\\\g<0>", value) for value in values)


def parted(text: str) -> tuple[str, ...]:
    """The values of a text as `joined` writes it, each once; empty ones are left out."""
    parts = (re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) for part in _PART.findall(text))
    return tuple(dict.fromkeys(part for part in parts if part))


def _at(endpoint: str, path: str, keys: dict[str, object]) -> str:
    found = {name.rstrip("_"): _text(name, value) for name, value in keys.items() if value}
    try:
        return here(endpoint, **found)
    except BuildError:
        as_of = {"as_of": g.as_of.isoformat()} if g.get("as_of") else {}
        return f"{path}?{urlencode(as_of | found)}"


def _text(key: str, value: object) -> str:
    if isinstance(value, tuple):
        return joined(value)
    return joined((str(value),)) if key in {"partner", "feed"} else str(value)
