"""Shorten text, and turn clauses into sentences."""

from __future__ import annotations

#: Characters of an error message that fit in a table row.
ROW_CHARACTERS = 160


def shortened(text: str, most: int = ROW_CHARACTERS) -> str:
    """Return a text on one line of at most `most` characters, cut between words where possible; "" if `most` is 0.

    Only the first `4 * most` characters are read, so that a message of megabytes costs no more than a short one.
    """
    line = " ".join(text[: 4 * most].split())
    if len(line) <= most and len(text) <= 4 * most:
        return line
    head = line[: max(most - 1, 0)]
    cut = head.rpartition(" ")[0]
    return f"{(cut if len(cut) > most // 2 else head).rstrip(' ,;:')}\N{HORIZONTAL ELLIPSIS}" if head else ""


def sentence(text: str) -> str:
    """Turn a clause into a sentence: a capital first letter and a full stop."""
    return f"{capital(text).removesuffix('.')}."


def capital(text: str) -> str:
    """Return a text with a capital first letter, the rest unchanged."""
    return text[:1].upper() + text[1:]
