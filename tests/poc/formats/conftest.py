"""Feeds, contracts and files in memory for the tests of the formats."""

import io
from dataclasses import dataclass, field

import pytest

from poc.config.formats.dialect import Dialect
from poc.config.partner import Feed
from poc.formats.registry import make_reader


@dataclass(frozen=True)
class Fields:
    """The parts of a contract that a reader needs."""

    names: tuple[str, ...] = ("a", "b")
    missing_values: tuple[str, ...] = ("", "NA")
    types: dict[str, str] = field(default_factory=dict)
    formats: dict[str, str] = field(default_factory=dict)
    decimal_chars: dict[str, str] = field(default_factory=dict)
    group_chars: dict[str, str] = field(default_factory=dict)
    boolean_texts: dict[str, tuple[str, str]] = field(default_factory=dict)
    field_missing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    fields_match: str = "exact"


def feed_of(**keys):
    """A feed; keys of a dialect go into its dialect."""
    of_dialect = [key for key in keys if key in Dialect.model_fields and not isinstance(keys[key], dict)]
    dialect = {key: keys.pop(key) for key in of_dialect}
    return Feed(contract="c", map=({"to": "x", "from": "a"},), dialect=Dialect(**dialect), **keys)


@pytest.fixture
def expected():
    """A function that makes the fields of a contract, by default `a` and `b`."""
    return Fields


@pytest.fixture
def make_feed():
    """A function that makes a feed, by default of CSV."""
    return feed_of


@pytest.fixture
def read():
    """A function that reads a file: (valid rows with their numbers, rejected rows by number, notes)."""

    def read_file(data, fields=None, sizes=None, **keys):
        raw = data if isinstance(data, bytes) else data.encode()
        batches = list(make_reader(feed_of(**keys), fields or Fields(), sizes).read(io.BytesIO(raw)))
        valid = [row for batch in batches for row in batch.rows.rows()]
        rejected = {row.row: row for batch in batches for row in batch.rejected}
        return valid, rejected, [note for batch in batches for note in batch.notes]

    return read_file


@pytest.fixture
def codes():
    """A function that gives the code of each rejected row."""
    return lambda rejected: {number: row.findings[0].code for number, row in rejected.items()}
