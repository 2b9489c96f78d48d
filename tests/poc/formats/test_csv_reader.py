"""Reading CSV: which bytes are a row, which row it is, and what is set aside alone."""

import gzip
import io
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from poc.batch import ROW
from poc.config.partner import Dialect, Feed
from poc.errors import ContractBreach
from poc.formats.header import SchemaDrift
from poc.formats.record_splitter import Sizes
from poc.formats.registry import make_reader

SPECTRUM = Path(__file__).parents[4] / "shared" / "suites" / "csv-spectrum"


@dataclass(frozen=True)
class Agreed:
    """As much of a contract as a reader asks for."""

    names: tuple[str, ...] = ("a", "b")
    missing_values: tuple[str, ...] = ("", "NA")
    types: dict[str, str] = field(default_factory=dict)
    field_missing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    fields_match: str = "exact"


def feed(**told):
    """A feed; keys of a dialect go into its dialect."""
    dialect = {key: told.pop(key) for key in list(told) if key in Dialect.model_fields}
    return Feed(contract="c", map=({"to": "x", "from": "a"},), dialect=Dialect(**dialect), **told)


def read(data, agreed=None, sizes=None, **told):
    """(good rows with their numbers, bad rows by number, notes) of a file."""
    raw = data if isinstance(data, bytes) else data.encode()
    batches = list(make_reader(feed(**told), agreed or Agreed(), sizes).read(io.BytesIO(raw)))
    good = [row for batch in batches for row in batch.rows.rows()]
    bad = {bad.row: bad for batch in batches for bad in batch.rejected}
    return good, bad, [note for batch in batches for note in batch.notes]


def codes(bad):
    """The code of each bad row."""
    return {row: found.findings[0].code for row, found in bad.items()}


def test_rows_are_numbered_and_missing_values_are_null():
    """Numbers begin at the first row after the header; quoted or not, NA and nothing are missing."""
    good, bad, _ = read('a,b\n1,x\n"NA",\n3,"y, ""z""\nw"\n')
    assert good == [(1, "1", "x"), (2, None, None), (3, "3", 'y, "z"\nw')]
    assert not bad


def test_a_ragged_row_is_set_aside_and_its_neighbours_keep_their_numbers():
    """A row too short or too long is named with its bytes; rows after it are numbered as in the file."""
    good, bad, _ = read("a,b\n1,x\n2\n3,y\n4,z,!\n5,w\n")
    assert [row[0] for row in good] == [1, 3, 5]
    assert codes(bad) == {2: "missing-cell", 4: "extra-cell"}
    assert bad[4].original == b"4,z,!"
    assert bad[4].findings[0].note == "3 cells instead of 2"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'x"y,1', "a quote or escape inside a cell, at byte 2"),
        (b'"x"y,1', "text after a closing quote, at byte 4"),
        (b'1,"x', "the quote opened at byte 3 of the row is not closed"),
        (b'"', "the quote opened at byte 1"),
    ],
)
def test_a_badly_quoted_row_is_set_aside_alone(line, said):
    """A quote out of place harms the row it stands in and no other, and is told by its place."""
    good, bad, _ = read(b"a,b\n1,x\n" + line + b'\n3,y\n"4","z"\n')
    assert good == [(1, "1", "x"), (3, "3", "y"), (4, "4", "z")]
    assert codes(bad) == {2: "source-error"}
    assert bad[2].original == line
    assert said in bad[2].findings[0].note


def test_an_unclosed_quote_does_not_swallow_what_follows():
    """A record that spans lines and has another number of cells is an unclosed quote: its first line is set aside."""
    good, bad, _ = read('a,b\n1,"x\n2,y\n3,"z"\n4,"u\nv"\n')
    assert good == [(2, "2", "y"), (3, "3", "z"), (4, "4", "u\nv")]
    assert bad[1].original == b'1,"x'


