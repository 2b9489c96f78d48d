"""Properties of readers for any bytes: no crash, every byte accounted for, and agreement with Python's csv module."""

import csv
import io
from dataclasses import dataclass, field

from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from poc.batch import ROW
from poc.config.formats.dialect import Dialect
from poc.config.partner import Feed
from poc.errors import ContractBreach
from poc.formats.encodings import file_codec
from poc.formats.record_splitter import Sizes
from poc.formats.registry import make_reader

#: Bytes that matter to structure, often; any byte, sometimes.
SOUP = st.lists(
    st.sampled_from([b"a", b"1", b",", b'"', b"\\", b"\n", b"\r", b"\r\n", b'""', b",", b"a,b\n", b"\xe9", b"\xc3\xa9",
                     b"\0", b"\xef\xbb\xbf", b'{"a":"x"}\n', b"{", b"}", b"\n\n", b"x" * 40])
    | st.binary(min_size=1, max_size=3),
    max_size=40,
).map(b"".join)  # fmt: skip

DIALECTS = st.builds(
    Dialect,
    encoding=st.sampled_from(["utf-8", "ascii", "latin-1", "cp1252", "utf-16", "utf-32", "shift_jis", "gb18030",
                              "cp037", "iso2022_jp", "utf-7", "hz", "shift_jis_2004"]),
    delimiter=st.sampled_from([",", "a", ", ", "||", "a,"]),
    quote=st.sampled_from(['"', "", "1"]),
    escape=st.sampled_from(["", "\\"]),
    header=st.booleans(),
    preamble_lines=st.integers(0, 2),
    line_end=st.sampled_from(["any", "lf", "crlf", "cr"]),
)  # fmt: skip

#: Any values for the parts of a dialect, most of which do not go together.
SIGNS = st.sampled_from([chr(code) for code in range(128)]) | st.characters(exclude_categories=("Cs",))
ANY_DIALECT = st.fixed_dictionaries({
    "encoding": st.sampled_from(["utf-8", "latin-1", "utf-16", "big5", "cp037", "euc_kr", "rot13", "\0"]),
    "delimiter": st.text(SIGNS, min_size=1, max_size=3), "quote": SIGNS | st.just(""), "escape": SIGNS | st.just(""),
    "header": st.booleans(), "line_end": st.sampled_from(["any", "lf", "crlf", "cr"]),
})  # fmt: skip
#: A row may be longer than what stands for one character that cannot be decoded, up to 33 bytes.
SIZES = st.builds(Sizes, block_bytes=st.sampled_from([1, 3, 8, 64, 4096]), record_bytes=st.sampled_from([40, 64, 4096]))


@dataclass(frozen=True)
class Fields:
    """The parts of a contract that a reader needs."""

    names: tuple[str, ...] = ("a", "b")
    missing_values: tuple[str, ...] = ()
    types: dict[str, str] = field(default_factory=dict)
    field_missing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    decimal_chars: dict[str, str] = field(default_factory=dict)
    group_chars: dict[str, str] = field(default_factory=dict)
    boolean_texts: dict[str, tuple[str, str]] = field(default_factory=dict)
    fields_match: str = "partial"


def feed_of(dialect, file_format="csv"):
    """A feed of one dialect."""
    return Feed(contract="c", map=({"to": "x", "from": "a"},), dialect=dialect, format=file_format)


def after_line_ends(data, places, ends):
    """The positions that are reached from others by any number of line ends."""
    reached, pending = set(), list(places)
    while pending:
        at = pending.pop()
        if at not in reached:
            reached.add(at)
            pending += [at + len(end) for end in ends if data.startswith(end, at)]
    return reached


def check_bytes(data, feed, sizes, names=("a", "b")):
    """Compare what `read` and `rows` return with the bytes of a file."""
    reader = make_reader(feed, Fields(names), sizes)
    listed = list(reader.rows(io.BytesIO(data)))
    rows = [row for _, row in listed]
    assert [number for number, _ in listed] == list(range(1, len(rows) + 1))
    # the file consists of head, rows, and nothing but line ends between them
    head = reader.head(io.BytesIO(data))
    ends = [end.encode(file_codec(feed.dialect.encoding, head)) for end in "\r\n"]
    assert data.startswith(head)
    places = after_line_ends(data, {len(head)}, ends)
    for row in rows:
        places = after_line_ends(data, {at + len(row) for at in places if data.startswith(row, at)}, ends)
    assert len(data) in places
    try:
        batches = list(reader.read(io.BytesIO(data)))
    except ContractBreach:
        return
    valid = [number for batch in batches for number in batch.rows[ROW]]
    rejected = {row.row: row.original for batch in batches for row in batch.rejected}
    assert sorted([*valid, *rejected]) == list(range(1, len(rows) + 1))
    assert all(original == rows[number - 1] for number, original in rejected.items())
    for batch in batches:
        for number in batch.rows[ROW]:
            assert batch.lines.original(number) == rows[number - 1]


