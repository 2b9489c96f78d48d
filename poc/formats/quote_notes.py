"""Sentences on rows that are badly quoted; each takes where the fault is in the row, from 0."""

from __future__ import annotations


def stray_quote_note(at: int) -> str:
    """Explain a row that has a quote or escape inside a cell, at this place in it."""
    return f"badly quoted: a quote or escape inside a cell, at byte {at + 1} of the row"


def unclosed_quote_note(at: int) -> str:
    """Explain a row whose quote at this place is not closed, or not where a cell ends."""
    return f"badly quoted: the quote opened at byte {at + 1} of the row is not closed where a cell ends"


def text_after_quote_note(at: int) -> str:
    """Explain a row that has text at this place, after the quote that closes a cell."""
    return f"badly quoted: text after a closing quote, at byte {at + 1} of the row"
