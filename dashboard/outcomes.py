"""What ends of runs are called, how they look, and where their rows went."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Ends of a run, as people read them, with what each means.
OUTCOMES: Mapping[str, tuple[str, str]] = {
    "done": ("Done", "everything is where it belongs"),
    "already_received": ("Already received", "the file had been exchanged before, and entered no rows"),
    "due": ("Due again", "some rows wait, and go on by themselves at a later time"),
    "ambiguous": ("Ambiguous", "nobody knows whether the partner has it; it waits for a person"),
    "refused": ("Refused", "the file or the partner did not allow it"),
    "failed": ("Failed", "it ended with an error"),
    "abandoned": ("Abandoned", "it began, and nobody heard of its end"),
    "running": ("Running", "it has begun, and not ended"),
}

#: Where a row can end, as people read it.
ROWS: Mapping[str, str] = {
    "delivered": "delivered",
    "quarantined": "set aside",
    "filtered": "left out by a rule",
    "duplicate": "refused as duplicates",
    "refused": "refused with the file",
    "failed": "failed",
    "due": "still due",
    "ambiguous": "ambiguous",
}

#: States of a list, as they stand in its heading and its form; "failed" is every end that counts as such, "ended" any.
STATES: Mapping[str, str] = {
    "done": "done",
    "failed": "failed (any way)",
    "running": "running",
    "ended": "ended (any way)",
    "already_received": "already received",
    "refused": "refused",
    "abandoned": "abandoned",
    "due": "due again",
    "ambiguous": "ambiguous",
}


def said(outcome: str) -> str:
    """The name of an end; one that a newer release told stands as it is."""
    return OUTCOMES[outcome][0] if outcome in OUTCOMES else outcome.replace("_", " ")


def look(outcome: str) -> str:
    """The class of an end in the style sheet."""
    return f"is-{outcome}" if outcome in OUTCOMES else "is-other"
