"""Labels of outcomes, row outcomes, states of a filter, error types and positions of a route."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from roadmap.wording import numbers

if TYPE_CHECKING:
    from collections.abc import Mapping


#: Outcomes of a run: the label of each, and what it means.
OUTCOME_LABELS: Mapping[str, tuple[str, str]] = {
    "done": ("Done", "every row reached its target"),
    "already_received": ("Already received", "the file had been exchanged before, and entered no rows"),
    "due": ("Due again", "some rows wait, and are retried at a later time"),
    "ambiguous": ("Ambiguous", "it is unknown whether the partner has it; it waits for a person"),
    "refused": ("Refused", "the file or the partner did not allow it"),
    "failed": ("Failed", "it ended with an error"),
    "abandoned": ("Abandoned", "it began, and its end was never recorded"),
    "running": ("Running", "it has started and not ended"),
}


#: Outcomes of a row.
ROW_LABELS: Mapping[str, str] = {
    "delivered": "delivered",
    "quarantined": "quarantined",
    "filtered": "filtered by a rule",
    "duplicate": "refused as duplicates",
    "refused": "refused with the file",
    "failed": "failed",
    "due": "still due",
    "ambiguous": "ambiguous",
}


#: Values of the filter `state`; "failed" is every outcome that counts as a failure, "ended" is any outcome.
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
    """Return the label of an outcome; an unknown one, from a newer release, is its own label."""
    return OUTCOME_LABELS[outcome][0] if outcome in OUTCOME_LABELS else outcome.replace("_", " ")


def outcome_class(outcome: str) -> str:
    """Return the class of an outcome in the style sheet."""
    return f"is-{outcome}" if outcome in OUTCOME_LABELS else "is-other"


#: The label of a failure without an error type.
NO_ERROR_TYPE = "Error type not recorded"


#: Labels of error types; HTTP errors have their status code in the label.
ERROR_LABELS: Mapping[str, str] = {
    "connection": "Connection failed",
    "time-out": "No answer in time",
    "certificate": "Certificate not accepted",
    "token-unavailable": "No access token was given",
    "token-refused": "Token server does not accept our client",
    "answer-cut": "Answer was cut",
    "answer-malformed": "Answer is not HTTP",
    "answer-unexpected": "Answer is not the described success",
    "killed": "Process was killed",
    "not started": "Command could not be started",
    "partner-down": "Circuit breaker of the partner is open",
    "partner-paused": "Partner is paused until a person releases it",
    "disk-full": "Disk is full",
    "host-key": "Server shows another key than the known one",
    "sign-in": "Server does not let us in",
    "rights": "Server does not permit it",
    "path": "Place cannot be used as configured",
    "clock": "Clock differs from that of the server",
    "server": "Server refuses, for a reason of its own",
    "type-error": "Value of the wrong type",
    "constraint-error": "Value out of bounds",
    "missing-cell": "Row with too few cells",
    "extra-cell": "Row with too many cells",
    "primary-key": "Row with a key that the file has already",
    "unique-error": "Value that the file has already",
    "missing-label": "Column is missing",
    "extra-label": "Column that the contract does not have",
    "incorrect-label": "Column with another name",
    "duplicate-label": "Column that occurs twice",
    "blank-label": "Column without a name",
    "source-error": "Unreadable file or row",
    "empty-file": "File without a row",
    "archive-note": "File in an archive that is not read",
    "encoding-note": "Encoding that was assumed",
    "encoding-error": "Text that cannot be read",
    "compression-error": "File that cannot be decompressed",
    "conversion-error": "File that cannot be converted",
    "row-count-error": "File with another number of rows than it says",
    "checksum-error": "File with another sum than it says",
    "error-budget": "Too many rejected rows",
}


_HTTP_STATUS = re.compile(r"http-(\d{3})")


def error_label(code: str) -> str:
    """Return the label of an error type; an unknown one is its own label."""
    if match := _HTTP_STATUS.fullmatch(code):
        return f"Partner answered {match[1]}"
    return ERROR_LABELS.get(code, code) or NO_ERROR_TYPE


#: The reason of quarantined rows where none was recorded.
NO_REASON = "reasons not recorded"


def position_text(position: str) -> str:
    """Return a position in words: "canary at 10%" for "canary at 0.1"."""
    stage, _, share = position.partition(" at ")
    return f"{stage} at {numbers.percent(float(share))}" if share else stage