@pytest.mark.parametrize("block_bytes", [1, 2, 3, 7, 16, 64])
def test_rows_do_not_depend_on_where_blocks_end(block_bytes):
    """However a file falls into blocks, each row is numbered once, and good or bad as before."""
    lines = [f"{n}" if n % 7 == 0 else f'{n},"x\r\n""y"' if n % 5 == 0 else f"{n},é" for n in range(1, 101)]
    lines[49] = 'x"'
    data = "a,b\r\n" + "\r\n".join(lines) + "\r\n"
    whole, parts = read(data), read(data, sizes=Sizes(block_bytes, 256))
    assert parts == whole
    assert codes(whole[1]) == {n: "source-error" if n == 50 else "missing-cell" for n in (*range(7, 101, 7), 50)}


def test_batches_hold_a_bounded_number_of_rows():
    """Rows of a large block come in several batches, each bad row in the batch of its neighbours."""
    from poc.formats.csv_reader import CsvFormat
    from poc.formats.table_reader import TableReader

    lines = [f"{n}" if n in {2, 5, 9, 10} else f"{n},x" for n in range(1, 11)]
    small = TableReader(feed(), CsvFormat(feed(), Agreed()), batch_rows=3)
    batches = list(small.read(io.BytesIO(("a,b\n" + "\n".join(lines)).encode())))
    assert [batch.rows[ROW].to_list() for batch in batches] == [[1, 3], [4, 6], [7, 8], []]
    assert [[bad.row for bad in batch.rejected] for batch in batches] == [[2], [5], [9], [10]]
    assert batches[2].lines.original(7) == b"7,x"
    with pytest.raises(KeyError):
        batches[1].lines.original(11)


@pytest.mark.parametrize(
    ("way", "line"),
    [("csv", b'"\n'), ("csv", b"x\n"), ("csv", b"x\r\n"), ("csv", b"\xff\n"), ("jsonl", b"{\n")],
    ids=["quote", "short", "short crlf", "undecodable", "not json"],
)
def test_very_many_bad_rows_come_a_few_at_a_time(way, line):
    """However short they are, neither a batch nor the block behind it holds so many that they fill memory."""
    many = 70_000
    data = (b"a,b\n" if way == "csv" else b"") + line * many
    seen = 0
    for batch in make_reader(feed(format=way), Agreed()).read(io.BytesIO(data)):
        assert len(batch.rejected) <= 8192
        assert len(batch.lines.block.spans()[0]) <= 65_536
        assert [bad.row for bad in batch.rejected] == list(range(seen + 1, seen + len(batch.rejected) + 1))
        seen += len(batch.rejected)
    assert seen == many


def test_good_rows_among_very_many_bad_ones_keep_their_order():
    """Every batch goes on where the one before ended, whichever rows are bad."""
    many = 60_000
    lines = [b"x" if n % 3 else b"%d,y" % n for n in range(1, many + 1)]
    seen = []
    for batch in make_reader(feed(), Agreed()).read(io.BytesIO(b"a,b\n" + b"\n".join(lines))):
        here = sorted([*batch.rows[ROW], *(bad.row for bad in batch.rejected)])
        assert here == list(range(len(seen) + 1, len(seen) + len(here) + 1))
        assert all(row % 3 == 0 for row in batch.rows[ROW])
        seen += here
    assert len(seen) == many


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_block_of_very_many_lines_is_cut_between_rows(end):
    """Lines of a letter each, more than a block may have, and line ends inside quotes are rows as in any file."""
    one = Agreed(names=("a",))
    good, bad, _ = read("a" + end + ("x" + end) * 150_000, one)
    assert [len(good), good[-1], bad] == [150_000, (150_000, "x"), {}]
    cell = "y" + end * 100_000
    good, bad, _ = read("a" + end + f'x{end}"{cell}"{end}' * 3, one)
    assert (good, bad) == ([(n, "x" if n % 2 else cell) for n in range(1, 7)], {})


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_byte_order_mark_and_any_line_end_are_read(end):
    """What other systems put into files does not change the rows."""
    good, bad, _ = read("\ufeffa,b" + end + "1,x" + end + end + '2,"y"' + end)
    assert good == [(1, "1", "x"), (2, "2", "y")]
    assert not bad


