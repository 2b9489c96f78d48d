"""Lines of one layout: the same values as line by line, and no line that JSON would not have."""

import json

import pytest

from poc.formats import json_layout, jsonl_reader

PLAIN = '{"a":"x","n":{"b":%d, "t":"é"},"d":1.5}'


@pytest.fixture
def read_both(read, expected, monkeypatch):
    """A function that reads lines with layouts, and line by line: two equal results are returned once."""
    made = []

    def read_file(lines, minimum=1, **keys):
        names = ("a", "n.b", "n.t", "d", "gone")
        types = {"a": "string", "n.b": "integer", "n.t": "string", "d": "number", "gone": "string"}
        fields = expected(names=names, types=types, missing_values=("", "-9", "null"), **keys)
        data = "\n".join(lines) + "\n"
        results = []
        for least in (minimum, 1 << 30):
            monkeypatch.setattr(jsonl_reader, "MIN_BYTES", least)
            sizes = jsonl_reader_sizes(len(data) // 3)
            results.append(read(data, fields, sizes, format="jsonl", json={}))
        assert results[0] == results[1]
        return results[0]

    of = json_layout.JsonLayout.columns

    def columns(self, data, rows):
        frame = of(self, data, rows)
        made.append(frame is not None)
        return frame

    monkeypatch.setattr(json_layout.JsonLayout, "columns", columns)
    read_file.made = made
    return read_file


def jsonl_reader_sizes(size):
    """Blocks of a size."""
    from poc.formats.record_splitter import Sizes

    return Sizes(block_bytes=size)


def test_lines_that_are_written_alike_give_the_same_values(read_both):
    """Numbers keep their digits, texts are what they are, and missing values are null."""
    lines = [PLAIN % number for number in range(100)]
    lines[50] = PLAIN.replace("1.5", "1.50e+3").replace('"x"', '"null"') % -9
    lines[51] = PLAIN.replace('"x"', "null").replace("1.5", "null") % 2**70
    lines[52] = PLAIN.replace('"é"', '""') % 7
    valid, rejected, _ = read_both(lines)
    assert not rejected
    assert valid[50] == (51, None, None, "é", "1.50e+3", None)
    assert any(read_both.made)
    whole = [line.replace("1.5", str(at)) for at, line in enumerate(lines[:50])]
    assert read_both(whole)[0][49] == (50, "x", "49", "é", "49", None)


@pytest.mark.parametrize(
    "line",
    [
        PLAIN % 1 + "}",
        "x" + PLAIN % 1,
        (PLAIN % 1).replace('"x"', '"\\ud800"'),
        (PLAIN % 1).replace('"x"', "01"),
        (PLAIN % 1).replace('"x"', 'null"'),
        (PLAIN % 1).replace("1.5", "1."),
        (PLAIN % 1).replace("1.5", "01"),
        (PLAIN % 1).replace('"x"', '"\t"'),
        (PLAIN % 1).replace('"d"', '"a"'),
        (PLAIN % 1).replace('"b":1', '"b":"y"'),
        (PLAIN % 1).replace('"x"', "[1]"),
        json.dumps({"z": 1}),
        "",
    ],
)
def test_a_line_of_another_layout_is_read_as_without(read_both, line):
    """It is set aside where JSON or the contract says so, and its neighbours are delivered."""
    lines = [PLAIN % number for number in range(100)]
    lines[60] = line
    valid, rejected, _ = read_both(lines)
    assert len(valid) + len(rejected) == 100 - (not line)
