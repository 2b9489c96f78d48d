"""Splitting into rows: block boundaries, line ends, and limits on memory and time."""

import io

import pytest

from poc.batch import ROW
from poc.formats.csv_reader import CsvFormat
from poc.formats.record_splitter import Sizes
from poc.formats.registry import make_reader
from poc.formats.table_reader import TableReader


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 7, 16, 64])
def test_rows_do_not_depend_on_where_blocks_end(read, codes, block_bytes):
    """For any size of blocks, each row has the same number, and is valid or rejected as before."""
    lines = [f"{n}" if n % 7 == 0 else f'{n},"x\r\n""y"' if n % 5 == 0 else f"{n},é" for n in range(1, 101)]
    lines[49] = 'x"'
    data = "a,b\r\n" + "\r\n".join(lines) + "\r\n"
    whole, parts = read(data), read(data, sizes=Sizes(block_bytes, 256))
    assert parts == whole
    assert codes(whole[1]) == {n: "source-error" if n == 50 else "missing-cell" for n in (*range(7, 101, 7), 50)}


def test_batches_hold_a_bounded_number_of_rows(expected, make_feed):
    """The rows of a large block come in several batches, each rejected row in the batch of its neighbours."""
    lines = [f"{n}" if n in {2, 5, 9, 10} else f"{n},x" for n in range(1, 11)]
    small = TableReader(make_feed(), CsvFormat(make_feed(), expected()), batch_rows=3)
    batches = list(small.read(io.BytesIO(("a,b\n" + "\n".join(lines)).encode())))
    assert [batch.rows[ROW].to_list() for batch in batches] == [[1, 3], [4, 6], [7, 8], []]
    assert [[row.row for row in batch.rejected] for batch in batches] == [[2], [5], [9], [10]]
    assert batches[2].lines.original(7) == b"7,x"
    with pytest.raises(KeyError):
        batches[1].lines.original(11)


@pytest.mark.parametrize(
    ("way", "line"),
    [("csv", b'"x\n'), ("csv", b"x\n"), ("csv", b"x\r\n"), ("csv", b"\xff\n"), ("jsonl", b"{\n")],
    ids=["quote", "short", "short crlf", "undecodable", "not json"],
)
def test_very_many_rejected_rows_come_in_small_batches(expected, make_feed, way, line):
    """However short they are, neither a batch nor its block has so many that they fill memory."""
    many = 70_000
    data = (b"a,b\n" if way == "csv" else b"") + line * many
    rows_before = 0
    for batch in make_reader(make_feed(format=way), expected()).read(io.BytesIO(data)):
        assert len(batch.rejected) <= 8192
        assert len(batch.lines.block.spans()[0]) <= 65_536
        assert [row.row for row in batch.rejected] == list(
            range(rows_before + 1, rows_before + len(batch.rejected) + 1)
        )
        rows_before += len(batch.rejected)
    assert rows_before == many


def test_valid_rows_among_very_many_rejected_ones_keep_their_order(expected, make_feed):
    """Every batch continues where the one before ended, whichever rows are rejected."""
    many = 60_000
    lines = [b"x" if n % 3 else b"%d,y" % n for n in range(1, many + 1)]
    rows_before = []
    for batch in make_reader(make_feed(), expected()).read(io.BytesIO(b"a,b\n" + b"\n".join(lines))):
        numbers = sorted([*batch.rows[ROW], *(row.row for row in batch.rejected)])
        assert numbers == list(range(len(rows_before) + 1, len(rows_before) + len(numbers) + 1))
        assert all(row % 3 == 0 for row in batch.rows[ROW])
        rows_before += numbers
    assert len(rows_before) == many


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_block_of_very_many_lines_is_split_between_rows(read, expected, end):
    """One-character lines, more than a block may have, and line ends inside quotes are rows as in any file."""
    fields = expected(names=("a",))
    valid, rejected, _ = read("a" + end + ("x" + end) * 150_000, fields)
    assert [len(valid), valid[-1], rejected] == [150_000, (150_000, "x"), {}]
    cell = "y" + end * 100_000
    valid, rejected, _ = read("a" + end + f'x{end}"{cell}"{end}' * 3, fields)
    assert (valid, rejected) == ([(n, "x" if n % 2 else cell) for n in range(1, 7)], {})


@pytest.mark.parametrize(
    ("line_end", "end", "other"), [("lf", "\n", "\r\n"), ("crlf", "\r\n", "\n"), ("cr", "\r", "\r\n")]
)
def test_a_row_with_another_line_end_than_declared_is_rejected(read, codes, line_end, end, other):
    """If the line end is declared, only the row that ends otherwise is rejected, and the note says so."""
    valid, rejected, _ = read(end.join(("a,b", "1,x", "2,y" + other + "3,z", "")), line_end=line_end)
    assert valid == [(1, "1", "x"), (3, "3", "z")]
    assert codes(rejected) == {2: "source-error"}
    assert "the line ends with" in rejected[2].findings[0].note or "a stray CR" in rejected[2].findings[0].note


def test_a_row_has_at_most_one_mebibyte(read):
    """A cell of almost that size is read; a longer line is rejected in pieces, and its end is not a row of its own."""
    most = "x" * ((1 << 20) - 4)
    valid, rejected, _ = read(f'a,b\n1,{most}\n2,"x"\n3,"{most[2:]}"\n4,y\n')
    assert [row[0] for row in valid] == [1, 2, 3, 4]
    assert not rejected
    line = f"1,{most}{most},2"
    valid, rejected, _ = read(f"a,b\n{line}\n4,y\n")
    assert valid == [(3, "4", "y")]
    assert b"".join(rejected[row].original for row in (1, 2)).decode() == line


def test_an_unclosed_quote_costs_no_more_than_its_line(read):
    """Nor do thousands of them: time grows with the file, not with its square."""
    lines = ['1,"x', "2,y"] * 20_000
    valid, rejected, _ = read("a,b\n" + "\n".join(lines) + "\n", sizes=Sizes(1 << 16, 1 << 20))
    assert (len(valid), len(rejected)) == (20_000, 20_000)