@pytest.mark.parametrize(
    ("line_end", "end", "other"), [("lf", "\n", "\r\n"), ("crlf", "\r\n", "\n"), ("cr", "\r", "\r\n")]
)
def test_a_row_with_another_line_end_than_declared_is_set_aside(line_end, end, other):
    """Where the line end is declared, a row that ends otherwise is named for it, and only that row."""
    good, bad, _ = read(end.join(("a,b", "1,x", "2,y" + other + "3,z", "")), line_end=line_end)
    assert good == [(1, "1", "x"), (3, "3", "z")]
    assert codes(bad) == {2: "source-error"}
    assert "the line ends with" in bad[2].findings[0].note or "a stray CR" in bad[2].findings[0].note


@pytest.mark.parametrize(
    ("encoding", "good", "wrong"),
    [
        ("utf-8", "é€".encode(), b"\xe9"),
        ("ascii", b"e", b"\xe9"),
        ("cp1252", "é€".encode("cp1252"), b"\x81"),
        ("latin-1", "é".encode("latin-1"), None),
        ("iso-8859-15", "é€".encode("iso-8859-15"), None),
    ],
)
def test_a_row_in_another_encoding_is_set_aside_alone(encoding, good, wrong):
    """Letters are read as declared; bytes that are none harm only their row, and are kept."""
    rows, bad, _ = read(b"a,b\n1," + good + b"\n2," + (wrong or b"") + b'\n3,"' + good + b'"\n', encoding=encoding)
    text = good.decode(encoding)
    assert rows == [(1, "1", text), *([(2, "2", None)] if wrong is None else []), (3, "3", text)]
    if wrong is not None:
        assert codes(bad) == {2: "encoding-error"}
        assert bad[2].original == b"2," + wrong
        assert f"not {encoding}: byte 0x{wrong.hex()} at position 3" in bad[2].findings[0].note


@pytest.mark.parametrize(
    ("codec", "mark"), [("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff"), ("utf-16-le", b"")]
)
def test_utf16_is_read_and_its_rows_are_kept_as_they_came(codec, mark):
    """Either byte order is read; half a letter, or half a unit at the end, is set aside with the bytes of the file."""
    rows = [
        "1,é😀".encode(codec),
        "2,".encode(codec) + "\ud800".encode(codec, "surrogatepass"),
        "3,x".encode(codec) + b"!",
    ]
    data = mark + "a,b\n".encode(codec) + "\n".encode(codec).join(rows)
    for size in (1, 2, 3, 4096):
        good, bad, _ = read(data, sizes=Sizes(size, 4096), encoding="utf-16")
        assert good == [(1, "1", "é😀")]
        assert codes(bad) == {2: "encoding-error", 3: "encoding-error"}
    kept = make_reader(feed(encoding="utf-16"), Agreed())
    assert [row for _, row in kept.rows(io.BytesIO(data))] == rows
    head = kept.head(io.BytesIO(data))
    assert b"".join(kept.rebuild(head, rows[:2])) == mark + "a,b\n".encode(codec) + b"".join(
        row + "\n".encode(codec) for row in rows[:2]
    )


def test_the_dialect_is_what_the_feed_says():
    """Delimiter, quote, escape, preamble, null texts, and no header: nothing is guessed."""
    assert read("#1\n#,2\na;b\n1;'x;''y'\n", delimiter=";", quote="'", preamble_lines=2)[0] == [(1, "1", "x;'y")]
    assert read('1,"x\\"\\\\,y"\n2,z\\,\\"\n', escape="\\", header=False)[0] == [(1, "1", 'x"\\,y'), (2, "2", 'z,"')]
    assert read('a|b\n"1"|-\n', delimiter="|", quote="", nulls=("-",))[0] == [(1, '"1"', None)]


def test_fields_may_have_missing_values_of_their_own():
    """They then stand alone for that field, beside what the dialect calls null everywhere."""
    agreed = Agreed(field_missing={"b": ("-",)})
    good, _, _ = read("a,b\nNA,NA\n-,-\n?,?\n", agreed, nulls=("?",))
    assert good == [(1, None, "NA"), (2, "-", None), (3, None, None)]


