"""CSV reader: which bytes are a row, its number, its cells, and which rows are rejected."""

import io
import json
from pathlib import Path

import pytest

from poc.formats.registry import make_reader

SPECTRUM = Path(__file__).parents[4] / "shared" / "suites" / "csv-spectrum"


def test_rows_are_numbered_and_missing_values_are_null(read):
    """Numbers start at the first row after the header; NA and an empty cell are missing, quoted or not."""
    valid, rejected, _ = read('a,b\n1,x\n"NA",\n3,"y, ""z""\nw"\n')
    assert valid == [(1, "1", "x"), (2, None, None), (3, "3", 'y, "z"\nw')]
    assert not rejected


def test_a_ragged_row_is_rejected_and_its_neighbours_keep_their_numbers(read, codes):
    """A row that is too short or too long is rejected with its bytes; later rows are numbered as in the file."""
    valid, rejected, _ = read("a,b\n1,x\n2\n3,y\n4,z,!\n5,w\n")
    assert [row[0] for row in valid] == [1, 3, 5]
    assert codes(rejected) == {2: "missing-cell", 4: "extra-cell"}
    assert rejected[4].original == b"4,z,!"
    assert rejected[4].findings[0].note == "3 cells instead of 2"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'x"y,1', "a quote or escape inside a cell, at byte 2"),
        (b'"x"y,1', "text after a closing quote, at byte 4"),
        (b'1,"x', "the quote opened at byte 3 of the row is not closed"),
        (b'"', "the quote opened at byte 1"),
    ],
)
def test_a_badly_quoted_row_is_rejected_alone(read, codes, line, said):
    """A misplaced quote affects only its own row, and the note has its position."""
    valid, rejected, _ = read(b"a,b\n1,x\n" + line + b'\n3,y\n"4","z"\n')
    assert valid == [(1, "1", "x"), (3, "3", "y"), (4, "4", "z")]
    assert codes(rejected) == {2: "source-error"}
    assert rejected[2].original == line
    assert said in rejected[2].findings[0].note


def test_an_unclosed_quote_does_not_absorb_the_next_rows(read):
    """A multi-line record with another number of cells counts as an unclosed quote: its first line is rejected."""
    valid, rejected, _ = read('a,b\n1,"x\n2,y\n3,"z"\n4,"u\nv"\n')
    assert valid == [(2, "2", "y"), (3, "3", "z"), (4, "4", "u\nv")]
    assert rejected[1].original == b'1,"x'


def test_a_file_is_read_by_the_dialect_of_the_feed(read):
    """Delimiter, quote, escape, preamble, null texts and no header: nothing is guessed."""
    assert read("#1\n#,2\na;b\n1;'x;''y'\n", delimiter=";", quote="'", preamble_lines=2)[0] == [(1, "1", "x;'y")]
    assert read('1,"x\\"\\\\,y"\n2,z\\,\\"\n', escape="\\", header=False)[0] == [(1, "1", 'x"\\,y'), (2, "2", 'z,"')]
    assert read('a|b\n"1"|-\n', delimiter="|", quote="", nulls=("-",))[0] == [(1, '"1"', None)]


def test_fields_may_have_missing_values_of_their_own(read, expected):
    """They replace the general ones for that field; the nulls of the dialect count for all fields."""
    fields = expected(field_missing={"b": ("-",)})
    valid, _, _ = read("a,b\nNA,NA\n-,-\n?,?\n", fields, nulls=("?",))
    assert valid == [(1, None, "NA"), (2, "-", None), (3, None, None)]


def test_a_blank_line_is_not_a_row_even_with_one_column(read, expected, make_feed):
    """A single empty cell is quoted, as other programs write it; `read` and `rows` agree."""
    fields = expected(names=("a",))
    assert read('a\n1\n\n""\n2\n', fields)[0] == [(1, "1"), (2, None), (3, "2")]
    rows = make_reader(make_feed(), fields).rows(io.BytesIO(b'a\n1\n\n""\n2\n'))
    assert list(rows) == [(1, b"1"), (2, b'""'), (3, b"2")]


@pytest.mark.skipif(
    not SPECTRUM.is_dir(), reason="the shared test material (csv-spectrum) is not beside the repository"
)
@pytest.mark.parametrize(
    "name",
    [
        "comma_in_quotes", "empty", "empty_crlf", "escaped_quotes", "json", "newlines", "newlines_crlf",
        "quotes_and_newlines", "simple", "simple_crlf", "utf8",
    ],
)  # fmt: skip
def test_csv_spectrum_is_read_as_its_authors_say(read, expected, name):
    """Each file gives the records that its authors specify."""
    wanted = json.loads((SPECTRUM / "json" / f"{name}.json").read_text(encoding="utf-8"))
    names = tuple(wanted[0])
    valid, rejected, _ = read(
        (SPECTRUM / "csvs" / f"{name}.csv").read_bytes(), expected(names=names, missing_values=())
    )
    assert [dict(zip(names, row[1:], strict=True)) for row in valid] == wanted
    assert not rejected
