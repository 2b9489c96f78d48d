"""How much of a value a sentence shows."""

#: Letters of a value that are shown at the most: enough to find it, and a cell may have a million.
SHOWN_LETTERS = 80


def shown(text: str) -> str:
    """A text as it is, or its beginning and an ellipsis."""
    return text if len(text) <= SHOWN_LETTERS else f"{text[: SHOWN_LETTERS - 1]}…"
