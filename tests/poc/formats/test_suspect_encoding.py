"""Rows of UTF-8 in a feed of another encoding: noted once a file, or quarantined."""

import pytest

from poc.errors import ContractBreach
from poc.formats.record_splitter import Sizes
from poc.formats.suspect_encoding import utf8_word


def write(*names, encoding="utf-8", extra=()):
    """A file with a row for each name, and more rows."""
    rows = [f"{number},{name}".encode(encoding) for number, name in enumerate(names, 1)]
    return b"\n".join([b"a,b", *rows, *extra]) + b"\n"


@pytest.mark.parametrize("sizes", [None, Sizes(block_bytes=16)], ids=["one block", "many blocks"])
def test_a_file_with_suspect_rows_is_noted_once(read, sizes):
    """The rows are delivered as the feed says; the note shows the first one, and what can be done."""
    rows, rejected, notes = read(write("Anna", "Jürgen", "François"), encoding="cp1252", sizes=sizes)
    assert (rows[1][2], rejected) == ("JÃ¼rgen", {})
    (note,) = notes
    assert note.text().startswith(
        "encoding-note: row 2: the bytes look like utf-8, the feed says cp1252: 'Jürgen' would be read as 'JÃ¼rgen'; "
        "correct the feed's `encoding`"
    )


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("sizes", [None, Sizes(block_bytes=16)], ids=["one block", "many blocks"])
def test_suspect_rows_are_quarantined_where_the_feed_says_so(read, form, sizes):
    """The other rows keep their numbers; a row with another fault keeps that one."""
    data = write("Anna", "Jürgen", "Zoé", extra=[b"4,Ren\xe9", b"5,x,y", "6,ü,y".encode(), b"7,z"])
    if form == "jsonl":
        lines = [line.split(b",") for line in data.splitlines()[1:]]
        data = b"".join(b'{"a": "%s", "b": "%s"}\n' % (cells[0], cells[1]) for cells in lines)
    rows, rejected, notes = read(data, encoding="cp1252", on_suspect_encoding="quarantine", sizes=sizes, format=form)
    broken = {2, 3, 5, 6} if form == "csv" else {2, 3, 6}
    assert [row[0] for row in rows] == [row for row in range(1, 8) if row not in broken]
    assert set(rejected) == broken
    assert "look like utf-8" in rejected[2].findings[0].note
    assert "Zoé".encode() in rejected[3].original
    assert notes == []


@pytest.mark.parametrize(
    ("keys", "data"),
    [
        ({"encoding": "cp1252"}, write("Jürgen", "NESCAFÉ", "L’Été", encoding="cp1252")),
        ({"encoding": "cp1252"}, write("NESCAFÉ®", encoding="cp1252")),
        ({"encoding": "cp1251"}, write("Ёлка", "Різне", "№ 5", encoding="cp1251")),
        ({"encoding": "cp1250"}, write("WIĘŹ", "GĘŚ", "PÓŁ", encoding="cp1250")),
        ({"encoding": "iso-8859-11"}, write("แพง", "เพชร", encoding="iso-8859-11")),
        ({"encoding": "utf-8"}, write("Jürgen")),
        ({"encoding": "cp1252", "on_suspect_encoding": "accept"}, write("Jürgen")),
        ({"encoding": "shift_jis"}, write("日本", encoding="shift_jis")),
    ],
    ids=str,
)  # fmt: skip
def test_text_of_the_encoding_itself_is_not_suspect(read, keys, data):
    """Also where its bytes happen to be valid UTF-8 for a rare letter."""
    _, rejected, notes = read(data, **{"on_suspect_encoding": "quarantine", **keys})
    assert (rejected, notes) == ({}, [])


def test_a_letter_that_the_encoding_lacks_is_suspect_where_its_bytes_are_control_characters():
    """A Polish name in a feed of Latin-1 would get a character that no text has."""
    assert utf8_word("1,Łódź".encode(), "iso8859-1") == "Łódź"
    assert utf8_word("1,Ł".encode(), "iso8859-1") == "Ł"


@pytest.mark.parametrize("header", ["a,größe", "\ufeffa,b", "a,b\ufffd"])
def test_a_header_of_utf_8_names_the_encoding(read, header):
    """Not only the columns that the contract lacks; spreadsheets begin a file with a byte order mark."""
    with pytest.raises(ContractBreach, match="the encoding looks like `utf-8`, the feed says `cp1252`"):
        read(f"{header}\n1,2\n", encoding="cp1252")
