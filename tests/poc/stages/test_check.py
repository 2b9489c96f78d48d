"""The check stage: invalid rows are rejected, and keys are compared across the file."""

import json

import polars as pl
import pytest

from poc.batch import ROW, Batch, Finding, RejectedRow, RowOutcome, SecondPassNeeded
from poc.contract import contract
from poc.stages.check import Check


class Text:
    """Original lines made of the row number."""

    def original(self, row):
        """The row's number as bytes."""
        return b"line %d" % row

    def originals(self, rows):
        """All of them."""
        return [self.original(row) for row in rows]


@pytest.fixture
def keyed(tmp_path):
    """A contract with a key and a number."""
    path = tmp_path / "a.schema.json"
    fields = [{"name": "k", "type": "integer"}, {"name": "n", "type": "number", "constraints": {"minimum": 0}}]
    path.write_text(json.dumps({"fields": fields, "primaryKey": "k"}))
    return contract.load_contract(path)


def batches(*keys, cut, numbers=None):
    """Text rows with these keys, in batches of `cut` rows."""
    numbers = numbers or ["1"] * len(keys)
    frame = pl.DataFrame({"k": keys, "n": numbers}, schema_overrides={"k": pl.String, "n": pl.String})
    frame = frame.with_row_index(ROW, 1)
    return iter([Batch(frame[start : start + cut], Text()) for start in range(0, len(keys), cut)])


def test_invalid_rows_are_rejected_with_bytes_and_findings(keyed):
    """A rejected row has its original bytes; its neighbours pass typed; notes and outcomes stay on the batch."""
    ragged, note, settled = RejectedRow(9, b"x", ()), Finding(0, "note", "", ""), RowOutcome("filtered", 1)
    (batch,) = batches("1", "x", "3", cut=3, numbers=["1", "-5", "2.5"])
    (out,) = Check(keyed)(iter([Batch(batch.rows, batch.lines, (ragged,), (note,), (settled,))]))
    assert out.rows.rows() == [(1, 1, "1"), (3, 3, "2.5")]
    assert (out.lines, out.rejected[1], out.notes, out.outcomes) == (batch.lines, ragged, (note,), (settled,))
    assert (out.rejected[0].row, out.rejected[0].original) == (2, b"line 2")
    assert [(finding.code, finding.field) for finding in out.rejected[0].findings] == [
        ("type-error", "k"),
        ("constraint-error", "n"),
    ]


def test_a_duplicate_key_in_a_batch_is_rejected_at_once(keyed):
    """The later row is rejected."""
    (out,) = Check(keyed)(batches("1", "2", "01", cut=3))
    assert [(bad.row, bad.findings[0].code) for bad in out.rejected] == [(3, "primary-key")]
    assert out.rows[ROW].to_list() == [1, 2]


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_duplicate_key_across_batches_needs_a_second_pass(keyed, cut):
    """The finding is raised at the end of the file, and a second pass with it ends without an error."""
    keys = ("1", "2", "3", "1", "4", "2")
    with pytest.raises(SecondPassNeeded) as second_pass:
        list(Check(keyed)(batches(*keys, cut=cut)))
    assert [finding.row for finding in second_pass.value.findings] == [4, 6]
    known = {finding.row: (finding,) for finding in second_pass.value.findings}
    out = list(Check(keyed, known)(batches(*keys, cut=cut)))
    assert [bad.row for part in out for bad in part.rejected] == [4, 6]
    assert [row for part in out for row in part.rows[ROW]] == [1, 2, 3, 5]
    assert [bad.findings for part in out for bad in part.rejected] == [known[4], known[6]]


@pytest.mark.parametrize("cut", [1, 2, 6])
def test_at_once_needs_no_second_pass(keyed, cut):
    """With `at_once` duplicates are rejected as they come, wherever their first row is."""
    out = list(Check(keyed, at_once=True)(batches("1", "2", "3", "1", "4", "2", cut=cut)))
    assert [bad.row for part in out for bad in part.rejected] == [4, 6]


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_rejected_row_makes_no_later_row_a_duplicate(keyed, cut):
    """The key of a rejected row is free: the valid row after it passes."""
    out = list(Check(keyed)(batches("1", "1", "2", cut=cut, numbers=["-1", "1", "1"])))
    assert [bad.row for part in out for bad in part.rejected] == [1]
    assert [row for part in out for row in part.rows[ROW]] == [2, 3]


def test_an_empty_batch_passes(keyed):
    """An empty batch passes."""
    (out,) = Check(keyed)(
        iter([Batch(pl.DataFrame(schema={ROW: pl.get_index_type(), "k": pl.String, "n": pl.String}))])
    )
    assert out.rows.is_empty()
    assert out.rows.schema["k"] == pl.Int64


@pytest.mark.parametrize("cut", [4, 2, 1], ids=["one batch", "two batches", "a batch a row"])
def test_a_key_of_three_fields_is_compared(flights, cut):
    """The flights' key is text, number and datetime; a duplicate is found anywhere in the file."""
    row = {
        "year": "2013", "month": "1", "day": "1", "dep_time": "1", "sched_dep_time": "1", "dep_delay": "1",
        "arr_time": "1", "sched_arr_time": "1", "arr_delay": "1", "carrier": "UA", "flight": "", "tailnum": "N14228",
        "origin": "EWR", "dest": "IAH", "air_time": "1", "distance": "1", "hour": "1", "minute": "1",
        "time_hour": "2013-01-01T10:00:00Z",
    }  # fmt: skip
    rows = pl.DataFrame([{**row, "flight": flight} for flight in ("1", "2", "1", "3")]).with_row_index(ROW, 1)
    parts = [Batch(rows[start : start + cut], Text()) for start in range(0, 4, cut)]
    out = list(Check(flights, at_once=True)(iter(parts)))
    assert [(bad.row, bad.findings[0].code) for part in out for bad in part.rejected] == [(3, "primary-key")]
