"""CSV reader: which bytes are a row, its number, its cells, and which rows are rejected."""

import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import csv

from poc.errors import ContractBreach
from poc.formats.registry import make_reader

SPECTRUM = Path(__file__).parents[4] / "shared" / "suites" / "csv-spectrum"


def test_rows_are_numbered_and_missing_values_are_null(read):
    """Numbers start at the first row after the header; NA and an empty cell are missing, quoted or not."""
    valid, rejected, _ = read('a,b\n1,x\n"NA",\n3,"y, ""z""\nw"\n')
    assert valid == [(1, "1", "x"), (2, None, None), (3, "3", 'y, "z"\nw')]
    assert not rejected


def test_a_ragged_row_is_rejected_and_its_neighbours_keep_their_numbers(read, codes):
    """A row that is too short or too long is rejected with its bytes; later rows are numbered as in the file."""
    valid, rejected, _ = read("a,b\n1,x\n2\n3,y\n4,z,!\n5,w\n")
    assert [row[0] for row in valid] == [1, 3, 5]
    assert codes(rejected) == {2: "missing-cell", 4: "extra-cell"}
    assert rejected[4].original == b"4,z,!"
    assert rejected[4].findings[0].note == "3 cells instead of 2"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'x"y,1', "a quote or escape inside a cell, at byte 2"),
        (b'"x"y,1', "text after a closing quote, at byte 4"),
        (b'1,"x', "the quote opened at byte 3 of the row is not closed"),
        (b'"', "the quote opened at byte 1"),
    ],
)
def test_a_badly_quoted_row_is_rejected_alone(read, codes, line, said):
    """A misplaced quote affects only its own row, and the note has its position."""
    valid, rejected, _ = read(b"a,b\n1,x\n" + line + b'\n3,y\n"4","z"\n')
    assert valid == [(1, "1", "x"), (3, "3", "y"), (4, "4", "z")]
    assert codes(rejected) == {2: "source-error"}
    assert rejected[2].original == line
    assert said in rejected[2].findings[0].note


def test_an_unclosed_quote_does_not_absorb_the_next_rows(read):
    """A multi-line record with another number of cells counts as an unclosed quote: its first line is rejected."""
    valid, rejected, _ = read('a,b\n1,"x\n2,y\n3,"z"\n4,"u\nv"\n')
    assert valid == [(2, "2", "y"), (3, "3", "z"), (4, "4", "u\nv")]
    assert rejected[1].original == b'1,"x'


def test_a_file_is_read_by_the_dialect_of_the_feed(read):
    """Delimiter, quote, escape, preamble, null texts and no header: nothing is guessed."""
    assert read("#1\n#,2\na;b\n1;'x;''y'\n", delimiter=";", quote="'", preamble_lines=2)[0] == [(1, "1", "x;'y")]
    assert read('1,"x\\"\\\\,y"\n2,z\\,\\"\n', escape="\\", header=False)[0] == [(1, "1", 'x"\\,y'), (2, "2", 'z,"')]
    assert read('a|b\n"1"|-\n', delimiter="|", quote="", nulls=("-",))[0] == [(1, '"1"', None)]


