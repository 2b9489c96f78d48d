"""Kinds of errors in words: what a code that a run told stands for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What is said where a run told no kind of error.
UNTOLD = "No kind of error was told"

#: What codes stand for; answers of a partner are told by their number.
WORDS: Mapping[str, str] = {
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


def said(code: str) -> str:
    """A kind of error in words; one that is not known here stands as it is."""
    if answered := _ANSWERED.fullmatch(code):
        return f"Partner answered {answered[1]}"
    return WORDS.get(code, code) or UNTOLD
