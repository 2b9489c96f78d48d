"""JSON Lines reader: values, invalid lines, and schema drift of the first record."""

import io
import json
import time
from pathlib import Path

import pytest

from poc.formats.header import SchemaDrift
from poc.formats.record_splitter import Sizes
from poc.formats.registry import make_reader

CASES = sorted((Path(__file__).parents[4] / "shared" / "suites" / "json-test-suite" / "test_parsing").glob("*.json"))


@pytest.fixture
def expected(expected):
    """A function that makes the fields of a contract, by default text `a` and integer `b`."""
    return lambda **keys: expected(**{"missing_values": ("",), "types": {"a": "string", "b": "integer"}, **keys})


@pytest.fixture
def make_feed(make_feed):
    """A function that makes a feed of JSON Lines."""
    return lambda **keys: make_feed(format="jsonl", **keys)


@pytest.fixture
def read(read, expected):
    """A function that reads JSON Lines: (valid rows with their numbers, rejected rows by number, notes)."""
    return lambda data, fields=None, sizes=None, **keys: read(data, fields or expected(), sizes, format="jsonl", **keys)


def faults(rejected):
    """(code, field) of every finding of each rejected row."""
    return {number: [(found.code, found.field) for found in row.findings] for number, row in rejected.items()}


def test_values_become_text_as_they_are_written(read, expected):
    """Numbers keep every digit, keys come in any order, an absent key is null, and blank lines are not rows."""
    lines = ['{"a":"x","b":1}', "", '{"b":123456789012345678901234567890}', '{"b":-1.50E+3,"a":null}', '{"b":true}']
    numbers = expected(types={"a": "string", "b": "number"})
    valid, rejected, _ = read("\ufeff" + "\r\n".join(lines) + "\r\n", numbers)
    assert valid == [
        (1, "x", "1"), (2, None, "123456789012345678901234567890"), (3, None, "-1.50E+3"), (4, None, "true")
    ]  # fmt: skip
    assert not rejected


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
def test_an_invalid_line_is_rejected_alone(read, line, code, said):
    """It has its bytes and a note; the lines around it are delivered."""
    valid, rejected, _ = read(b'{"a":"x"}\n' + line + b'\n{"a":"y"}')
    assert [row[:2] for row in valid] == [(1, "x"), (3, "y")]
    assert [(row.row, row.original) for row in rejected.values()] == [(2, line)]
    assert [found.code for found in rejected[2].findings] == [code]
    assert said in rejected[2].findings[0].note


def test_all_faults_of_a_line_are_reported(read):
    """A row with three faults has three findings."""
    _, rejected, _ = read('{"a":"x"}\n{"a":1,"b":{},"c":1}\n')
    assert faults(rejected) == {2: [("extra-cell", ""), ("type-error", "a"), ("type-error", "b")]}


def test_keys_beyond_the_contract_may_be_accepted(read, expected):
    """They are noted once per file if the feed accepts them, and not at all if the contract does."""
    valid, rejected, notes = read('{"a":"x","b":1,"c":1}\n{"c":2}\n', on_drift="accept-extra")
    assert (len(valid), rejected, [(note.row, note.field) for note in notes]) == (2, {}, [(0, "c")])
    assert read('{"a":"x","b":1,"c":1}\n', expected(fields_match="subset")) == ([(1, "x", "1")], {}, [])


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
def test_a_first_record_with_other_keys_is_drift(read, expected, first, code, said, before):
    """It is one breach of the file, not one per row; the order of keys does not matter, nor do later records."""
    fields = expected(required=("a",))
    with pytest.raises(SchemaDrift, match=said) as caught:
        read(before + f"{first}\n" * 100, fields)
    assert caught.value.code == code
    valid, rejected, notes = read(f'{before}{{"b":1,"a":"x"}}\n{first}\n', fields)
    assert valid[0][1:] == ("x", "1")
    assert len(valid) + len(rejected) == 2 + before.count("\n")
    assert notes == []