def test_fields_may_have_missing_values_of_their_own(read, expected):
    """They replace the general ones for that field; the nulls of the dialect count for all fields."""
    fields = expected(field_missing={"b": ("-",)})
    valid, _, _ = read("a,b\nNA,NA\n-,-\n?,?\n", fields, nulls=("?",))
    assert valid == [(1, None, "NA"), (2, "-", None), (3, None, None)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("filler", [0, 5000])
def test_a_blank_line_is_a_row_where_there_is_one_column(read, expected, make_feed, end, filler):
    """It holds one empty cell, quoted or not, at any place; `read` and `rows` agree, in small files and in large."""
    fields = expected(names=("a",))
    more = [str(n) for n in range(filler)]
    data = end.join(["a", *more, "", "1", "", '""', "2", ""]).encode() + end.encode()
    wanted = [*more, None, "1", None, None, "2", None]
    valid, rejected, _ = read(data, fields)
    assert (valid, rejected) == (list(enumerate(wanted, 1)), {})
    rows = [row for _, row in make_reader(make_feed(), fields).rows(io.BytesIO(data))]
    assert rows == [row.encode() for row in (*more, "", "1", "", '""', "2", "")]
    assert read(f"a{end}{end}", fields)[0] == [(1, None)]
    assert read(f"a{end}", fields)[0] == []
    assert read(f"{end}1", fields, header=False)[0] == [(1, None), (2, "1")]


@pytest.mark.parametrize("bad", [1, 30])
def test_a_blank_row_after_a_bad_one_stays_a_row_whatever_ends_their_lines(read, expected, bad):
    """Without the bad rows between them, the CR of one blank row and the LF of the next are not one line end."""
    valid, rejected, _ = read("a\n\r" + 'x"y\n' * bad + "\n2\n", expected(names=("a",)))
    assert valid == [(1, None), (bad + 2, None), (bad + 3, "2")]
    assert list(rejected) == list(range(2, bad + 2))


@pytest.mark.parametrize(("quote", "delimiter", "escape"), [(" ", "\t", ""), ("\t", " ", "\f"), (" ", ",", "\t")])
def test_blanks_may_be_the_signs_of_a_dialect(read, quote, delimiter, escape):
    """A broken record is found in such a dialect as in any other."""
    data = f"a{delimiter}b\n1{delimiter}{quote}x\ny{quote}\n2{delimiter}p{quote}q\n3{delimiter}z\n"
    valid, rejected, _ = read(data, quote=quote, delimiter=delimiter, escape=escape)
    assert valid == [(1, "1", "x\ny"), (3, "3", "z")]
    assert list(rejected) == [2]


def test_a_blank_line_is_no_row_where_there_are_several_columns(read):
    """It has no cell, so nothing is lost."""
    assert read("a,b\n\n1,x\n\n\n2,y\n\n")[0] == [(1, "1", "x"), (2, "2", "y")]


def test_the_lines_inside_a_closed_quote_belong_to_their_record(read, expected, codes):
    """A record of several lines with too many cells is rejected whole: none of its lines is made a row."""
    fields = expected(names=("a", "b", "c"))
    valid, rejected, _ = read('a,b,c\n1,"x\n2,y,z\n",w,v\n3,p,q\n', fields)
    assert valid == [(2, "3", "p", "q")]
    assert codes(rejected) == {1: "extra-cell"}
    assert rejected[1].original == b'1,"x\n2,y,z\n",w,v'


@pytest.mark.parametrize(
    ("broken", "original"),
    [
        ('1,"x\n2,y,z\n"w,v,u\n', [b'1,"x', b'"w,v,u']),
        ('1,"x\n2,y,z\n" ,w\n', [b'1,"x\n2,y,z\n" ,w']),
        ('1,"x\n2,y,z\nu"w,v\n', [b'1,"x\n2,y,z\nu"w,v']),
        ('1,"x\n2,y,z",w,"v\n', [b'1,"x\n2,y,z",w,"v']),
        ('1, "x\n2,y,z\n",w\n', [b'1, "x\n2,y,z\n",w']),
        ('1,\t "x\n2,y,z\n" ,w\n', [b'1,\t "x\n2,y,z\n" ,w']),
        ('1, "x\n2,y,z\n "w,v\n', [b'1, "x', b' "w,v']),
        ('1, "x"\n', [b'1, "x"']),
        ('1,"x\n', [b'1,"x']),
        ('1,x"y\n', [b'1,x"y']),
    ],
)
def test_lines_inside_a_quote_of_a_broken_record_are_rejected_with_it(read, expected, broken, original):
    """Unless the record cannot be closed, because the next quote opens a cell or there is none: then only its line."""
    fields = expected(names=("a", "b", "c"))
    lines_between = [(2, "2", "y", "z")] if len(original) > 1 else []
    for end in ("\n", "\r\n", "\r"):
        data = ("a,b,c\n0,n,m\n" + broken + '3,p,q\n4,"r",s\n').replace("\n", end)
        valid, rejected, _ = read(data, fields)
        assert [row[1:] for row in valid] == [
            ("0", "n", "m"),
            *(row[1:] for row in lines_between),
            ("3", "p", "q"),
            ("4", "r", "s"),
        ]
        assert [row.original for row in rejected.values()] == [text.replace(b"\n", end.encode()) for text in original]
    valid, rejected, _ = read("a,b,c\n" + broken.rstrip(), fields)
    assert [row.original for row in rejected.values()] == original


@pytest.mark.parametrize("delimiter", ["||", ", ", "::", "~|~", "\x01", "§", "||||"])
@pytest.mark.parametrize(("quote", "escape"), [('"', ""), ("'", ""), ('"', "\\"), ("", ""), ("", "\\")])
def test_a_delimiter_of_several_characters_is_read(read, expected, delimiter, quote, escape):
    """With any quote and escape; the cells may hold parts of it, or all of it in quotes."""
    part, d = delimiter[0], delimiter
    cells = [["1", f"x{part if len(d) > 1 else '.'}y", ""], ["2", "", "z"]]
    inside = f'u{d}"{part}\nv' if quote else "u"
    written = f"a{d}b{d}c\n" + "".join(d.join(row) + "\n" for row in cells)
    if quote:
        text = inside.replace(quote, (escape or quote) + quote)
        written += d.join((quote + text + quote, "3", "")) + "\n"
        cells.append([inside, "3", ""])
    if escape:
        written += d.join((f"w{escape}{part}{d[1:]}w", "4", "")) + "\n"
        cells.append([f"w{d}w", "4", ""])
    written += d.join(("5", "")) + "\n"
    valid, rejected, _ = read(
        written, expected(names=("a", "b", "c"), missing_values=()), delimiter=d, quote=quote, escape=escape
    )
    assert [list(row[1:]) for row in valid] == cells
    assert {row.findings[0].code for row in rejected.values()} == {"missing-cell"}
    assert [row.original.decode() for row in rejected.values()] == [f"5{d}"]


@pytest.mark.parametrize(
    ("header", "declared", "other"),
    [
        ("a,b,c", ";", ","),
        ("a;b;c", ",", ";"),
        ("a\tb\tc", ",", "\\t"),
        ('"a"|"b"|"c"', ",", "|"),
        ("a||b||c", ";", "||"),
        ("A;B;C", ",", ";"),
    ],
)
def test_a_wrong_delimiter_is_named(read, expected, header, declared, other):
    """The message is one short sentence, not a list of what the header lacks."""
    with pytest.raises(ContractBreach) as caught:
        read(f"{header}\n1,2,3\n", expected(names=("a", "b", "c")), delimiter=declared)
    assert (
        str(caught.value).removeprefix("the header cannot be read: ")
        == f"the delimiter looks like `{other}`, the feed says `{declared}`"
    )


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_compressed_file_in_a_feed_of_plain_files_is_refused_with_the_setting(read, expected, encoding):
    """The message is what to set, not a list of what the header lacks; in utf-8 the bytes are not even text."""
    with pytest.raises(ContractBreach) as caught:
        read(gzip.compress(b"a,b,c\n1,2,3\n"), expected(names=("a", "b", "c")), encoding=encoding)
    assert 'the file is compressed; set `compression = "gzip"` for the feed' in str(caught.value)


@pytest.mark.skipif(
    not SPECTRUM.is_dir(), reason="the shared test material (csv-spectrum) is not beside the repository"
)
@pytest.mark.parametrize(
    "name",
    [
        "comma_in_quotes", "empty", "empty_crlf", "escaped_quotes", "json", "newlines", "newlines_crlf",
        "quotes_and_newlines", "simple", "simple_crlf", "utf8",
    ],
)  # fmt: skip
def test_csv_spectrum_is_read_as_its_authors_say(read, expected, name):
    """Each file gives the records that its authors specify."""
    wanted = json.loads((SPECTRUM / "json" / f"{name}.json").read_text(encoding="utf-8"))
    names = tuple(wanted[0])
    valid, rejected, _ = read(
        (SPECTRUM / "csvs" / f"{name}.csv").read_bytes(), expected(names=names, missing_values=())
    )
    assert [dict(zip(names, row[1:], strict=True)) for row in valid] == wanted
    assert not rejected


GOOD_LINES = ("1,x", '"2","y"', '3,"a,b"', '4,"say ""so"""', "5,é", "6,")
BAD_LINES = ("7", "8,x,y", '"9",x,"y,z"', '1,x"y', 'z"z,1', "\udcff,x", "1,é\udcff", '"é",1,2', 'é"é,1')


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@given(lines=st.lists(st.sampled_from([*GOOD_LINES, *BAD_LINES]), min_size=1, max_size=40), copies=st.integers(1, 60))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_row_among_many_bad_rows_is_read_as_it_is_alone(read, lines, copies, end, encoding):
    """However many rows are bad, and in whatever ways: each keeps its cells, or its bytes and its finding."""

    def encode(text):
        by_line = text.split("\udcff")  # a byte, or half a character, that is not valid
        invalid = {"utf-8": b"\xff", "cp1252": b"\x81", "utf-16": b"\x00\xdc"}[encoding]
        return invalid.join(part.encode("utf-16-le" if encoding == "utf-16" else encoding) for part in by_line)

    def read_lines(texts):
        data = encode("\ufeff" if encoding == "utf-16" else "") + encode(end.join(("a,b", *texts, "")))
        valid, rejected, _ = read(data, encoding=encoding)
        faults = {row: [finding[1:] for finding in bad.findings] for row, bad in rejected.items()}
        assert [bad.original for bad in rejected.values()] == [encode(texts[row - 1]) for row in rejected]
        return {row: cells for row, *cells in valid} | faults

    alone = {text: read_lines([text])[1] for text in set(lines)}
    many = lines * copies
    assert read_lines(many) == {row: alone[text] for row, text in enumerate(many, 1)}


def test_a_thread_of_pyarrow_holds_no_object_of_python_after_a_file_is_read(monkeypatch: pytest.MonkeyPatch, read):
    """A process that ends at once is not aborted: what such a thread releases late needs no lock of the interpreter."""
    handed = []
    open_csv = csv.open_csv

    def spy(source, read_options, parse_options, convert_options):
        handed.append((source.is_mutable, parse_options.invalid_row_handler))
        return open_csv(source, read_options, parse_options, convert_options)

    monkeypatch.setattr(csv, "open_csv", spy)
    assert read("a,b\n1,x\n2\n3,y\n")[0] == [(1, "1", "x"), (3, "3", "y")]
    assert handed == [(True, None)]  # memory of pyarrow's own can be written, that of a bytes object cannot
