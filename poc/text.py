"""Values as they are shown in messages."""

from datetime import UTC, datetime

#: The most characters of a value that a message shows: enough to find it, while a cell may have a million.
MAX_CHARACTERS = 80


def truncate(text: str) -> str:
    """Shorten a long text to its beginning and an ellipsis."""
    return text if len(text) <= MAX_CHARACTERS else f"{text[: MAX_CHARACTERS - 1]}…"


def format_utc(at_us: int) -> str:
    """Format a time, in microseconds since 1970, to the second."""
    return f"{datetime.fromtimestamp(at_us / 1_000_000, UTC):%Y-%m-%d %H:%M:%S} UTC"
