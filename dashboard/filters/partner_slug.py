"""Names of partners in addresses and on pages: a name can be any text, and an address must lead back to it.

A plain name stands in an address as it is. Any other (with a slash or a quote in it, of dots alone, very long, none at
all) stands there as `~` and its UTF-8 in hexadecimal, which nothing on the way rewrites.
"""

from __future__ import annotations

import re

#: Names that stand in an address as they are.
_PLAIN = re.compile(r"(?!\.)[\w. @+-]{1,64}(?<! )", re.ASCII)

#: Characters of a name that are shown in a table, and in its own heading.
SHOWN, SHOWN_WHOLE = 40, 200

#: Names that are listed where one was not found.
NAMED = 20


def addressed(name: str) -> str:
    """A name as the part of an address that stands for it."""
    return name if _PLAIN.fullmatch(name) else f"~{name.encode('utf-8', 'surrogatepass').hex()}"


def meant(part: str) -> str:
    """The name that a part of an address stands for; a part that nobody encoded stands for itself."""
    if not part.startswith("~"):
        return part
    try:
        return bytes.fromhex(part[1:]).decode("utf-8", "surrogatepass")
    except ValueError:
        return part


def found(part: str, names: tuple[str, ...]) -> str | None:
    """The name among those there are that a part of an address stands for, in whatever case; None: there is none."""
    for name in (meant(part), part):
        if name in names:
            return name
    alike = [name for name in names if name.casefold() == part.casefold()]
    return alike[0] if len(alike) == 1 else None


def shown(name: str, most: int = SHOWN) -> str:
    """A name as people read it: never nothing, and never longer than a page can bear."""
    if not name.strip():
        return "(no name)"
    name = name.encode("utf-8", "replace").decode()  # half of a character cannot be sent
    return name if len(name) <= most else f"{name[: most - 1]}…"


def listed(names: tuple[str, ...]) -> str:
    """The names that there are, in words; no more than `NAMED` of them."""
    if not names:
        return "No partner has a run yet."
    some = ", ".join(shown(name) for name in names[:NAMED])
    more = len(names) - NAMED
    return f"Partners that have runs: {some}{f' and {more:,} more' if more > 0 else ''}."
