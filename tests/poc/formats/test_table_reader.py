"""What the readers of all formats share: numbered rows, damaged archives, and rebuilding a file."""

import gzip
import io
import zipfile

import pytest

from poc.errors import ContractBreach
from poc.formats.registry import make_reader


def test_rows_are_counted_even_if_the_header_is_invalid(expected, make_feed):
    """A refused file still gives all its rows with their bytes."""
    reader = make_reader(make_feed(), expected())
    for header in (b"a,c\n", b'"a\n', b"\xff,\n", b"a,b,c,d\n"):
        assert list(reader.rows(io.BytesIO(header + b"1,2\nx\xff\n\n3"))) == [(1, b"1,2"), (2, b"x\xff"), (3, b"3")]


def test_rows_of_a_damaged_archive_end_with_an_error(expected, make_feed):
    """The rows before the damage are given, and the error says that there are more."""
    data = b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(400_000))
    packed = gzip.compress(data)
    numbers: list[int] = []
    reader = make_reader(make_feed(compression="gzip"), expected())
    with pytest.raises(ContractBreach, match="cut off") as caught:
        numbers.extend(row for row, _ in reader.rows(io.BytesIO(packed[:-400_000])))
    assert caught.value.code == "compression-error"
    assert numbers == list(range(1, len(numbers) + 1))
    assert 100_000 < len(numbers) < 400_000


def test_a_file_can_be_rebuilt_from_its_head_and_rows(expected, make_feed):
    """Head and rows are the bytes of the file; the line ends are those of the header."""
    data = b'\xef\xbb\xbf# made by hand\r\na,b\r\n1,x\r\n2,"y\nz"\r\n'
    reader = make_reader(make_feed(preamble_lines=1), expected())
    head, rows = reader.head(io.BytesIO(data)), [row for _, row in reader.rows(io.BytesIO(data))]
    assert b"".join(reader.rebuild(head, rows)) == data
    bare = make_reader(make_feed(header=False), expected())
    assert b"".join(bare.rebuild(b"\xef\xbb\xbf", rows)) == b'\xef\xbb\xbf1,x\n2,"y\nz"\n'
    assert b"".join(reader.rebuild(b"a,b", rows[:1])) == b"a,b\n1,x\n"


def test_an_empty_file_is_said(read):
    """With a header it is refused; without one it is a file of no rows, which a note says; an empty archive is none."""
    with pytest.raises(ContractBreach, match="the file is empty: there is no header"):
        read("")
    assert [note.note for note in read("", header=False)[2]] == ["the file is empty: it has no row"]
    assert [note.note for note in read(gzip.compress(b""), header=False, compression="gzip")[2]] == [
        "the file is empty: it has no row"
    ]
    assert read("a,b\n") == ([], {}, [])


def test_files_that_a_system_put_into_an_archive_are_named(read):
    """They are passed over, and the receipt says which."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("__MACOSX/._a.csv", ".DS_Store", "sub/Thumbs.db", "~$a.csv", "desktop.ini", ".~lock.a.csv#"):
            archive.writestr(name, "!")
        archive.writestr("a.csv", "a,b\n1,x\n")
    valid, _, notes = read(file.getvalue(), compression="zip")
    assert valid == [(1, "1", "x")]
    (note,) = notes
    assert note.note == (
        "the archive also holds '__MACOSX/._a.csv', '.DS_Store', 'sub/Thumbs.db', '~$a.csv', 'desktop.ini', "
        "'.~lock.a.csv#'; not read"
    )
