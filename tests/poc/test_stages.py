"""Stages, each on its own."""

import polars as pl
import pytest

from poc.batch import ROW, Batch, Finding
from poc.config import MapField
from poc.errors import BadInput
from poc.stages.check import Check
from poc.stages.map import Map
from poc.stages.refuse import Refuse


def batch(first, last, **columns):
    """Rows numbered from first to last."""
    frame = pl.DataFrame({ROW: range(first, last + 1), **columns}, schema_overrides={ROW: pl.get_index_type()})
    return Batch(frame)


def test_refuse_lets_a_clean_file_through_in_order():
    """Batches come out as they came in, those that waited on disk included."""
    batches = [batch(1, 2, a=["x", "y"]), batch(3, 4, a=["z", None]), batch(5, 5, a=["w"])]
    out = list(Refuse()(iter(batches)))
    assert pl.concat([part.rows for part in out]).rows() == [(1, "x"), (2, "y"), (3, "z"), (4, None), (5, "w")]


def test_refuse_settles_every_row_of_a_file_with_one_bad_row():
    """One bad row in the last batch refuses all rows, and the reason is the first bad row of the file."""
    bad = Batch(
        batch(3, 3, a=["x"]).rows, (4, 5), (Finding(5, "type-error", "a", "later"), Finding(4, "enum", "b", "first"))
    )
    (out,) = Refuse()(iter([batch(1, 2, a=["x", "y"]), bad]))
    assert out.rows.is_empty()
    (settled,) = out.settled
    assert (settled.outcome, settled.rows, settled.code) == ("refused", 5, "enum")
    assert settled.reason == "row 4: enum in b: first"


def test_refuse_holds_everything_until_the_end():
    """Nothing comes out while rows may still turn out bad."""
    asked = []

    def source():
        for n in (1, 2, 3):
            asked.append(n)
            yield batch(n, n, a=["x"])

    next(iter(Refuse()(source())))
    assert asked == [1, 2, 3]


def key_rows(*flights):
    """Text rows of the flights contract with these flight numbers."""
    row = {
        "year": "2013", "month": "1", "day": "1", "dep_time": "1", "sched_dep_time": "1", "dep_delay": "1",
        "arr_time": "1", "sched_arr_time": "1", "arr_delay": "1", "carrier": "UA", "flight": "", "tailnum": "N14228",
        "origin": "EWR", "dest": "IAH", "air_time": "1", "distance": "1", "hour": "1", "minute": "1",
        "time_hour": "2013-01-01T10:00:00Z",
    }  # fmt: skip
    return pl.DataFrame([{**row, "flight": flight} for flight in flights])


@pytest.mark.parametrize("cut", [4, 2, 1], ids=["one batch", "two batches", "a batch a row"])
def test_check_finds_a_key_that_stands_twice(flights, cut):
    """A key is found again wherever in the file it stood before, and the later row is the bad one."""
    rows = key_rows("1", "2", "1", "3").with_row_index(ROW, 1)
    out = list(Check(flights)(Batch(rows[start : start + cut]) for start in range(0, 4, cut)))
    found = [(finding.row, finding.code) for part in out for finding in part.findings]
    assert found == [(3, "primary-key")]


def test_map_names_a_field_that_is_not_there(flights):
    """A map of an unknown field is a mistake that is told before any row moves."""
    with pytest.raises(BadInput, match=r"map to 'x': unknown field 'distanse'; the contract has year, month"):
        Map([MapField.model_validate({"to": "x", "from": "distanse"})], flights)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"to": "x", "from": "carrier", "times": 2.0}, "`times` needs a number, 'carrier' is a string"),
        ({"to": "x", "from": "hour", "plus_minutes": "minute"}, "`plus_minutes` needs a datetime"),
    ],
)
def test_map_refuses_what_does_not_fit_the_type(flights, field, said):
    """Arithmetic on text is refused when the map is read."""
    with pytest.raises(BadInput, match=said):
        Map([MapField.model_validate(field)], flights)