@given(data=SOUP, dialect=DIALECTS, sizes=SIZES, names=st.sampled_from([("a",), ("a", "b")]))
@settings(max_examples=400, deadline=None)
@example(b"\xef\xbb\xbfa,b\n\xef\xbb\xbf1,2\n", Dialect(), Sizes(8, 64), ("a", "b"))
def test_any_bytes_as_csv_are_accounted_for(data, dialect, sizes, names):
    """No crash; valid and rejected rows, head and line ends are the file, byte for byte."""
    check_bytes(data, feed_of(dialect), sizes, names)


@given(data=SOUP, keys=ANY_DIALECT, table=st.lists(st.tuples(SIGNS, SIGNS), max_size=4))
@settings(max_examples=500, deadline=None)
@example(b"", {"escape": "\0"}, [])
@example(b"", {"quote": "\0"}, [])
@example(b"", {"delimiter": "\0"}, [])
def test_any_dialect_that_validates_runs(data, keys, table):
    """A dialect is refused where it is written, or else reads any file: bytes at random, and cells of its own signs."""
    try:
        dialect = Dialect(**keys)
    except ValidationError:
        return
    check_bytes(data, feed_of(dialect), Sizes())
    written = "".join(one + dialect.delimiter + dialect.quote + other + dialect.quote + "\n" for one, other in table)
    check_bytes(written.encode(dialect.encoding, "replace"), feed_of(dialect), Sizes())


@given(data=SOUP, sizes=SIZES, encoding=st.sampled_from(["utf-8", "latin-1", "utf-16"]))
@settings(max_examples=300, deadline=None)
def test_any_bytes_as_json_lines_are_accounted_for(data, sizes, encoding):
    """No crash; valid and rejected lines, head and line ends are the file, byte for byte."""
    check_bytes(data, feed_of(Dialect(encoding=encoding), "jsonl"), sizes)


@given(data=SOUP, sizes=SIZES, dialect=DIALECTS)
@settings(max_examples=300, deadline=None)
def test_rows_do_not_depend_on_where_blocks_end(data, sizes, dialect):
    """A file has the same rows in blocks of any size as in one block."""
    feed = feed_of(dialect)
    parts = make_reader(feed, Fields(), sizes)
    whole = make_reader(feed, Fields(), Sizes(1 << 16, sizes.record_bytes))
    assert list(parts.rows(io.BytesIO(data))) == list(whole.rows(io.BytesIO(data)))


TEXTS = st.text(st.characters(exclude_categories=("Cs",)) | st.sampled_from("\",;|\\\r\n '\ufeff"), max_size=6)


@given(
    table=st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(TEXTS, min_size=width, max_size=width), min_size=1, max_size=12)
    ),
    delimiter=st.sampled_from(",;|\t"),
    quote=st.sampled_from("\"'"),
    escape=st.sampled_from(["", "\\"]),
    end=st.sampled_from([("any", "\n"), ("any", "\r\n"), ("any", "\r"), ("lf", "\n"), ("crlf", "\r\n"), ("cr", "\r")]),
    encoding=st.sampled_from(["utf-8", "utf-16"]),
    sizes=st.builds(Sizes, block_bytes=st.sampled_from([1, 5, 64, 4096])),
)
@settings(max_examples=300, deadline=None)
def test_tables_that_python_writes_are_read_unchanged(table, delimiter, quote, escape, end, encoding, sizes):
    """Any well-formed table in any dialect gives all its cells, unchanged."""
    line_end, written_end = end
    file = io.StringIO(newline="")
    csv.writer(
        file,
        delimiter=delimiter,
        quotechar=quote,
        doublequote=not escape,
        escapechar=escape or None,
        lineterminator=written_end,
        quoting=csv.QUOTE_ALL,
    ).writerows(table)
    dialect = Dialect(
        delimiter=delimiter, quote=quote, escape=escape, line_end=line_end, encoding=encoding, header=False
    )
    names = tuple("abcd"[: len(table[0])])
    data = file.getvalue().encode("utf-16" if encoding == "utf-16" else "utf-8")
    batches = list(make_reader(feed_of(dialect), Fields(names=names), sizes).read(io.BytesIO(data)))
    assert [row for batch in batches for row in batch.rejected] == []
    assert [list(row[1:]) for batch in batches for row in batch.rows.rows()] == table


@given(rows=st.lists(st.lists(st.text('ab ,"\n', max_size=4), min_size=2, max_size=2), max_size=10))
@settings(max_examples=300, deadline=None)
def test_minimal_quoting_is_read_as_python_reads_it(rows):
    """Python's reader and ours agree on what Python writes by default."""
    file = io.StringIO(newline="")
    csv.writer(file).writerows([["a", "b"], *rows])
    file.seek(0)
    wanted = list(csv.reader(file))[1:]
    batches = list(make_reader(feed_of(Dialect()), Fields()).read(io.BytesIO(file.getvalue().encode())))
    assert [list(row[1:]) for batch in batches for row in batch.rows.rows()] == wanted
