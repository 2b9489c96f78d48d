"""What a side wrote in the format of the feed's `out` is read back as records."""

from pathlib import Path

import polars as pl
import pytest

from poc.capture.bodies import SentBody
from poc.config.map_field import MapField
from poc.config.partner import Feed
from poc.formats.registry import make_encoder, make_file_writer
from poc.parity.comparison import compare
from poc.parity.feed_parity import body_records

MAP = (MapField(to="no", **{"from": "id"}), MapField(to="name", **{"from": "name"}))
COLUMNS = {"no": {"width": 4, "align": "right"}, "name": {"width": 6}}


@pytest.mark.parametrize(
    "settings",
    [{"out": "fixed", "out_columns": COLUMNS}, {"out": "parquet"}, {"out": "json"}],
    ids=["fixed", "parquet", "json"],
)
def test_a_written_file_of_the_service_is_compared_with_the_same_records(tmp_path: Path, settings: dict[str, object]):
    """Fixed width, Parquet and a JSON array hold the records of a CSV file that the monolith wrote."""
    feed = Feed.model_validate({"contract": "-", "map": MAP, **settings})
    writer = make_file_writer(feed, make_encoder(feed), frozenset())
    rows = pl.DataFrame({"no": [1, 22], "name": ["Ann", "Di"]})
    written = tmp_path / "1"
    written.write_bytes(writer.begin(rows.columns) + writer.rows(rows.with_row_index("_row", 1)) + writer.end())
    monolith = tmp_path / "old.csv"
    monolith.write_bytes(b"no,name\n1,Bob\n22,Di\n")
    kind = "json" if feed.out == "json" else "auto"
    left = body_records("monolith", [SentBody(monolith, "csv")], feed)
    result = compare(left, body_records("service", [SentBody(written, kind)], feed), ["no"])
    assert (result.equal_records, dict(result.differences)) == (1, {("name", "value"): 1})


@pytest.mark.parametrize("out", ["fixed", "csv"])
def test_header_and_trailer_lines_are_no_records(tmp_path: Path, out: str):
    """Those that the feed writes are left out on both sides; a last line that is another one is a difference."""
    more = {"out_columns": COLUMNS} if out == "fixed" else {}
    lines = {"out_header": "HDR;1.0", "out_trailer": "TRL{rows:06} {sum.no}"}
    feed = Feed.model_validate({"contract": "-", "map": MAP, "out": out, **lines, **more})
    writer = make_file_writer(feed, make_encoder(feed), frozenset())
    rows = pl.DataFrame({"no": [1, 22], "name": ["Ann", "Di"]})
    text = writer.begin(rows.columns) + writer.rows(rows.with_row_index("_row", 1)) + writer.end()
    assert (text.startswith(b"HDR;1.0"), text.rstrip().endswith(b"TRL000002 23")) == (True, True)
    written, monolith = tmp_path / "1", tmp_path / "2"
    written.write_bytes(text)
    results = []
    for last in (b"TRL 99 1.50\n\n", b"END, A\n"):
        monolith.write_bytes(text.rstrip().rpartition(b"\n")[0] + b"\n" + last)
        sides = (body_records(name, [SentBody(path)], feed) for name, path in (("m", monolith), ("s", written)))
        result = compare(*sides, ["no"])
        results.append((result.equal_records, sum(result.differences.values())))
    assert results == [(2, 0), (2, 1)]