def test_rows_of_a_part_of_a_file_are_checked_one_by_one(expected, make_feed):
    """If the input is not a whole file, the first row is a row like any other, and its faults are its own."""
    file = io.BytesIO(b'{"a":"x","c":1}\n{"a":"x"}\n{"b":2}\n')
    (batch,) = make_reader(make_feed(), expected(required=("a",)), whole=False).read(file)
    assert (batch.rows.rows(), batch.notes) == ([(2, "x", None), (3, None, "2")], ())
    assert faults({row.row: row for row in batch.rejected}) == {1: [("extra-cell", "")]}


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
def test_fields_match_as_the_contract_says(read, expected, match, first, code):
    """Keys may be more or fewer as `fieldsMatch` allows, and are drift otherwise."""
    fields = expected(fields_match=match, required=("a",))
    if code is None:
        assert len(read(first, fields)[0]) == 1
    else:
        with pytest.raises(SchemaDrift) as caught:
            read(first, fields)
        assert caught.value.code == code


def test_accept_extra_accepts_only_keys_beyond_the_contract(read, expected):
    """A renamed key, and a record without a required one, are drift nevertheless."""
    fields = expected(required=("a",))
    for first in ('{"c":"x","b":1}', '{"b":1,"c":1,"d":1}', '{"a":"x","c":1}'):
        with pytest.raises(SchemaDrift):
            read(first, fields, on_drift="accept-extra")


def test_a_field_that_no_record_has_is_noted(read, expected):
    """A record may omit the key of an empty value; if all of them do, that is noted once per file."""
    lines = '{"a":"x"}\n' * 3
    assert [(note.code, note.field) for note in read(lines)[2]] == [("missing-label", "b")]
    assert read(lines + '{"a":"x","b":null}\n')[2] == []
    assert read(lines, expected(fields_match="superset"))[2] == []


def test_a_record_of_very_many_keys_is_read_quickly(read):
    """A repeated key is found in time that grows with the keys, not with their square."""
    pairs = ",".join(f'"k{n}":1' for n in range(40_000))
    start_s = time.process_time()
    _, rejected, _ = read(f'{{"a":"x"}}\n{{{pairs},"k39999":1}}\n')
    assert "the key 'k39999' occurs twice" in rejected[2].findings[0].note
    assert time.process_time() - start_s < 5  # the square took a minute


def test_a_note_shows_the_beginning_of_a_long_value(read):
    """A cell, a key and a number of any length give a short note."""
    long = "9" * 50_000
    for line in (f'{{"a":{long}}}', f'{{"b":["{long}"]}}', f'{{"{long}":1}}', f'{{"{long}":1,"{long}":1}}'):
        _, rejected, _ = read(f'{{"a":"x"}}\n{line}\n')
        (note,) = [finding.note for finding in rejected[2].findings]
        assert "…" in note or "it is an array" in note
        assert len(note) < 200
    assert max(len(note.field) for note in read(f'{{"a":"x","{long}":1,"b":1}}', on_drift="accept-extra")[2]) == 80


def test_missing_values_are_null(read, expected):
    """Those of the contract, of a field, and of the feed's dialect."""
    valid, _, _ = read('{"a":"","b":"-"}\n{"a":"-","b":"?"}\n', expected(field_missing={"b": ("-",)}), nulls=("?",))
    assert valid == [(1, None, None), (2, "-", None)]


