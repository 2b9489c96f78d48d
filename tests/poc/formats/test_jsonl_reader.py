"""Reading JSON Lines, and writing rows as JSON Lines and CSV."""

import datetime as dt
import io
import json
import time
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest

from poc.batch import ROW
from poc.config.partner import Dialect, Feed
from poc.formats.header import SchemaDrift
from poc.formats.record_splitter import Sizes
from poc.formats.registry import make_encoder, make_reader

SUITES = Path(__file__).parents[4] / "shared" / "suites"
CASES = sorted((SUITES / "json-test-suite" / "test_parsing").glob("*.json"))
NAUGHTY = SUITES / "naughty-strings" / "blns.json"


@dataclass(frozen=True)
class Agreed:
    """As much of a contract as a reader asks for."""

    names: tuple[str, ...] = ("a", "b")
    missing_values: tuple[str, ...] = ("",)
    types: dict[str, str] = field(default_factory=lambda: {"a": "string", "b": "integer"})
    field_missing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    fields_match: str = "exact"


def feed(**told):
    """A feed of JSON Lines unless told otherwise."""
    return Feed(**{"contract": "c", "map": ({"to": "x", "from": "a"},), "format": "jsonl", **told})


def read(data, agreed=None, sizes=None, **told):
    """(good rows with their numbers, bad rows by number, notes) of a file."""
    raw = data if isinstance(data, bytes) else data.encode()
    batches = list(make_reader(feed(**told), agreed or Agreed(), sizes).read(io.BytesIO(raw)))
    good = [row for batch in batches for row in batch.rows.rows()]
    return good, {bad.row: bad for b in batches for bad in b.rejected}, [note for b in batches for note in b.notes]


def told(bad):
    """(code, field) of everything found in each bad row."""
    return {row: [(found.code, found.field) for found in one.findings] for row, one in bad.items()}


def test_values_become_text_as_they_are_written():
    """Numbers keep every digit, keys come in any order, an absent key is null, and blank lines are no rows."""
    lines = ['{"a":"x","b":1}', "", '{"b":123456789012345678901234567890}', '{"b":-1.50E+3,"a":null}', '{"b":true}']
    good, bad, _ = read("\ufeff" + "\r\n".join(lines) + "\r\n")
    assert good == [
        (1, "x", "1"), (2, None, "123456789012345678901234567890"), (3, None, "-1.50E+3"), (4, None, "true")
    ]  # fmt: skip
    assert not bad


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (b"{", "source-error", "not JSON: Expecting property name"),
        (b"[1]", "source-error", "an array, not an object"),
        (b"null", "source-error", "null, not an object"),
        (b" ", "source-error", "not JSON: Expecting value"),
        (b'{"b":NaN}', "source-error", "NaN is no JSON value"),
        (b'{"b":-Infinity}', "source-error", "-Infinity is no JSON value"),
        (b'{"a":"\\ud800"}', "source-error", "half a character"),
        (b'{"a":"x","a":"y"}', "source-error", "the key 'a' occurs twice"),
        (b'{"a":"\xff"}', "encoding-error", "byte 0xff at position 7"),
        (b'{"a":' + b"[" * 100_000, "source-error", "nested too deep"),
        (b'{"a":1}', "type-error", "1 is a number, not of type string"),
        (b'{"a":false}', "type-error", "false is a boolean, not of type string"),
        (b'{"b":[1]}', "type-error", "it is an array, not of type integer"),
        (b'{"c":1}', "extra-cell", "the key 'c' is not in the contract"),
    ],
)
def test_a_line_that_is_wrong_is_set_aside_alone(line, code, said):
    """With its bytes and a sentence; the lines around it are delivered."""
    good, bad, _ = read(b'{"a":"x"}\n' + line + b'\n{"a":"y"}')
    assert [row[:2] for row in good] == [(1, "x"), (3, "y")]
    assert [(one.row, one.original) for one in bad.values()] == [(2, line)]
    assert [found.code for found in bad[2].findings] == [code]
    assert said in bad[2].findings[0].note


def test_everything_that_is_wrong_with_a_line_is_named():
    """A row of three faults has three findings."""
    _, bad, _ = read('{"a":"x"}\n{"a":1,"b":{},"c":1}\n')
    assert told(bad) == {2: [("extra-cell", ""), ("type-error", "a"), ("type-error", "b")]}


def test_keys_beyond_the_contract_may_be_accepted():
    """They are noted once a file where the feed accepts them, and not at all where the contract does."""
    good, bad, notes = read('{"a":"x","b":1,"c":1}\n{"c":2}\n', on_drift="accept-extra")
    assert (len(good), bad, [(note.row, note.field) for note in notes]) == (2, {}, [(0, "c")])
    assert read('{"a":"x","b":1,"c":1}\n', Agreed(fields_match="subset")) == ([(1, "x", "1")], {}, [])


