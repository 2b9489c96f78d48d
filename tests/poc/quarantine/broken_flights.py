"""A file with invalid rows, for tests of the quarantine."""

from datetime import UTC, datetime

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)


def rows(receipt):
    """The account without zeros."""
    return {name: count for name, count in receipt.account.as_dict().items() if count}


def spoil(path, *pairs):
    """Replace text in a file."""
    text = path.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return path
