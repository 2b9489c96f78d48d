"""Names of partners in addresses and on pages: a name can be any text, and an address must lead back to it.

A plain name stands in an address as it is. Any other (with a slash or a quote in it, of dots alone, very long, none at
all) stands there as `~` and its UTF-8 in hexadecimal, which nothing on the way rewrites.
"""

from __future__ import annotations

import re

#: Names that stand in an address as they are.
_PLAIN = re.compile(r"(?!\.)[\w. @+-]{1,64}(?<! )", re.ASCII)

#: Characters of a name that are shown in a table, and in its own heading.
MAX_CHARS, MAX_HEADING_CHARS = 40, 200

#: Names that are listed where one was not found.
MAX_LISTED = 20


def encode_partner(name: str) -> str:
    """A name as the part of an address that stands for it."""
    return name if _PLAIN.fullmatch(name) else f"~{name.encode('utf-8', 'surrogatepass').hex()}"


def decode_partner(part: str) -> str:
    """The name that a part of an address stands for; a part that nobody encoded stands for itself."""
    if not part.startswith("~"):
        return part
    try:
        return bytes.fromhex(part[1:]).decode("utf-8", "surrogatepass")
    except ValueError:
        return part


def find_partner(part: str, names: tuple[str, ...]) -> str | None:
    """The name among those there are that a part of an address stands for, in whatever case; None: there is none."""
    for name in (decode_partner(part), part):
        if name in names:
            return name
    alike = [name for name in names if name.casefold() == part.casefold()]
    return alike[0] if len(alike) == 1 else None


def display_name(name: str, most: int = MAX_CHARS) -> str:
    """A name as people read it: never nothing, and never longer than a page can bear."""
    if not name.strip():
        return "(no name)"
    name = name.encode("utf-8", "replace").decode()  # half of a character cannot be sent
    return name if len(name) <= most else f"{name[: most - 1]}…"


def list_partners(names: tuple[str, ...]) -> str:
    """The names that there are, in words; no more than `NAMED` of them."""
    if not names:
        return "No partner has a run yet."
    some = ", ".join(display_name(name) for name in names[:MAX_LISTED])
    more = len(names) - MAX_LISTED
    return f"Partners that have runs: {some}{f' and {more:,} more' if more > 0 else ''}."
