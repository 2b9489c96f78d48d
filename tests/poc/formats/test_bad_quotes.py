"""Lines that are broken by their quotes, and are decided without the grammar."""

import pytest


@pytest.mark.parametrize(
    ("line", "note"),
    [
        ('x,a"b', "badly quoted: a quote or escape inside a cell, at byte 4 of the row"),
        ('x"y"z,a', "badly quoted: a quote or escape inside a cell, at byte 2 of the row"),
        ('x,5 "b', "badly quoted: a quote or escape inside a cell, at byte 5 of the row"),
        ('x,"ab', "badly quoted: the quote opened at byte 3 of the row is not closed where a cell ends"),
        ('"ab,x', "badly quoted: the quote opened at byte 1 of the row is not closed where a cell ends"),
        ('x,"a"b', "badly quoted: text after a closing quote, at byte 6 of the row"),
        ('""b,x', "badly quoted: text after a closing quote, at byte 3 of the row"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_badly_quoted_line_is_explained_alike_as_the_first_of_a_file_and_as_a_later_one(read, line, note, end):
    """The rows between are valid, also those in several lines, and each bad line keeps its bytes."""
    lines = [line, "1,x", line, line, f'2,"y{end}{line.replace(chr(34), "")}"', line, "3,z", line, "4,é"]
    valid, rejected, _ = read(end.join(["a,b", *lines, ""]))
    assert [row[0] for row in valid] == [2, 5, 7, 9]
    assert {row: (bad.original.decode(), bad.findings[0].note) for row, bad in rejected.items()} == dict.fromkeys(
        (1, 3, 4, 6, 8), (line, note)
    )
