"""Writing rows as JSON Lines and CSV."""

import csv
import datetime as dt
import io
import json
from pathlib import Path

import polars as pl
import pytest

from poc.batch import ROW
from poc.formats.registry import make_encoder, make_reader

NAUGHTY = Path(__file__).parents[4] / "shared" / "suites" / "naughty-strings" / "blns.json"


@pytest.mark.skipif(
    not NAUGHTY.is_file(), reason="the shared test material (naughty-strings) is not beside the repository"
)
@pytest.mark.parametrize("out", ["jsonl", "csv"])
@pytest.mark.parametrize("way", ["jsonl", "csv"])
def test_naughty_strings_pass_unchanged(expected, make_feed, way, out):
    """Hostile texts that Python wrote are the same after reading, writing and reading again."""
    texts = [text for text in json.loads(NAUGHTY.read_text(encoding="utf-8")) if text]
    if way == "csv":
        with io.StringIO(newline="") as file:
            csv.writer(file).writerows([("a", "b"), *((text, "1") for text in texts)])
            data = file.getvalue().encode()
    else:
        data = "\n".join(json.dumps({"a": text, "b": 1}, ensure_ascii=False) for text in texts).encode()
    fields = expected(missing_values=())
    flow = make_feed(format=way, out=out)
    (batch,) = make_reader(flow, fields).read(io.BytesIO(data))
    assert not batch.rejected
    assert batch.rows["a"].to_list() == texts
    encoder = make_encoder(flow)
    (again,) = make_reader(make_feed(format=out), fields).read(
        io.BytesIO(encoder.head(["a", "b"]) + encoder.encode(batch.rows.with_columns(pl.col("b").cast(pl.Int64))))
        if out == "jsonl"
        else io.BytesIO(encoder.head(["a", "b"]) + encoder.encode(batch.rows))
    )
    assert not again.rejected
    assert again.rows["a"].to_list() == texts


def test_csv_is_written_as_rfc_4180_says(make_feed):
    """A header line, CRLF, quotes only where needed, an empty cell for null, and no row number."""
    rows = pl.DataFrame(
        {ROW: [1, 2], "a,b": ['x"y', None], "t": [dt.datetime(2013, 1, 1, 10), None], "n": [1.5, -2.0], "e": ["\r", ""]}  # noqa: DTZ001
    )
    encoder = make_encoder(make_feed(out="csv"))
    assert encoder.media_type == "text/csv; charset=utf-8"
    assert encoder.head(["a,b", "t", "n", "e"]) == b'"a,b",t,n,e\r\n'
    assert encoder.encode(rows) == b'"x""y",2013-01-01 10:00:00,1.5,"\r"\r\n,,-2.0,""\r\n'


def test_csv_is_written_without_blank_lines(make_feed):
    """The null of a single column is quoted, because a blank line would not be a row."""
    encoder = make_encoder(make_feed(out="csv"))
    assert encoder.encode(pl.DataFrame({ROW: [1, 2], "a": ["x", None]})) == b'"x"\r\n""\r\n'


def test_both_encoders_write_datetimes_alike(make_feed):
    """With the offset if there is one."""
    zoned = dt.datetime(2013, 1, 1, 10, tzinfo=dt.UTC)
    rows = pl.DataFrame({ROW: [1], "t": [zoned], "u": [zoned.replace(tzinfo=None, microsecond=5000)]})
    record = json.loads(make_encoder(make_feed()).encode(rows))
    assert make_encoder(make_feed(out="csv")).encode(rows).decode() == f"{record['t']},{record['u']}\r\n"


def test_json_lines_are_written_as_one_object_per_line(make_feed):
    """Without the row number, and without bytes before the first row."""
    encoder = make_encoder(make_feed())
    assert encoder.head(["a"]) == b""
    assert encoder.encode(pl.DataFrame({ROW: [1, 2], "a": ["é", None]})) == '{"a":"é"}\n{"a":null}\n'.encode()


def test_literals_are_written_as_they_are(make_feed):
    """Numbers keep their digits between columns of any other type, alike for few and for many rows."""
    columns = {
        "n": ["1.50", None],
        "a{,": ['x"{}', None],
        "i": [1, 2],
        "m": ["-0.10", "9007199254740993"],
        'o"': ["1E-400", "0"],
        "b": [True, None],
    }
    encoder = make_encoder(make_feed(), frozenset({"n", "m", 'o"', "absent"}))
    lines = (
        '{"n":1.50,"a{,":"x\\"{}","i":1,"m":-0.10,"o\\"":1E-400,"b":true}\n'
        '{"n":null,"a{,":null,"i":2,"m":9007199254740993,"o\\"":0,"b":null}\n'
    )
    assert encoder.encode(pl.DataFrame({ROW: [1, 2], **columns})).decode() == lines
    many = {name: values * 1500 for name, values in columns.items()}
    assert encoder.encode(pl.DataFrame({ROW: range(3000), **many})).decode() == lines * 1500
    assert encoder.encode(pl.DataFrame({ROW: [1, 2], **columns}).clear()) == b""
    first = pl.DataFrame({ROW: [1, 2], "a": ["x", "y"], "n": ["1.0", "2"]})
    assert encoder.encode(first) == b'{"a":"x","n":1.0}\n{"a":"y","n":2}\n'


def test_literals_in_csv_are_their_text(make_feed):
    """A number has no quotes."""
    encoder = make_encoder(make_feed(out="csv"), frozenset({"n"}))
    assert encoder.encode(pl.DataFrame({ROW: [1, 2], "n": ["1.50", None], "a": ["x", "y"]})) == b"1.50,x\r\n,y\r\n"


def test_strings_among_literals_are_texts_in_csv(make_feed):
    """JSON is unpacked: a string loses its quotes and escapes, a number and a boolean are themselves."""
    rows = pl.DataFrame({ROW: [1, 2, 3, 4], "n": ['"a,\\u00e9\\n"', "1.50", "true", None], "a": ["x"] * 4})
    assert make_encoder(make_feed(out="csv"), frozenset({"n"})).encode(rows).decode() == (
        '"a,é\n",x\r\n1.50,x\r\ntrue,x\r\n,x\r\n'
    )


@pytest.mark.parametrize(
    "body",
    [
        b'{"a":"1,\\n"}\n{"a":"2"}\n{"a":"3"}\n',
        b'[{"a":"1,\\n"},\n{"a":"2"},\n{"a":"3"}]\n',
        b'a\r\n"1,\r\n"\r\n2\r\n3\r\n',
    ],
)
@pytest.mark.parametrize("settings", [{"out": "jsonl"}, {"out": "jsonl", "body": "json"}, {"out": "csv"}])
def test_a_body_that_waits_while_its_format_is_changed_is_cut_in_its_own(make_feed, body, settings):
    """Otherwise, a partner would get rows without a brace or a header."""
    encoder = make_encoder(make_feed(out=settings["out"]), body=settings.get("body", "jsonl"))
    first, second = encoder.cut(body, 1)
    if body[:1] == b"[":
        assert json.loads(first) + json.loads(second) == json.loads(body)
    else:
        head = b"" if body[:1] == b"{" else b"a\r\n"
        assert first + second.removeprefix(head) == body
        assert second.startswith(head)
        assert b"1" in first
        assert b"2" in second