def test_numbers_and_booleans_get_the_notation_of_their_field(read, expected):
    """The options of a field are for texts, and do not alter a JSON number or boolean."""
    fields = expected(types={"a": "number", "b": "boolean"}, decimal_chars={"a": ","}, boolean_texts={"b": ("Y", "N")})
    valid, rejected, _ = read('{"a":1.234,"b":true}\n{"a":"1.234","b":false}\n{"a":-5E-1,"b":"N"}\n', fields)
    assert (valid, rejected) == ([(1, "1,234", "Y"), (2, "1.234", "N"), (3, "-5E-1", "N")], {})


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("1.0", "1"), ("-2.50e1", "-25"), ("1e3", "1000"), ("-0.0", "0"), ("7", "7"),
        ("9007199254740993.0", "9007199254740993"), ("1.5", "1.5"), ("1e-3", "1e-3"), ("1e99", "1e99"),
        ("1e99999999999999999999", "1e99999999999999999999"),
        ('"1.0"', "1.0"),
    ],
)  # fmt: skip
def test_a_number_whose_value_is_whole_is_an_integer(read, expected, number, text):
    """JSON has one kind of number; any other notation, and a text, stays as it is and breaks the contract later."""
    ((_, _, value),), _, _ = read(f'{{"a": "x", "b": {number}}}', expected())
    assert value == text


def test_values_of_any_type_remain_json(read, expected):
    """A string is told from a number, and a missing value is null; only arrays and objects are rejected."""
    lines = ['"1.50"', "1.50", "true", '"q\\"\\u00e9"', '"NA"', "null", "[1]", "1e5000"]
    data = "\n".join(f'{{"a":"x","b":{line}}}' for line in lines)
    valid, rejected, _ = read(data, expected(types={"a": "string", "b": "any"}, missing_values=("NA",)))
    assert [row[2] for row in valid] == ['"1.50"', "1.50", "true", '"q\\"é"', None, None, "1e5000"]
    assert faults(rejected) == {7: [("type-error", "b")]}


@pytest.mark.parametrize("block_bytes", [1, 5, 64])
def test_lines_do_not_depend_on_where_blocks_end(read, block_bytes):
    """For any size of blocks, each line is numbered once."""
    lines = ["{" if n % 9 == 0 else json.dumps({"a": f"é{n}", "b": n}, ensure_ascii=False) for n in range(1, 60)]
    data = "\r\n".join(lines)
    assert read(data, sizes=Sizes(block_bytes, 64)) == read(data)
    assert len(read(data)[0]) == 53


def test_an_empty_file_has_no_rows(read):
    """An empty file is a complete file of JSON Lines, and so is one of blank lines; a note says that it has no row."""
    for data in ("", "\n\r\n", "\ufeff"):
        valid, rejected, notes = read(data)
        assert (valid, rejected, [note.note for note in notes]) == ([], {}, ["the file is empty: it has no row"])


@pytest.mark.skipif(not CASES, reason="the shared test material (json-test-suite) is not beside the repository")
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_the_json_test_suite_is_read_as_it_says(read, expected, path):
    """Exactly the invalid line is rejected; its neighbours are delivered, and valid JSON is never called broken."""
    text = path.read_bytes().replace(b"\r", b" ").replace(b"\n", b" ")
    if not text:
        text = b" "  # an empty line would be no row
    valid, rejected, _ = read(b'{"a":"before"}\n' + text + b'\n{"a":"after"}\n')
    assert (valid[0], valid[-1]) == ((1, "before", None), (3, "after", None))
    assert sorted([row[0] for row in valid] + list(rejected)) == [1, 2, 3]
    if path.name.startswith("n_"):
        assert rejected[2].findings[0].code in {"source-error", "encoding-error"}
    if path.name.startswith("y_") and "duplicated" not in path.name:  # a key that stands twice would lose a value
        _, rejected, _ = read(b'{"b":' + text + b"}\n", expected(types={"a": "string", "b": "any"}))
        assert all(found.code == "type-error" for row in rejected.values() for found in row.findings)


def test_many_blank_lines_are_no_rows(read):
    """Also where a large block has nothing else."""
    valid, rejected, notes = read("\n" * (1 << 19))
    assert (valid, rejected, [note.code for note in notes]) == ([], {}, ["empty-file"])
