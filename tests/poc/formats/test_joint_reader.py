"""Files that are read together: each has the rows that it has on its own, or is left to be read on its own."""

from io import BytesIO

import pytest

from poc.config.partner import Feed
from poc.contract.contract import compile_contract
from poc.contract.schema import Schema
from poc.formats.joint_reader import read_together
from poc.formats.registry import make_reader

CONTRACT = compile_contract(Schema.model_validate({"fields": [{"name": "a"}, {"name": "b"}]}))


@pytest.fixture
def reader():
    """A function that makes the reader of a dialect."""

    def make(**dialect):
        feed = {"contract": "c.json", "map": [{"to": "a", "from": "a"}], "dialect": dialect}
        return make_reader(Feed.model_validate(feed), CONTRACT)

    return make


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_files_read_together_have_the_rows_of_each(reader, line_end):
    """Numbers and original lines are those of the file, with and without a line end after its last row."""
    files = [b"a,b\n1,2\n3,4\n", b"a,b\n5,6", b'a,b\n"x\ny",7\n', "a,b\nä,€\n".encode()]
    declared = {b"\n": "lf", b"\r\n": "crlf", b"\r": "cr"}[line_end]
    read = reader(line_end=declared)
    sources = [data.replace(b"\n", line_end) for data in files]
    together = read_together(read, [BytesIO(data) for data in sources])
    assert together.rows.rows() == [("1", "2"), ("3", "4"), ("5", "6"), (f"x{line_end.decode()}y", "7"), ("ä", "€")]
    for data, batch in zip(sources, together.batches, strict=True):
        (alone,) = read.read(BytesIO(data))
        assert batch.rows.equals(alone.rows)
        assert batch.rows.schema == alone.rows.schema
        numbers = alone.rows["_row"].to_list()
        assert batch.lines.originals(numbers) == alone.lines.originals(numbers)


@pytest.mark.parametrize(
    "odd",
    [b"", b"a,b\n", b"b,a\n1,2\n", b"a,b\n1\n", b'a,b\n1,"2\n', b"a,b\n\xff,2\n", b"b,c\n1,2\n"],
    ids=["empty", "no-row", "other-order", "ragged", "open-quote", "undecodable", "drift"],
)
def test_a_file_with_anything_to_say_is_left_to_be_read_on_its_own(reader, odd):
    """Its neighbours are not: each of them has its rows, or is left as well."""
    good = b"a,b\n1,2\n"
    together = read_together(reader(), [BytesIO(good), BytesIO(odd), BytesIO(good)])
    assert together.rows is None
    first, batch, last = together.batches
    assert batch is None or batch.rows.rows() == [(1, "2", "1")]
    for neighbour in (first, last):
        assert neighbour is None or neighbour.rows.rows() == [(1, "1", "2")]
