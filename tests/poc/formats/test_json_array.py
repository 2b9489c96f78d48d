"""JSON array reader: elements of a list as rows, whatever is around and inside of them."""

import re
from pathlib import Path

import pytest

from poc.errors import ContractBreach
from poc.formats.record_splitter import Sizes

CASES = sorted((Path(__file__).parents[4] / "shared" / "suites" / "json-test-suite" / "test_parsing").glob("*.json"))


@pytest.fixture
def read_array(read, expected):
    """A function that reads a list of records with a text `a` and a number `b`."""

    def read_file(data, size=1 << 20, **keys):
        fields = expected(missing_values=("",), types={"a": "string", "b": "number"}, fields_match="subset")
        return read(data, fields, Sizes(block_bytes=size), format="json", **keys)

    return read_file


@pytest.mark.parametrize("size", [1, 7, 1 << 20])
def test_each_element_is_a_row(read_array, size):
    """Its bytes are those of the file, over any number of lines, and numbers keep their digits."""
    data = '\ufeff [ {"a": "x, ]\\"{", "b": 1.50},\n{\n "a": "é",\n "b": [1]}\t, {"a": "z"} ] \n'
    valid, rejected, _ = read_array(data, size)
    assert valid == [(1, 'x, ]"{', "1.50"), (3, "z", None)]
    assert {number: (row.original.decode(), row.findings[0].code) for number, row in rejected.items()} == {
        2: ('{\n "a": "é",\n "b": [1]}', "type-error")
    }
    assert read_array("[]", size)[:2] == ([], {})


@pytest.mark.parametrize("size", [1, 1 << 20])
def test_the_list_may_be_inside_of_objects(read_array, size):
    """What is beside it is skipped, whatever its size."""
    data = '{"meta": {"n": [1, "]"], "x": "}"}, "t": 12, "data": {"rows": [{"a": "x"}, {"a": "y"}], "end": null}}'
    assert read_array(data, size, json={"records": "data.rows"})[0] == [(1, "x", None), (2, "y", None)]


@pytest.mark.parametrize("size", [1, 1 << 20])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('{"a": "x"}', "the file is not a list of records, at byte 1"),
        ('[{"a": "x"}', "the file was cut: the list is not closed"),
        ('[{"a": "x"}, {"a": "y', "the file was cut: the list is not closed"),
        ('[{"a": "x"},]', "an element of the list is missing, at byte 13"),
        ('[{"a": "x"}] {"a": "y"}', "text follows after the end, at byte 14"),
        ("", "the file was cut"),
        ("[" * 100_000, "the file was cut: the list is not closed"),
    ],
)
def test_a_file_of_another_structure_is_refused(read_array, data, message, size):
    """The message says where."""
    with pytest.raises(ContractBreach, match=message):
        read_array(data, size if len(data) < 1000 else 1 << 20)


def test_a_list_that_is_not_there_is_refused(read_array):
    """The message names the path; so it does for a key that occurs twice."""
    with pytest.raises(ContractBreach, match=r"there is no 'data\.rows'"):
        read_array('{"data": {"r": []}}', json={"records": "data.rows"})
    with pytest.raises(ContractBreach, match="the key 'rows' occurs twice"):
        read_array('{"rows": [], "rows": [{}]}', json={"records": "rows"})


def test_an_element_that_is_nested_too_deep_is_set_aside(read_array):
    """Its neighbours are delivered."""
    deep = '{"b": ' + "[" * 100_000 + "]" * 100_000 + "}"
    valid, rejected, _ = read_array('[{"a": "x"}, ' + deep + ', {"a": "y"}]')
    assert [row[1] for row in valid] == ["x", "y"]
    assert "nested too deep" in rejected[2].findings[0].note


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_of_the_suite_is_an_element(read_array, path):
    """What is JSON is one row, set aside only for a key that occurs twice; what is not is set aside, or refused."""
    text = path.read_bytes()
    is_json = path.name[:2] == "y_"
    try:
        valid, rejected, _ = read_array(b'[{"a":"x"},' + text + b',{"a":"y"}]')
    except ContractBreach:
        assert not is_json
        return
    broken = [row for row in rejected.values() if row.findings[0].code in {"source-error", "encoding-error"}]
    not_json = [row for row in broken if re.search("not JSON: (?!the key)|not utf-8", row.findings[0].note)]
    if is_json:
        assert not not_json
        assert len(valid) + len(rejected) == 3
    elif path.name[:2] == "n_":
        assert broken
    assert [row[1] for row in valid if row[0] == 1] == ["x"]


@pytest.mark.skipif(not CASES, reason="the JSON test suite is not beside the repository")
def test_every_case_of_the_suite_is_there():
    """The suite has its cases."""
    assert len([path for path in CASES if path.name[:2] in {"y_", "n_"}]) > 250
