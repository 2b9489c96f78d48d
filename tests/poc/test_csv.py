"""Reading CSV: which bytes are a row, and which row it is."""

import io

import pytest

from poc.batch import ROW
from poc.errors import ContractBreach
from poc.formats import csv


def read(text):
    """Batches of a file with the columns a and b."""
    data = text if isinstance(text, bytes) else text.encode()
    return list(csv.read(io.BytesIO(data), ("a", "b"), ("", "NA")))


def test_rows_are_numbered_and_missing_values_are_null():
    """Numbers begin at the first row after the header; quoted or not, NA and nothing are missing."""
    (batch,) = read('a,b\n1,x\n"NA",\n3,"y, ""z""\nw"\n')
    assert batch.rows.rows() == [(1, "1", "x"), (2, None, None), (3, "3", 'y, "z"\nw')]


def test_a_ragged_row_is_named_and_its_neighbours_keep_their_numbers():
    """A row too short or too long is passed over with a finding; rows after it are numbered as in the file."""
    (batch,) = read("a,b\n1,x\n2\n3,y\n4,z,!\n5,w\n")
    assert batch.rows[ROW].to_list() == [1, 3, 5]
    assert sorted(batch.bad) == [2, 4]
    assert [(found.row, found.code) for found in batch.findings] == [(2, "missing-cell"), (4, "extra-cell")]


def test_ragged_rows_across_blocks_keep_every_number(monkeypatch):
    """However the file falls into blocks, each row is numbered once and none is forgotten."""
    monkeypatch.setattr(csv, "BLOCK_BYTES", 64)
    monkeypatch.setattr(csv, "BATCH_ROWS", 3)
    lines = [f"{n}" if n % 7 == 0 else f"{n},x" for n in range(1, 101)]
    batches = read("a,b\n" + "\n".join(lines) + "\n")
    good = [(row, int(a)) for batch in batches for row, a, _ in batch.rows.rows()]
    assert good == [(n, n) for n in range(1, 101) if n % 7]
    assert sorted(row for batch in batches for row in batch.bad) == list(range(7, 101, 7))


def test_a_byte_order_mark_and_crlf_are_read():
    """What other systems put into files does not change the rows."""
    (batch,) = read(b"\xef\xbb\xbfa,b\r\n1,x\r\n")
    assert batch.rows.rows() == [(1, "1", "x")]


@pytest.mark.parametrize(
    ("header", "code", "said"),
    [
        ("a", "missing-label", "lacks b"),
        ("a,b,c", "extra-label", "has c"),
        ("b,a", "incorrect-label", "order is b, a"),
        ("", "source-error", "the file is empty"),
        ("a\xff,b", "encoding-error", "the header is not UTF-8"),
    ],
)
def test_another_header_is_named_once(header, code, said):
    """A header that is not the contract's is one breach of the file, not one a row."""
    with pytest.raises(ContractBreach, match=said) as caught:
        read(f"{header}\n1,2\n".encode("latin-1") if header else "")
    assert caught.value.code == code


def test_a_header_without_an_end_is_a_file_of_no_rows():
    """One line, its end missing, is a header; another header there is still another header."""
    assert read("a,b") == []
    with pytest.raises(ContractBreach, match="lacks b"):
        read("a,c")


def test_bytes_that_are_not_utf8_are_a_breach():
    """A file in another encoding is refused as such, never read as other letters."""
    with pytest.raises(ContractBreach) as caught:
        read(b"a,b\n1,\xff\n")
    assert caught.value.code == "encoding-error"


@pytest.mark.parametrize(
    ("data", "rows"), [(b"", 0), (b"a,b\n", 0), (b"a,b\n1,2\n", 1), (b"a,b\n1,2\n3,4", 2), (b"a,b", 0)]
)
def test_lines_after_the_first_are_counted(data, rows):
    """A file that cannot be read still has its rows counted, with or without an end to its last line."""
    assert csv.count_lines(io.BytesIO(data)) == rows