@pytest.mark.parametrize(
    ("first", "code", "said"),
    [
        ('{"a":"x","c":1}', "incorrect-label", "has 'c' instead of 'b'; it was probably renamed"),
        ('{"a":"x","c":1,"b":2}', "extra-label", "has c, which the contract does not know"),
        ('{"a":"x","c":1,"d":2}', "extra-label", "has c, d, which the contract does not know; it lacks b"),
        ('{"b":1}', "missing-label", "lacks a; the first record has b"),
        ("{}", "missing-label", "lacks a"),
    ],
)
@pytest.mark.parametrize("before", ["", "{\n[1]\n"], ids=["at once", "after broken lines"])
def test_a_first_record_with_other_keys_is_drift(first, code, said, before):
    """It is one breach of the file, not one a row; keys out of order are none, and later records are not asked."""
    agreed = Agreed(required=("a",))
    with pytest.raises(SchemaDrift, match=said) as caught:
        read(before + f"{first}\n" * 100, agreed)
    assert caught.value.code == code
    good, bad, notes = read(f'{before}{{"b":1,"a":"x"}}\n{first}\n', agreed)
    assert good[0][1:] == ("x", "1")
    assert len(good) + len(bad) == 2 + before.count("\n")
    assert notes == []


def test_some_rows_of_a_file_are_each_judged_alone():
    """Where no whole file is read, the first row is a row like any other, and what is wrong with it is its own."""
    file = io.BytesIO(b'{"a":"x","c":1}\n{"a":"x"}\n{"b":2}\n')
    (batch,) = make_reader(feed(), Agreed(required=("a",)), whole=False).read(file)
    assert (batch.rows.rows(), batch.notes) == ([(2, "x", None), (3, None, "2")], ())
    assert told({bad.row: bad for bad in batch.rejected}) == {1: [("extra-cell", "")]}


@pytest.mark.parametrize(
    ("match", "first", "code"),
    [
        ("equal", '{"c":1,"a":"x","b":1}', "extra-label"),
        ("subset", '{"c":1,"a":"x","b":1}', None),
        ("subset", '{"c":1,"b":1}', "incorrect-label"),
        ("subset", '{"b":1}', "missing-label"),
        ("superset", '{"b":1}', None),
        ("superset", '{"b":1,"c":1}', "extra-label"),
        ("partial", '{"b":1,"c":1}', None),
        ("partial", '{"c":1,"d":1}', "missing-label"),
    ],
)
def test_fields_match_as_the_contract_says(match, first, code):
    """Keys may be more or fewer as `fieldsMatch` allows, and are drift where it does not."""
    agreed = Agreed(fields_match=match, required=("a",))
    if code is None:
        assert len(read(first, agreed)[0]) == 1
    else:
        with pytest.raises(SchemaDrift) as caught:
            read(first, agreed)
        assert caught.value.code == code


def test_accept_extra_takes_keys_beyond_and_nothing_else():
    """A renamed key, and a record without a required one, are drift all the same."""
    agreed = Agreed(required=("a",))
    for first in ('{"c":"x","b":1}', '{"b":1,"c":1,"d":1}', '{"a":"x","c":1}'):
        with pytest.raises(SchemaDrift):
            read(first, agreed, on_drift="accept-extra")


def test_a_field_that_no_record_has_is_noted():
    """A record may lack the key of an empty value; where all of them do, that is told once a file."""
    lines = '{"a":"x"}\n' * 3
    assert [(note.code, note.field) for note in read(lines)[2]] == [("missing-label", "b")]
    assert read(lines + '{"a":"x","b":null}\n')[2] == []
    assert read(lines, Agreed(fields_match="superset"))[2] == []


def test_a_record_of_very_many_keys_is_judged_at_once():
    """A key that stands twice is found in time that grows with the keys, not with their square."""
    pairs = ",".join(f'"k{n}":1' for n in range(40_000))
    began = time.process_time()
    _, bad, _ = read(f'{{"a":"x"}}\n{{{pairs},"k39999":1}}\n')
    assert "the key 'k39999' occurs twice" in bad[2].findings[0].note
    assert time.process_time() - began < 5  # the square took a minute


def test_what_is_shown_of_a_long_value_is_its_beginning():
    """A cell, a key and a number of any length leave a short sentence."""
    long = "9" * 50_000
    for line in (f'{{"a":{long}}}', f'{{"b":["{long}"]}}', f'{{"{long}":1}}', f'{{"{long}":1,"{long}":1}}'):
        _, bad, _ = read(f'{{"a":"x"}}\n{line}\n')
        (note,) = [told.note for told in bad[2].findings]
        assert "…" in note or "it is an array" in note
        assert len(note) < 200
    assert max(len(note.field) for note in read(f'{{"a":"x","{long}":1,"b":1}}', on_drift="accept-extra")[2]) == 80


def test_missing_values_are_null():
    """Those of the contract, of a field, and of the feed's dialect."""
    good, _, _ = read(
        '{"a":"","b":"-"}\n{"a":"-","b":"?"}\n', Agreed(field_missing={"b": ("-",)}), dialect=Dialect(nulls=("?",))
    )
    assert good == [(1, None, None), (2, "-", None)]


