"""The records at the partner are counted from its files."""

import json

import polars as pl

from metrics.replay.partner_records import PartnerRecords, compare_records, count_records

RECORD = {
    "flight": "UA1", "tail": None, "from": "EWR", "to": "IAH", "scheduled": "2013-01-01T10:15:00Z",
    "departure_delay_min": 2, "arrival_delay_min": None, "distance_km": 2253.082,
}  # fmt: skip


def write(folder, partner, *records):
    """Append records as the partner does."""
    path = folder / partner / "flights.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.writelines(json.dumps(record) + "\n" for record in records)


def test_records_are_read_once_as_they_come(tmp_path):
    """A second call returns only new records."""
    records = PartnerRecords(tmp_path)
    assert records.read_new().height == 0
    write(tmp_path, "UA", RECORD)
    write(tmp_path, "AA", {**RECORD, "flight": "AA1"})
    assert sorted(records.read_new()["flight"]) == ["AA1", "UA1"]
    write(tmp_path, "UA", {**RECORD, "flight": "UA2"})
    assert records.read_new().rows(named=True) == [{"partner": "UA", **RECORD, "flight": "UA2"}]


def test_held_records_and_copies_are_counted_per_file(tmp_path):
    """A record that is there three times is held once, with two further copies; a missing one is not held."""
    write(tmp_path, "UA", RECORD, RECORD, RECORD, {**RECORD, "flight": "UA2"})
    truth = pl.DataFrame(
        [("a.csv", "UA1"), ("a.csv", "UA3"), ("b.csv", "UA2")], schema=["file", "flight"], orient="row"
    ).with_columns(scheduled=pl.lit(RECORD["scheduled"]))
    counted = count_records(PartnerRecords(tmp_path).read_new(), truth).sort("file")
    assert counted.rows() == [("a.csv", 2, 1, 2), ("b.csv", 1, 1, 0)]


def test_records_are_equal_only_in_every_field(tmp_path):
    """A record that differs in one field, or that one side lacks, is compared and not equal; copies do not count."""
    one, other = tmp_path / "one", tmp_path / "other"
    write(one, "UA", RECORD, RECORD, {**RECORD, "flight": "UA2"}, {**RECORD, "flight": "UA3"})
    write(other, "UA", RECORD, {**RECORD, "flight": "UA2", "distance_km": 1.0}, {**RECORD, "flight": "UA4"})
    comparison = compare_records(PartnerRecords(one).read_new(), PartnerRecords(other).read_new())
    assert comparison.rows() == [("UA", 4, 1)]


def test_records_that_arrived_in_the_same_order_are_compared_as_any_others(tmp_path):
    """Equal records count once for each key and partner, as they do when one more record makes the sides differ."""
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        write(folder, "AA", {**RECORD, "flight": "AA1"})
        write(folder, "UA", RECORD, RECORD, {**RECORD, "flight": "UA2"})
    control, candidate = PartnerRecords(one).read_new(), PartnerRecords(other).read_new()
    assert sorted(compare_records(control, candidate).rows()) == [("AA", 1, 1), ("UA", 2, 2)]
    assert sorted(compare_records(control, candidate.reverse()).rows()) == [("AA", 1, 1), ("UA", 2, 2)]
