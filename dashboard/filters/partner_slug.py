"""Partner names as segments of a URL path, and as people read them.

A name stands in a URL as it is; URL quoting brings any character through. Only a name that a URL path would change
on the way (of dots alone, with a slash or a line break, empty), or one that looks encoded, becomes `~` and its UTF-8 in
hexadecimal.
"""

from __future__ import annotations

import re

from roadmap.wording.sentences import shortened

_CHANGED_IN_PATH = re.compile(r"\.*|~.*|.*[/\n].*", re.DOTALL)

#: Characters of a name in a table, and in its own heading.
MAX_CHARS, MAX_HEADING_CHARS = 40, 200

#: Names that are listed where one was not found.
MAX_LISTED = 20


def encode_partner(name: str) -> str:
    """Return the URL path segment of a partner name."""
    return f"~{name.encode().hex()}" if _CHANGED_IN_PATH.fullmatch(name) else name


def decode_partner(segment: str) -> str:
    """Return the partner name of a URL path segment; a segment that was not encoded is the name itself."""
    try:
        return bytes.fromhex(segment[1:]).decode() if segment.startswith("~") else segment
    except ValueError:
        return segment


def find_partner(segment: str, names: tuple[str, ...]) -> str | None:
    """Return the name of a URL path segment among `names`, in any case; None where there is none."""
    for name in (decode_partner(segment), segment):
        if name in names:
            return name
    matches = [name for name in names if name.casefold() == segment.casefold()]
    return matches[0] if len(matches) == 1 else None


def display_name(name: str, max_chars: int = MAX_CHARS) -> str:
    """Return a name to show: "(no name)" for a blank one, and a long one cut."""
    return shortened(name, max_chars) if name.strip() else "(no name)"


def list_partners(names: tuple[str, ...]) -> str:
    """Return a sentence with the first `MAX_LISTED` names."""
    if not names:
        return "No partner has a run yet."
    listed = ", ".join(display_name(name) for name in names[:MAX_LISTED])
    more = len(names) - MAX_LISTED
    return f"Partners that have runs: {listed}{f' and {more:,} more' if more > 0 else ''}."
