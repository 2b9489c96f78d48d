"""Encodings: byte order marks, declared encodings, and the original bytes of rows."""

import encodings
import io
import pkgutil

import pytest
from pydantic import ValidationError

from poc.config.formats.dialect import Dialect
from poc.errors import ContractBreach
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


def text_encodings():
    """The encodings of Python that are for files."""
    names = {module.name for module in pkgutil.iter_modules(encodings.__path__)} - {"aliases", "mbcs", "oem"}
    return sorted(name for name in names if is_for_files(name))


def is_for_files(name):
    """Return whether a feed may declare an encoding."""
    try:
        Dialect(encoding=name)
    except ValidationError:
        return False
    return True


def sample(encoding):
    """Letters beyond ASCII that an encoding has."""
    alphabet = "éŁЖαאبあ漢字한ñ€ßÿ；\u2028"
    return "".join(char for char in alphabet if char.encode(encoding, "ignore").decode(encoding) == char)


@pytest.mark.parametrize("encoding", text_encodings())
def test_every_encoding_of_python_is_read(read, expected, make_feed, encoding):
    """Cells and original bytes are those of the file, with quotes, line ends and pieces of any size."""
    text = sample(encoding)
    rows = [f"1,{text}", f'2,"{text}, ""x""\n{text}"', f"3,|{text}\\~{{", "4"]
    data = "\n".join(["a,b", *rows, ""]).encode(encoding)
    for sizes in (None, Sizes(7, 4096)):
        valid, rejected, _ = read(data, expected(missing_values=()), sizes, encoding=encoding)
        assert valid == [(1, "1", text), (2, "2", f'{text}, "x"\n{text}'), (3, "3", f"|{text}\\~{{")]
        assert {row: one.findings[0].code for row, one in rejected.items()} == {4: "missing-cell"}
    reader = make_reader(make_feed(encoding=encoding), expected())
    head, lines = reader.head(io.BytesIO(data)), [row for _, row in reader.rows(io.BytesIO(data))]
    assert b"".join(reader.rebuild(head, lines)) == data


def test_there_are_many_encodings():
    """Single bytes, several bytes, shifts, other alphabets than ASCII; codecs of other things are refused."""
    assert {
        "cp1250", "cp1258", "koi8_r", "koi8_u", "big5", "euc_jp", "euc_kr", "shift_jis", "gb18030", "gbk", "hz",
        "iso2022_jp", "utf_16_le", "utf_16_be", "utf_32", "utf_32_le", "utf_7", "cp037", "mac_roman", "cp437",
        "tis_620",
    } <= set(text_encodings())  # fmt: skip
    assert len(text_encodings()) > 100
    for name in (
        "",
        "none",
        "rot13",
        "base64",
        "zlib",
        "idna",
        "punycode",
        "unicode_escape",
        "undefined",
        "a\0b",
        "../x",
    ):
        assert not is_for_files(name)


@pytest.mark.parametrize(
    "encoding", ["utf-8", "UTF8", "utf-8-sig", "utf-16-le", "utf-16-be", "utf-32", "utf_32_be", "gb18030"]
)
def test_a_byte_order_mark_is_left_out(read, encoding):
    """In every encoding that has one, whether the encoding names the order or not."""
    codec = "utf-32-be" if encoding == "utf-32" else encoding.replace("-sig", "")
    valid, _, notes = read("\ufeffa,b\n1,é\n".encode(codec), encoding=encoding)
    assert (valid, notes) == ([(1, "1", "é")], [])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_an_assumed_byte_order_is_said(read, encoding):
    """Without a mark, the file is read as little-endian, and the receipt says so; so does the refusal of another."""
    valid, _, notes = read("a,b\n1,é\n".encode(f"{encoding}-le"), encoding=encoding)
    said = f"{encoding} without a byte order mark, read as {encoding}-le"
    assert (valid, [note.note for note in notes]) == ([(1, "1", "é")], [said])
    with pytest.raises(ContractBreach, match=said if encoding == "utf-16" else "not utf-32"):
        read("a,b\n1,é\n".encode(f"{encoding}-be"), encoding=encoding)


@pytest.mark.parametrize(
    ("encoding", "raw", "text"),
    [
        ("cp932", b"\xed\x40\x87\x90", "纊≒"),
        ("iso2022_jp", b'\x1b$B$"\x1b(B\x1b$B$$\x1b(B', "あい"),
        ("utf-7", b"+AGE-b", "ab"),
    ],
)
def test_unusual_bytes_of_a_character_are_kept(read, expected, make_feed, encoding, raw, text):
    """Where a character has several codes, it is read, and its row keeps the bytes that it came in."""
    data = b"a,b\n1," + raw + b"\n2," + raw + b",\n"
    valid, rejected, _ = read(data, encoding=encoding)
    assert valid == [(1, "1", text)]
    assert rejected[2].original == b"2," + raw + b","


@pytest.mark.parametrize("encoding", ["shift_jis", "big5", "gb18030", "euc_jp", "iso2022_jp", "utf-32", "hz"])
def test_invalid_bytes_in_a_converted_file_reject_only_their_row(read, codes, encoding):
    """Half a character swallows neither a delimiter nor a line end, and the row keeps its bytes."""
    wrong = b"\x00\x00\x00\xff" if encoding == "utf-32" else b"\xff"
    rows = ["1,x", "2,", "3,y"]
    one, two, three = (row.encode("utf-32-le" if encoding == "utf-32" else encoding) for row in rows)
    end = "\n".encode("utf-32-le" if encoding == "utf-32" else encoding)
    data = "a,b".encode("utf-32-le" if encoding == "utf-32" else encoding) + end + one + end + two + wrong + end + three
    for size in (1, 5, 4096):
        valid, rejected, _ = read(data, sizes=Sizes(size, 4096), encoding=encoding)
        assert valid == [(1, "1", "x"), (3, "3", "y")]
        assert codes(rejected) == {2: "encoding-error"}
        assert rejected[2].original == two + wrong
        assert f"at position {len(two) + 1}" in rejected[2].findings[0].note


@pytest.mark.parametrize("letters", [4, 5, 50])
def test_a_shift_to_no_code_rejects_its_row_however_long_it_is(read, letters):
    """Python's decoder gives up with another error after eight bytes that are no character."""
    line = b"\x1b$" + b"a" * letters
    valid, rejected, _ = read(b"a,b\n1,x\n" + line + b"\n", encoding="iso2022_jp")
    assert valid == [(1, "1", "x")]
    assert b"".join(row.original for row in rejected.values()).startswith(line)


def test_a_file_in_utf16_that_is_declared_otherwise_is_named(read):
    """The message says what the bytes look like."""
    for data in ("a,b\n".encode("utf-16"), "a,b\n".encode("utf-16-le")):
        with pytest.raises(ContractBreach, match="the encoding looks like `utf-16`, the feed says `utf-8`"):
            read(data)


def test_a_comma_in_a_roundabout_code_is_no_delimiter(read, codes):
    """A row in which a sign of the structure has other bytes than its own is rejected, not guessed at."""
    valid, rejected, _ = read(b"a,b\n1,x+ACw-y\n2,z\n", encoding="utf-7")
    assert valid == [(2, "2", "z")]
    assert codes(rejected) == {1: "encoding-error"}
