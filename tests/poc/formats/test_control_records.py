"""Header and trailer records: counts, sums, and files that were cut."""

import io

import pytest

from poc.errors import ContractBreach
from poc.formats.record_splitter import Sizes
from poc.formats.registry import make_reader

TRAILER = {"starts": "TRL", "count": 2}
SUMS = {**TRAILER, "sums": {"b": 3}}


def test_control_records_are_no_rows(read):
    """The header record stands before the names of columns, the trailer after the rows, and neither is numbered."""
    keys = {"header": {"starts": "HDR", "count": 3}, "trailer": SUMS}
    valid, rejected, notes = read("HDR,today,2\na,b\nx,1.5\ny,-1\nTRL,2,0.50\n\n", **keys)
    assert (valid, rejected, notes) == ([(1, "x", "1.5"), (2, "y", "-1")], {}, [])


def test_control_records_of_a_fixed_width_file_have_characters(read):
    """A number is at its characters, may have zeros before it, and may include the records themselves."""
    place = {"start": 2, "width": 4}
    keys = {"columns": {"a": {"start": 1, "width": 2}, "b": {"start": 3, "width": 3}}}
    trailer = {"starts": "9", "count": place, "count_adds": 2, "sums": {"b": {"start": 6, "width": 6}}}
    data = "0 header\nxx005\nyy010\n90004000015\n"
    valid, _, _ = read(data, format="fixed", fixed=keys, header={"starts": "0"}, trailer=trailer)
    assert valid == [(1, "xx", "005"), (2, "yy", "010")]


@pytest.mark.parametrize("size", [1 << 20, 16])
@pytest.mark.parametrize(
    ("data", "code", "message"),
    [
        ("a,b\nx,1\nTRL,2,1\n", "row-count-error", "the trailer says 2 rows, and the file has 1"),
        ("a,b\nx,1\n", "row-count-error", "the file was cut: its last line does not begin with 'TRL'"),
        ("a,b\n", "row-count-error", "the file was cut"),
        ("a,b\nx,1\nTRL,1,1\ny,1\n", "source-error", "rows follow after the trailer 'TRL,1,1'"),
        ("a,b\nTRL,0,0\nx,1\nTRL,1,1\n", "source-error", "rows follow after the trailer 'TRL,0,0'"),
        ("a,b\nx,1\nTRL,one,1\n", "row-count-error", "'one' in place of a number"),
        ("a,b\nx,1\nTRL\n", "row-count-error", "'' in place of a number"),
        ("a,b\nx,1\nTRL,1,2\n", "checksum-error", "says 2 as the sum of b, and the rows have 1"),
    ],
)
def test_a_file_whose_records_are_wrong_is_refused(read, data, code, message, size):
    """It was cut, or put together from several, in whatever blocks it is read."""
    with pytest.raises(ContractBreach, match=message) as refused:
        read(data, sizes=Sizes(block_bytes=size), trailer=SUMS)
    assert refused.value.code == code


def test_a_record_type_that_the_feed_does_not_name_is_said_where_the_count_is_wrong(read):
    """The trailer counts details alone, and the file has a type of its own among them: that is the cause, no cut."""
    keys = {"columns": {"a": {"start": 2, "width": 2}, "b": {"start": 4, "width": 3}}, "detail": "D"}
    trailer = {"starts": "9", "count": {"start": 2, "width": 4}}
    with pytest.raises(
        ContractBreach, match="the file has 2; of these, 1 cannot be read: the record type 'S' is not known"
    ):
        read("0 day\nDxx005\nSum  1\n90001\n", format="fixed", fixed=keys, header={"starts": "0"}, trailer=trailer)


def test_a_sum_is_compared_in_the_notation_of_its_field(read, expected):
    """Marks between groups of digits are none of the number, in the rows and in the trailer."""
    fields = expected(decimal_chars={"b": ","}, group_chars={"b": "."})
    data = "a;b\nx;1.234,50\ny;765,50\nTRL;2;2.000,00\n"
    assert len(read(data, fields, delimiter=";", trailer=SUMS)[0]) == 2
    with pytest.raises(ContractBreach, match="as the sum of b"):
        read(data.replace("2.000,00", "2.000,01"), fields, delimiter=";", trailer=SUMS)


def test_a_sum_is_not_compared_where_a_row_is_unreadable(read):
    """The row is set aside, and a note says that the sum was not compared; its row counts."""
    valid, rejected, notes = read("a,b\nx,1\ny\nTRL,2,5\n", trailer=SUMS)
    assert (valid, list(rejected)) == ([(1, "x", "1")], [2])
    assert [(note.code, note.field) for note in notes] == [("checksum-error", "b")]


def test_a_file_without_its_header_record_is_refused(read):
    """The message says what the first line is."""
    with pytest.raises(ContractBreach, match="the first line is 'a,b', and the header record begins with 'HDR'"):
        read("a,b\nx,1\n", header={"starts": "HDR"})


def test_rows_of_a_cut_file_are_counted(make_feed, expected):
    """The trailer is no row there, either."""
    reader = make_reader(make_feed(trailer=TRAILER), expected())
    assert list(reader.rows(io.BytesIO(b"a,b\nx,1\nTRL,5\n"))) == [(1, b"x,1")]
    assert list(reader.rows(io.BytesIO(b"a,b\nx,1\n"))) == [(1, b"x,1")]


@pytest.mark.parametrize("size", [8, 28, 58])
def test_blank_lines_may_follow_after_the_trailer(read, size):
    """In whatever blocks the file is read, they are no rows."""
    data = "a,b\n1,2\n3,4\nTRL,2,6\n" + "\n" * 40
    assert read(data, sizes=Sizes(block_bytes=size, record_bytes=64), trailer=SUMS)[0] == [(1, "1", "2"), (2, "3", "4")]


def test_a_sum_beyond_every_exponent_refuses_the_file(read):
    """It is another sum than that of the trailer."""
    with pytest.raises(ContractBreach, match="says 1 as the sum of b, and the rows have Infinity"):
        read("a,b\nx,9e999999\ny,9e999999\nTRL,2,1\n", trailer=SUMS)