@pytest.mark.parametrize(
    ("header", "code", "said"),
    [
        ("a", "missing-label", "lacks b"),
        ("a,b,c", "extra-label", "has c"),
        ("b,a", "incorrect-label", "order is b, a"),
        ("a,bb", "incorrect-label", "column 2 is 'bb' instead of 'b'; it was probably renamed"),
        ("a,a", "duplicate-label", "label 'a' occurs 2 times, in columns 1, 2"),
        ("a,", "blank-label", "column 2 has no label"),
        ("", "source-error", "the file is empty"),
        ("a\xff,b", "encoding-error", "the header is not utf-8"),
        ('a,"b', "source-error", "the header cannot be read: badly quoted"),
    ],
)
@pytest.mark.parametrize("on_drift", ["refuse", "quarantine"])
def test_another_header_is_named_once(header, code, said, on_drift):
    """A header that is not the contract's is one breach of the file, not one a row."""
    with pytest.raises(ContractBreach, match=said) as caught:
        read(f"{header}\n1,2\n".encode("latin-1") if header else "", on_drift=on_drift)
    assert caught.value.code == code


def test_extra_columns_may_be_accepted():
    """They are read over and noted once; other drift still refuses."""
    good, bad, notes = read("a,c,b\n1,!,x\n2,y\n", on_drift="accept-extra")
    assert good == [(1, "1", "x")]
    assert codes(bad) == {2: "missing-cell"}
    assert [(note.row, note.code, note.field) for note in notes] == [(0, "extra-label", "c")]
    assert read("a,c,b\n", on_drift="accept-extra")[2] == notes
    for header in ("b,c,a", "a,c", "a,a,b"):
        with pytest.raises(ContractBreach):
            read(header + "\n", on_drift="accept-extra")


@pytest.mark.parametrize(
    ("match", "header", "wanted"),
    [
        ("equal", "b,a", [(1, "2", "1")]),
        ("equal", "b,a,c", "extra-label"),
        ("equal", "b", "missing-label"),
        ("subset", "c,b,a", [(1, "3", "2")]),
        ("subset", "c,b", "incorrect-label"),
        ("superset", "b", [(1, None, "1")]),
        ("superset", "b,c", "extra-label"),
        ("partial", "c,b", [(1, None, "2")]),
        ("partial", "c,d", "missing-label"),
    ],
)
def test_fields_match_as_the_contract_says(match, header, wanted):
    """Columns are put in order, filled in or read over as `fieldsMatch` allows, and refused where it does not."""
    row = ",".join(str(n) for n, _ in enumerate(header.split(","), 1))
    data = f"{header}\n{row}\n"
    if isinstance(wanted, list):
        assert read(data, Agreed(fields_match=match)) == (wanted, {}, [])
    else:
        with pytest.raises(ContractBreach) as caught:
            read(data, Agreed(fields_match=match))
        assert caught.value.code == wanted


@pytest.mark.parametrize("data", ["a,b", "a,b\n", "\n\na,b\r\n\r\n\n"])
def test_a_header_alone_is_a_file_of_no_rows(data):
    """A header and nothing else is whole; blank lines are no rows."""
    assert read(data) == ([], {}, [])


def test_a_file_of_only_a_preamble_has_no_header():
    """It is refused; one that needs no header is a file of no rows."""
    with pytest.raises(ContractBreach, match="ends before its header"):
        read("x\ny\n", preamble_lines=2)
    assert read("x\ny\n", preamble_lines=2, header=False) == ([], {}, [])
    assert read("", header=False) == ([], {}, [])


def test_a_blank_line_is_no_row_even_of_one_column():
    """A single empty cell is written with quotes, as by others; reading and counting agree."""
    one = Agreed(names=("a",))
    assert read('a\n1\n\n""\n2\n', one)[0] == [(1, "1"), (2, None), (3, "2")]
    rows = make_reader(feed(), one).rows(io.BytesIO(b'a\n1\n\n""\n2\n'))
    assert list(rows) == [(1, b"1"), (2, b'""'), (3, b"2")]


