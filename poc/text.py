"""How values stand in sentences."""

from datetime import UTC, datetime

#: Letters of a value that are shown at the most: enough to find it, and a cell may have a million.
MAX_CHARACTERS = 80


def truncate(text: str) -> str:
    """A text as it is, or its beginning and an ellipsis."""
    return text if len(text) <= MAX_CHARACTERS else f"{text[: MAX_CHARACTERS - 1]}…"


def format_utc(at_us: int) -> str:
    """A time, in microseconds since 1970, to the second."""
    return f"{datetime.fromtimestamp(at_us / 1_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