@pytest.mark.parametrize("block_bytes", [1, 5, 64])
def test_lines_do_not_depend_on_where_blocks_end(block_bytes):
    """However a file falls into blocks, each line is numbered once."""
    lines = ["{" if n % 9 == 0 else json.dumps({"a": f"é{n}", "b": n}, ensure_ascii=False) for n in range(1, 60)]
    data = "\r\n".join(lines)
    assert read(data, sizes=Sizes(block_bytes, 64)) == read(data)
    assert len(read(data)[0]) == 53


def test_an_empty_file_has_no_rows():
    """Nothing is a whole file of JSON Lines; so are blank lines."""
    assert read("") == ([], {}, [])
    assert read("\n\r\n") == ([], {}, [])


@pytest.mark.skipif(not CASES, reason="the shared test material (json-test-suite) is not beside the repository")
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_json_test_suite(path):
    """Exactly the bad line is set aside; its neighbours are delivered, and what JSON allows is never called broken."""
    text = path.read_bytes().replace(b"\r", b" ").replace(b"\n", b" ")
    if not text:
        text = b" "  # an empty line would be no row
    good, bad, _ = read(b'{"a":"before"}\n' + text + b'\n{"a":"after"}\n')
    assert (good[0], good[-1]) == ((1, "before", None), (3, "after", None))
    assert sorted([row[0] for row in good] + list(bad)) == [1, 2, 3]
    if path.name.startswith("n_"):
        assert bad[2].findings[0].code in {"source-error", "encoding-error"}
    if path.name.startswith("y_") and "duplicated" not in path.name:  # a key that stands twice would lose a value
        _, bad, _ = read(b'{"b":' + text + b"}\n", Agreed(types={"a": "string", "b": "any"}))
        assert all(found.code == "type-error" for one in bad.values() for found in one.findings)


@pytest.mark.skipif(
    not NAUGHTY.is_file(), reason="the shared test material (naughty-strings) is not beside the repository"
)
@pytest.mark.parametrize("out", ["jsonl", "csv"])
@pytest.mark.parametrize("way", ["jsonl", "csv"])
def test_naughty_strings_pass_unchanged(way, out):
    """Hostile texts, written by Python, read by us, written by us and read again, are what they were."""
    import csv

    texts = [text for text in json.loads(NAUGHTY.read_text(encoding="utf-8")) if text]
    if way == "csv":
        with io.StringIO(newline="") as file:
            csv.writer(file).writerows([("a", "b"), *((text, "1") for text in texts)])
            data = file.getvalue().encode()
    else:
        data = "\n".join(json.dumps({"a": text, "b": 1}, ensure_ascii=False) for text in texts).encode()
    agreed = Agreed(missing_values=())
    flow = feed(format=way, out=out)
    (batch,) = make_reader(flow, agreed).read(io.BytesIO(data))
    assert not batch.rejected
    assert batch.rows["a"].to_list() == texts
    written = make_encoder(flow)
    (again,) = make_reader(feed(format=out), agreed).read(
        io.BytesIO(written.head(["a", "b"]) + written.encode(batch.rows.with_columns(pl.col("b").cast(pl.Int64))))
        if out == "jsonl"
        else io.BytesIO(written.head(["a", "b"]) + written.encode(batch.rows))
    )
    assert not again.rejected
    assert again.rows["a"].to_list() == texts


def test_csv_out_is_rfc_4180():
    """A header line, CRLF, quotes only where needed, an empty cell for null, and the row number left out."""
    rows = pl.DataFrame(
        {ROW: [1, 2], "a,b": ['x"y', None], "t": [dt.datetime(2013, 1, 1, 10), None], "n": [1.5, -2.0], "e": ["\r", ""]}  # noqa: DTZ001
    )
    written = make_encoder(feed(out="csv"))
    assert written.media_type == "text/csv; charset=utf-8"
    assert written.head(["a,b", "t", "n", "e"]) == b'"a,b",t,n,e\r\n'
    assert written.encode(rows) == b'"x""y",2013-01-01 10:00:00,1.5,"\r"\r\n,,-2.0,""\r\n'


def test_csv_out_never_writes_a_blank_line():
    """The null of a single column is quoted, as a blank line would be no row."""
    written = make_encoder(feed(out="csv"))
    assert written.encode(pl.DataFrame({ROW: [1, 2], "a": ["x", None]})) == b'"x"\r\n""\r\n'


def test_both_encoders_write_time_alike():
    """With its offset where it has one."""
    zoned = dt.datetime(2013, 1, 1, 10, tzinfo=dt.UTC)
    rows = pl.DataFrame({ROW: [1], "t": [zoned], "u": [zoned.replace(tzinfo=None, microsecond=5000)]})
    told = json.loads(make_encoder(feed()).encode(rows))
    assert make_encoder(feed(out="csv")).encode(rows).decode() == f"{told['t']},{told['u']}\r\n"


def test_jsonl_out_is_an_object_a_line():
    """Without the row number, and without anything before the first row."""
    written = make_encoder(feed())
    assert written.head(["a"]) == b""
    assert written.encode(pl.DataFrame({ROW: [1, 2], "a": ["é", None]})) == '{"a":"é"}\n{"a":null}\n'.encode()