def test_a_row_has_a_mebibyte_at_the_most():
    """A cell of almost that is read; a longer line is set aside in pieces, whole, and its end is no row of its own."""
    most = "x" * ((1 << 20) - 4)
    good, bad, _ = read(f'a,b\n1,{most}\n2,"x"\n3,"{most[2:]}"\n4,y\n')
    assert [row[0] for row in good] == [1, 2, 3, 4]
    assert not bad
    line = f"1,{most}{most},2"
    good, bad, _ = read(f"a,b\n{line}\n4,y\n")
    assert good == [(3, "4", "y")]
    assert b"".join(bad[row].original for row in (1, 2)).decode() == line


def test_a_quote_that_never_closes_costs_no_more_than_its_line():
    """Nor do thousands of them: time grows with the file, not with its square."""
    lines = ['1,"x', "2,y"] * 20_000
    good, bad, _ = read("a,b\n" + "\n".join(lines) + "\n", sizes=Sizes(1 << 16, 1 << 20))
    assert (len(good), len(bad)) == (20_000, 20_000)


def test_rows_are_counted_whatever_is_wrong_with_the_header():
    """A refused file still gives all its rows, with their bytes."""
    kept = make_reader(feed(), Agreed())
    for header in (b"a,c\n", b'"a\n', b"\xff,\n", b"a,b,c,d\n"):
        assert list(kept.rows(io.BytesIO(header + b"1,2\nx\xff\n\n3"))) == [(1, b"1,2"), (2, b"x\xff"), (3, b"3")]


def test_rows_of_a_damaged_archive_end_with_the_damage_told():
    """Those before it are given; that there are more is never passed over in silence."""
    data = b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(400_000))
    packed = gzip.compress(data)
    given: list[int] = []
    with pytest.raises(ContractBreach, match="cut off") as caught:
        given.extend(
            row for row, _ in make_reader(feed(compression="gzip"), Agreed()).rows(io.BytesIO(packed[:-400_000]))
        )
    assert caught.value.code == "compression-error"
    assert given == list(range(1, len(given) + 1))
    assert 100_000 < len(given) < 400_000


def test_a_header_of_very_many_labels_is_judged_at_once():
    """Time grows with the labels, not with their square, and no finding is longer than a sentence."""
    began = time.process_time()
    for label in ("c{}", "", "c", "x" * 500 + "{}"):
        with pytest.raises(SchemaDrift) as caught:
            read(",".join(label.format(n) for n in range(30_000)) + "\n")
        assert len(caught.value.findings) <= 103
        assert all(len(told.note) < 2000 and len(told.field) <= 80 for told in caught.value.findings)
    assert time.process_time() - began < 10  # the square took minutes


def test_a_file_can_be_made_again_of_its_head_and_rows():
    """Head and rows are the bytes of the file; the line ends are as the header's."""
    data = b'\xef\xbb\xbf# made by hand\r\na,b\r\n1,x\r\n2,"y\nz"\r\n'
    kept = make_reader(feed(preamble_lines=1), Agreed())
    head, rows = kept.head(io.BytesIO(data)), [row for _, row in kept.rows(io.BytesIO(data))]
    assert b"".join(kept.rebuild(head, rows)) == data
    bare = make_reader(feed(header=False), Agreed())
    assert b"".join(bare.rebuild(b"\xef\xbb\xbf", rows)) == b'\xef\xbb\xbf1,x\n2,"y\nz"\n'
    assert b"".join(kept.rebuild(b"a,b", rows[:1])) == b"a,b\n1,x\n"


def test_a_byte_order_mark_inside_a_file_is_a_letter():
    """Only at a file's start is it none, wherever blocks begin."""
    good, _, _ = read("a,b\n\ufeff1,\ufeff\n\ufeff2,x\n", sizes=Sizes(8, 64))
    assert good == [(1, "\ufeff1", "\ufeff"), (2, "\ufeff2", "x")]


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
def test_csv_spectrum_is_read_as_its_authors_say(name):
    """Each file gives the records that its authors wrote down."""
    wanted = json.loads((SPECTRUM / "json" / f"{name}.json").read_text(encoding="utf-8"))
    names = tuple(wanted[0])
    good, bad, _ = read((SPECTRUM / "csvs" / f"{name}.csv").read_bytes(), Agreed(names=names, missing_values=()))
    assert [dict(zip(names, row[1:], strict=True)) for row in good] == wanted
    assert not bad
