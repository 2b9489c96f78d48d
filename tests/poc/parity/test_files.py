"""Any two files are compared, and one that cannot be is named with the reason."""

import gzip
from pathlib import Path

import pytest

from poc.errors import BadInput
from poc.parity.comparison import compare
from poc.parity.files import check_shared_fields, open_records
from poc.parity.records import UNREADABLE


def write(path: Path, content: bytes) -> Path:
    """Write a file and return its path."""
    path.write_bytes(content)
    return path


def test_csv_json_lines_json_and_gzip_hold_the_same_records(tmp_path: Path):
    """The format is that of the name's end; numbers keep their digits, and an empty cell has no value."""
    rows = b"id,a\n1,2.50\n2,\n"
    lines = b'{"id": 1, "a": 2.50}\n{"id": 2, "a": null}\n'
    files = [
        write(tmp_path / "a.csv", rows),
        write(tmp_path / "a.csv.gz", gzip.compress(rows)),
        write(tmp_path / "a.jsonl", lines),
        write(tmp_path / "a.jsonl.gz", gzip.compress(lines)),
        write(tmp_path / "a.json", b'[{"id": 1, "a": 2.50}, {"id": 2, "a": null}]'),
    ]
    for path in files[1:]:
        result = compare(open_records(files[0]), open_records(path), ["id"])
        assert (result.equal_records, dict(result.differences)) == (2, {}), path.name


def test_encoding_and_delimiter_of_a_side_are_told(tmp_path: Path):
    """A file in another encoding with another delimiter is equal once both are said."""
    left = write(tmp_path / "left.csv", "id,name\n1,M\u00fcller\n".encode())
    right = write(tmp_path / "right.csv", "id;name\n1;M\u00fcller\n".encode("cp1252"))
    assert not compare(open_records(left), open_records(right, "cp1252", ";"), ["id"]).differences


def test_a_broken_row_is_compared_by_its_text(tmp_path: Path):
    """A row that is no record is not left out: it counts as missing or extra unless both sides have it."""
    left = write(tmp_path / "left.csv", b"id,a\n1,x\n2,y,z\n3,q,r\n")
    right = write(tmp_path / "right.csv", b"id,a\n1,x\n2,y,z\n3,q\n")
    result = compare(open_records(left), open_records(right), ["id"])
    assert (result.left_unreadable, result.right_unreadable, result.equal_records) == (2, 1, 2)
    assert dict(result.differences) == {("", "row-missing"): 1, ("", "row-extra"): 1}
    assert result.examples["row-missing"][0].left == "3,q,r"
    assert UNREADABLE not in dict(result.differences)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("no.csv", None, "no such file"),
        ("picture.csv", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "its header is not utf-8"),
        ("zeros.csv", b"\x00" * 100, "it is no CSV file"),
        ("twice.csv", b"id,id\n1,2\n", "occurs 2 times"),
        ("broken.csv", b"id,a\n1\n2\n", "no row of it can be read as CSV; row 1: "),
        ("half.csv.gz", gzip.compress(b"id,a\n1,2\n", mtime=0)[:12], "the gzip file ends too early"),
        ("half.jsonl", b'{"id": 1}\n{"id": ', "its records cannot be read"),
        ("text.json", b'"text"', "a record is no JSON object"),
    ],
)
def test_a_file_that_is_none_is_named_with_the_reason(tmp_path: Path, name: str, content: bytes | None, message: str):
    """The error names the file, and what is wrong with it."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    other = write(tmp_path / "other.csv", b"id,a\n1,2\n")
    with pytest.raises(BadInput, match=message) as error:
        compare(open_records(path), open_records(other), ["id"])
    assert name in str(error.value)


def test_an_empty_file_has_no_records(tmp_path: Path):
    """A file without a byte, and one with a header alone, lack all records of the other side."""
    full = write(tmp_path / "full.csv", b"id,a\n1,2\n")
    for content in (b"", b"id,a\n"):
        empty = write(tmp_path / "empty.csv", content)
        assert dict(compare(open_records(full), open_records(empty), ["id"]).differences) == {("", "row-missing"): 1}


def test_sides_without_a_common_field_cannot_be_compared(tmp_path: Path):
    """The message lists the fields of both."""
    left, right = write(tmp_path / "l.csv", b"a,b\n1,2\n"), write(tmp_path / "r.csv", b"c,d\n1,2\n")
    with pytest.raises(BadInput, match=r"no field is in both: .* has a, b; .* has c, d"):
        check_shared_fields(open_records(left), open_records(right))


def test_an_unknown_encoding_is_refused(tmp_path: Path):
    """The message names the file and the encoding."""
    path = write(tmp_path / "a.csv", b"id\n1\n")
    with pytest.raises(BadInput, match="the encoding 'klingon' is not known"):
        open_records(path, "klingon")
