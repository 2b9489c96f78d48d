"""Fixed-width reader: columns by characters, and lines that are no rows."""

import pytest

from poc.errors import BadInput
from poc.formats.registry import make_reader

COLUMNS = {"columns": {"a": {"start": 2, "width": 4}, "b": {"start": 6, "width": 3}}}


@pytest.fixture
def read_fixed(read):
    """A function that reads lines of a record type, a text of four characters and one of three."""
    return lambda data, fixed=None, **keys: read(data, format="fixed", fixed={**COLUMNS, **(fixed or {})}, **keys)


def test_cells_are_cut_by_characters_of_the_encoding(read_fixed):
    """Blanks around a value are left out, a blank value is missing, and an umlaut is one character."""
    text = "Dab  001\r\nDäöüß 2 \r\n\r\nD    003\n"
    valid, rejected, _ = read_fixed(text)
    assert (valid, rejected) == ([(1, "ab", "001"), (2, "äöüß", "2"), (3, None, "003")], {})
    for encoding in ("cp1252", "utf-16", "cp850"):
        assert read_fixed(text.encode(encoding), encoding=encoding)[0] == valid


def test_a_row_of_another_length_is_set_aside_alone(read_fixed):
    """It has its bytes and a note; blanks after a row are no cell, and short rows may be padded."""
    data = b"Dab  001\nDab\nDab  001xy\nDab  001  \nDcd  002\n"
    valid, rejected, _ = read_fixed(data)
    assert valid == [(1, "ab", "001"), (4, "ab", "001"), (5, "cd", "002")]
    assert {row.original: row.findings[0][1:] for row in rejected.values()} == {
        b"Dab": ("missing-cell", "", "3 characters instead of 8"),
        b"Dab  001xy": ("extra-cell", "", "10 characters instead of 8: 'xy' follows"),
    }
    assert read_fixed(data, {"short_rows": "pad"})[0][1] == (2, "ab", None)


def test_a_line_of_another_record_type_is_set_aside(read_fixed, codes):
    """Rows begin with the prefix of details."""
    valid, rejected, _ = read_fixed(b"Dab  001\nXab  001\n\xffab  001\n", {"detail": "D"})
    assert (valid, codes(rejected)) == ([(1, "ab", "001")], {2: "source-error", 3: "source-error"})


def test_a_line_that_cannot_be_decoded_is_set_aside(read_fixed, codes):
    """The lines around it are delivered."""
    valid, rejected, _ = read_fixed(b"Dab  001\nD\xffb  001\nDcd  002\n")
    assert (valid, codes(rejected)) == ([(1, "ab", "001"), (3, "cd", "002")], {2: "encoding-error"})


def test_every_field_of_the_contract_has_a_column(make_feed, expected):
    """A field without one is a mistake of the settings, which names it."""
    feed = make_feed(format="fixed", fixed=COLUMNS)
    with pytest.raises(BadInput, match="field 'c' has no column"):
        make_reader(feed, expected(names=("a", "c")))
