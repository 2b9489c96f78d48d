"""Labels of outcomes, row outcomes and error codes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


#: Ends of a run, as people read them, with what each means.
OUTCOME_LABELS: Mapping[str, tuple[str, str]] = {
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
ROW_LABELS: Mapping[str, str] = {
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
STATE_LABELS: Mapping[str, str] = {
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


def outcome_label(outcome: str) -> str:
    """The name of an end; one that a newer release told stands as it is."""
    return OUTCOME_LABELS[outcome][0] if outcome in OUTCOME_LABELS else outcome.replace("_", " ")


def outcome_class(outcome: str) -> str:
    """The class of an end in the style sheet."""
    return f"is-{outcome}" if outcome in OUTCOME_LABELS else "is-other"


#: What is said where a run told no kind of error.
NO_ERROR_TYPE = "No kind of error was told"


#: What codes stand for; answers of a partner are told by their number.
ERROR_LABELS: Mapping[str, str] = {
    "connection": "Connection failed",
    "time-out": "No answer in time",
    "killed": "Process was killed",
    "not started": "Command could not be started",
    "partner-down": "Partner is left alone for a while, as too much failed",
    "disk-full": "Disk is full",
    "type-error": "Value of the wrong type",
    "constraint-error": "Value out of bounds",
    "missing-cell": "Row with too few cells",
    "extra-cell": "Row with too many cells",
    "primary-key": "Row that stands in the file already",
    "unique-error": "Value that stands in the file already",
    "missing-label": "Column is missing",
    "extra-label": "Column that nobody agreed on",
    "incorrect-label": "Column with another name",
    "duplicate-label": "Column that stands twice",
    "blank-label": "Column without a name",
    "source-error": "Row that cannot be read",
    "encoding-error": "Text that cannot be read",
    "compression-error": "File that cannot be unpacked",
    "error-budget": "Too many bad rows",
}


_ANSWERED = re.compile(r"http-(\d{3})")


def error_label(code: str) -> str:
    """A kind of error in words; one that is not known here stands as it is."""
    if answered := _ANSWERED.fullmatch(code):
        return f"Partner answered {answered[1]}"
    return ERROR_LABELS.get(code, code) or NO_ERROR_TYPE


#: What is said where nobody noted why.
NO_REASON = "reasons not recorded"
