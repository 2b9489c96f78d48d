"""Shorten text, and turn clauses into sentences."""

from __future__ import annotations

from roadmap.wording.numbers import tight


def shortened(text: str, most: int) -> str:
    """A text on one line and no longer than that, cut between words where it can be; "" for no room at all."""
    line = tight(" ".join(text.split()))
    if len(line) <= most:
        return line
    head = line[: max(most - 1, 0)]
    cut = head.rpartition(" ")[0]
    return f"{(cut if len(cut) > most // 2 else head).rstrip(' ,;:')}…" if head else ""


#: So much of an error stands in a row.
BEGINNING_CHARACTERS = 160


def beginning(text: str, most: int = BEGINNING_CHARACTERS) -> str:
    """The beginning of a text on one line."""
    one = " ".join(text[: 4 * most].split())
    return one if len(one) <= most else one[: most - 1] + "…"


def sentence(text: str) -> str:
    """A clause of another room as a sentence of its own."""
    text = tight(text)
    return f"{text[:1].upper()}{text[1:].removesuffix('.')}."


def capital(text: str) -> str:
    """A clause with a capital first letter, and the rest as it is."""
    return text[:1].upper() + text[1:]
