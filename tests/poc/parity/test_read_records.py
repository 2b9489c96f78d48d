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
