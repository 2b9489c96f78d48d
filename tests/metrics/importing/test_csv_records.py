"""Lines of a CSV log become records, or are named one by one; a broken line harms no other."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrics.importing.csv_records import CsvSplitter, Line

#: Pieces of which lines with all kinds of quoting are made.
PIECES = st.sampled_from(["a", '"', '""', ",", "\n", "\r\n", '"a"', "a,b\n", '"a\nb",c\n', ""])
TEXTS = st.lists(PIECES, max_size=30).map("".join)


def lines_of(text):
    """The lines of a text, as the log reader makes them."""
    return [Line(number, line) for number, line in enumerate(io.StringIO(text, newline=""), 1)]


def split(text, width, max_chars=1000):
    """(line, cells or problem) of each record and each refused line."""
    records = CsvSplitter(iter(lines_of(text)), ",", max_chars).records(width)
    return [(r.number, "no line end" if not r.ended else r.problem or r.cells) for r in records]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('1,"a",2\n', [(1, ("1", "a", "2"))]),
        ('1,"say ""hi""",2\n', [(1, ("1", 'say "hi"', "2"))]),
        ('"","",""\n', [(1, ("", "", ""))]),
        ('1,"two\r\nlines",2\n3,b,4\n', [(1, ("1", "two\r\nlines", "2")), (3, ("3", "b", "4"))]),
        ('1,5" disk,2\n3,b,4\n', [(1, "badly quoted: a quote inside a cell, at character 4"), (2, ("3", "b", "4"))]),
        ('1,"a"b,2\n3,b,4\n', [(1, "badly quoted: text after a closing quote, at character 6"), (2, ("3", "b", "4"))]),
        ("1,a,2\n\n\r\n3,b,4\n", [(1, ("1", "a", "2")), (4, ("3", "b", "4"))]),
        ("1,a\n", [(1, "2 cells under a header of 3")]),
    ],
)
def test_quotes_are_read_strictly(text, expected):
    """A cell is quoted as a whole or not at all, and a quoted cell may have line ends."""
    assert split(text, 3) == expected


def test_an_unclosed_quote_costs_one_line():
    """The lines after it are read, whether or not another quote follows."""
    rows = [f'{n},"b",c' for n in range(1, 9)]
    for stray in (f"{rows[2][:-3]},x", rows[2].replace('"b"', '"b'), '3,b,"c'):
        text = "\n".join([*rows[:2], stray, *rows[3:]]) + "\n"
        result = dict(split(text, 3))
        assert [number for number, cells in result.items() if isinstance(cells, tuple)] == [1, 2, 4, 5, 6, 7, 8]
        assert result[3].startswith("badly quoted: ")


def test_lines_inside_the_quotes_of_a_broken_row_are_no_rows():
    """They may be the text of a cell; each is refused and named, and the row after them is read."""
    assert split('a,b,c\n1,"x\n2,y,z\n",w,v\n3,p,q\n', 3) == [
        (1, ("a", "b", "c")),
        (2, "4 cells under a header of 3, on lines 2 to 4"),
        (3, "inside the quotes of the broken row that begins on line 2"),
        (4, "inside the quotes of the broken row that begins on line 2"),
        (5, ("3", "p", "q")),
    ]


def test_a_record_is_never_longer_than_allowed():
    """Quotes that close later than that count as unclosed."""
    text = '1,"' + "x,y,z\n" * 50 + '",2\n'
    assert len([cells for _, cells in split(text, 3, max_chars=100) if isinstance(cells, tuple)]) == 49
    assert len(split(text, 3)) == 1


@given(TEXTS, st.integers(1, 3))
def test_every_line_is_part_of_a_record_or_named(text, width):
    """No line is lost and none is read twice, whatever the quoting."""
    numbers = []
    for number, cells in split(text, width):
        ends = sum(cell.count("\n") for cell in cells) if isinstance(cells, tuple) else 0
        numbers += range(number, number + ends + 1)
    assert sorted(set(numbers)) == numbers
    filled = {line.number for line in lines_of(text) if line.text.strip("\r\n")}
    assert filled <= set(numbers)


@given(st.lists(st.lists(st.text('a",\n\r é', max_size=6), min_size=3, max_size=3), max_size=8))
def test_what_a_csv_writer_writes_is_read_back(rows):
    """All cells come back as they were written, with any text in them."""
    file = io.StringIO(newline="")
    csv.writer(file, quoting=csv.QUOTE_ALL).writerows(rows)
    assert [cells for _, cells in split(file.getvalue(), 3)] == [tuple(row) for row in rows]
