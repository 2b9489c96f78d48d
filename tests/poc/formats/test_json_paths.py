"""Nested JSON: values by paths, and lists whose elements are rows."""

import pytest

from poc.formats.json_paths import MAX_GROWTH

RECORD = b'{"id":1,"buyer":{"address":{"city":"Ulm"}},"lines":[{"sku":"a","n":1.0},{"sku":"b"}],"tags":["x","y"]}\n'


@pytest.fixture
def read_nested(read, expected):
    """A function that reads JSON Lines by paths: the rows, the rejected rows, notes."""

    def read_file(data, names, match="subset", **settings):
        fields = expected(names=names, missing_values=("",), fields_match=match)
        return read(data, fields, format="jsonl", json=settings)

    return read_file


def test_a_field_is_found_by_its_name_or_by_its_path(read_nested):
    """A number chooses an element, and a value that is not there is missing."""
    names = ("buyer.address.city", "town", "tags.1", "tags.7", "buyer.phone.home")
    valid, rejected, _ = read_nested(RECORD, names, paths={"town": ["buyer", "address", "city"]})
    assert (valid, rejected) == ([(1, "Ulm", "Ulm", "y", None, None)], {})


def test_each_element_of_an_exploded_list_is_a_row(read_nested, expected, read):
    """A row has the values around the list; its original is the record with this element, and gives the same row."""
    fields = expected(names=("id", "lines.sku", "lines.n"), types={"id": "integer", "lines.n": "number"},
                      missing_values=("",), fields_match="subset")  # fmt: skip
    empty = b'{"id":2,"lines":[]}\n{"id":3}\n{"id":4,"lines":[{"n":"!","sku":5}]}\n'
    keys = {"format": "jsonl", "json": {"explode": "lines"}}
    valid, rejected, _ = read(RECORD + empty + RECORD.replace(b'"b"', b"[]"), fields, **keys)
    assert valid == [(1, "1", "a", "1.0"), (2, "1", "b", None), (3, "2", None, None), (4, "3", None, None),
                     (5, "4", "5", "!"), (6, "1", "a", "1.0")]  # fmt: skip
    (row,) = rejected.values()
    assert row.original == b'{"id":1,"buyer":{"address":{"city":"Ulm"}},"lines":[{"sku":[]}],"tags":["x","y"]}'
    assert read(row.original.replace(b"[]", b'"b"'), fields, **keys)[0] == [(1, "1", "b", None)]


def test_a_value_in_the_middle_of_a_path_is_an_object(read_nested):
    """A row where it is something else is set aside; null is a missing value."""
    valid, rejected, _ = read_nested(b'{"a":{"b":"x"}}\n{"a":null}\n{"a":"x"}\n', ("a.b",))
    assert (valid, rejected[3].findings[0][1:]) == (
        [(1, "x"), (2, None)], ("type-error", "a.b", "'a' is a text, which has no 'b'")
    )  # fmt: skip


def test_a_key_that_no_path_begins_with_is_drift(read_nested):
    """As in flat records, where the contract does not allow more fields."""
    _, rejected, _ = read_nested(b'{"a":{"b":"x"}}\n{"a":{"b":"x"},"c":1}\n', ("a.b",), match="exact")
    assert rejected[2].findings[0].code == "extra-cell"


def test_a_record_that_explodes_too_far_is_set_aside(read_nested):
    """A large record around a long list would become many times its size."""
    count = 2000
    assert count > MAX_GROWTH
    record = b'{"a":"%s","l":[%s]}' % (b"x" * 5000, b",".join([b"1"] * count))
    valid, rejected, _ = read_nested(record + b'\n{"a":"y","l":[1,2]}', ("a", "l"), explode="l")
    assert [row[:2] for row in valid] == [(2, "y"), (3, "y")]
    assert "2000 elements in the list 'l'" in rejected[1].findings[0].note


def test_a_list_with_half_a_character_is_one_bad_row(read, expected):
    """It cannot be written again, so its record is set aside as it is; the next record is read."""
    line = '{"lines":[{"a":"\\ud800"},{"a":"2"}]}'
    keys = {"format": "jsonl", "json": {"explode": "lines", "paths": {"a": "lines.a"}}}
    valid, rejected, _ = read(f'{line}\n{{"lines":[{{"a":"x"}}]}}', expected(names=("a",)), **keys)
    assert valid == [(2, "x")]
    assert [(row.original, row.findings[0].code) for row in rejected.values()] == [(line.encode(), "source-error")]


def test_a_field_is_only_read_at_its_path(read, expected):
    """A key outside of the path that has the field's name is not its value."""
    keys = {"format": "jsonl", "json": {"explode": "lines", "paths": {"a": "lines.a"}}}
    data = '{"a":"other","lines":[]}\n{"a":"other","lines":[{"a":"x"},{}]}'
    assert read(data, expected(names=("a",)), **keys)[0] == [(1, None), (2, "x"), (3, None)]
