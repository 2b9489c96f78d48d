"""Any two files are compared, and one that cannot be is named with the reason."""

import gzip
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.errors import BadInput
from poc.parity.comparison import compare
from poc.parity.files import check_shared_fields, open_feed_records, open_records
from poc.parity.records import UNREADABLE
from roadmap.plan.template import live_template


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


def test_parquet_and_excel_are_read_by_their_own_columns(tmp_path: Path):
    """The end of the name says the format; a number is compared by the text that a reader of the file shows."""
    left = write(tmp_path / "a.csv", b"id,name\n1,Ann\n2,\n")
    pl.DataFrame({"id": [1, 2], "name": ["Ann", None]}).write_parquet(tmp_path / "a.parquet")
    with xlsxwriter.Workbook(tmp_path / "a.xlsx") as workbook:
        sheet = workbook.add_worksheet()
        for number, row in enumerate([("id", "name"), (1, "Ann"), (2, None)]):
            sheet.write_row(number, 0, row)
    for name in ("a.parquet", "a.xlsx"):
        result = compare(open_records(left), open_records(tmp_path / name), ["id"])
        assert (result.equal_records, dict(result.differences)) == (2, {}), name


FEEDS = """
schema = 1
id = "acme"
name = "Acme"
endpoint.folder = "out"

[feed.fixed]
contract = "c.schema.json"
files = "*.txt"
format = "fixed"
map = [{ to = "id", from = "id" }]
fixed.columns = { id = { start = 1, width = 3 }, name = { start = 4, width = 5 } }

[feed.nested]
contract = "c.schema.json"
files = "*.json"
format = "json"
map = [{ to = "id", from = "id" }]
json = { records = "rows", paths = { name = "of.name" } }

[feed.xml]
contract = "c.schema.json"
files = "*.xml"
format = "xml"
map = [{ to = "id", from = "id" }]
xml = { record = "r", paths = { id = "@no", name = "name" } }
"""


@pytest.mark.parametrize(
    ("feed", "content"),
    [
        ("fixed", b"1  Ann  \n2       \n"),
        ("nested", b'{"rows": [{"id": 1, "of": {"name": "Ann"}}, {"id": 2, "of": {"name": null}}]}'),
        ("xml", b'<a><r no="1"><name>Ann</name></r><r no="2"></r></a>'),
    ],
)
def test_a_file_of_a_feed_is_read_by_its_settings_and_contract(tmp_path: Path, feed: str, content: bytes):
    """A file that does not describe itself is that of a feed, and a message names the file that is none."""
    root = tmp_path / "workspace"
    create_workspace(root, "moving", "live", AIRLINES, live_template(date(2026, 12, 1)))
    (root / "partners" / "acme.toml").write_text(FEEDS)
    (root / "contracts" / "c.schema.json").write_text('{"fields": [{"name": "id"}, {"name": "name"}]}')
    workspace = load_workspace(root)
    left = open_records(write(tmp_path / "a.csv", b"id,name\n1,Ann\n2,\n"))
    result = compare(left, open_feed_records(workspace, f"acme/{feed}", write(tmp_path / "b", content)), ["id"])
    assert (result.equal_records, dict(result.differences)) == (2, {})
    with pytest.raises(BadInput, match=r"none: .* read as "):
        compare(left, open_feed_records(workspace, f"acme/{feed}", write(tmp_path / "none", b"<\xff{")), ["id"])
