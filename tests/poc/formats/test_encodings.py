"""Encodings: byte order marks, declared encodings, and the original bytes of rows."""

import io

import pytest

from poc.formats.record_splitter import Sizes
from poc.formats.registry import make_reader


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_and_any_line_end_are_read(read, end):
    """What other systems write does not change the rows."""
    valid, rejected, _ = read("\ufeffa,b" + end + "1,x" + end + end + '2,"y"' + end)
    assert valid == [(1, "1", "x"), (2, "2", "y")]
    assert not rejected


@pytest.mark.parametrize(
    ("encoding", "valid", "wrong"),
    [
        ("utf-8", "é€".encode(), b"\xe9"),
        ("ascii", b"e", b"\xe9"),
        ("cp1252", "é€".encode("cp1252"), b"\x81"),
        ("latin-1", "é".encode("latin-1"), None),
        ("iso-8859-15", "é€".encode("iso-8859-15"), None),
    ],
)
def test_a_row_in_another_encoding_is_rejected_alone(read, codes, encoding, valid, wrong):
    """Text is decoded as declared; invalid bytes reject only their row, and are kept."""
    rows, rejected, _ = read(
        b"a,b\n1," + valid + b"\n2," + (wrong or b"") + b'\n3,"' + valid + b'"\n', encoding=encoding
    )
    text = valid.decode(encoding)
    assert rows == [(1, "1", text), *([(2, "2", None)] if wrong is None else []), (3, "3", text)]
    if wrong is not None:
        assert codes(rejected) == {2: "encoding-error"}
        assert rejected[2].original == b"2," + wrong
        assert f"not {encoding}: byte 0x{wrong.hex()} at position 3" in rejected[2].findings[0].note


@pytest.mark.parametrize(
    ("codec", "mark"), [("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff"), ("utf-16-le", b"")]
)
def test_utf16_is_read_and_its_rows_keep_their_original_bytes(read, expected, make_feed, codes, codec, mark):
    """Both byte orders are read; half a character, or half a unit at the end, is rejected with its original bytes."""
    rows = [
        "1,é😀".encode(codec),
        "2,".encode(codec) + "\ud800".encode(codec, "surrogatepass"),
        "3,x".encode(codec) + b"!",
    ]
    data = mark + "a,b\n".encode(codec) + "\n".encode(codec).join(rows)
    for size in (1, 2, 3, 4096):
        valid, rejected, _ = read(data, sizes=Sizes(size, 4096), encoding="utf-16")
        assert valid == [(1, "1", "é😀")]
        assert codes(rejected) == {2: "encoding-error", 3: "encoding-error"}
    reader = make_reader(make_feed(encoding="utf-16"), expected())
    assert [row for _, row in reader.rows(io.BytesIO(data))] == rows
    head = reader.head(io.BytesIO(data))
    assert b"".join(reader.rebuild(head, rows[:2])) == mark + "a,b\n".encode(codec) + b"".join(
        row + "\n".encode(codec) for row in rows[:2]
    )


def test_a_byte_order_mark_inside_a_file_is_a_character(read):
    """It is a mark only at the start of a file, wherever blocks begin."""
    valid, _, _ = read("a,b\n\ufeff1,\ufeff\n\ufeff2,x\n", sizes=Sizes(8, 64))
    assert valid == [(1, "\ufeff1", "\ufeff"), (2, "\ufeff2", "x")]
