"""The checks of a contract, and that they agree with the monolith."""

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from poc.batch import ROW
from poc.contract import contract
from poc.errors import BadInput
from poc.monolith import flights as monolith

GOOD = {
    "year": "2013", "month": "1", "day": "1", "dep_time": "517", "sched_dep_time": "515", "dep_delay": "2",
    "arr_time": "830", "sched_arr_time": "819", "arr_delay": "11", "carrier": "UA", "flight": "1545",
    "tailnum": "N14228", "origin": "EWR", "dest": "IAH", "air_time": "227", "distance": "1400", "hour": "5",
    "minute": "15", "time_hour": "2013-01-01T10:00:00Z",
}  # fmt: skip


def as_read(*rows):
    """Rows as the reader gives them: text, missing values null, numbered."""
    frame = pl.DataFrame(
        [{name: None if text in {"", "NA"} else text for name, text in row.items()} for row in rows],
        schema=dict.fromkeys(GOOD, pl.String),
    )
    return frame.with_row_index(ROW, 1)


@pytest.mark.parametrize(
    ("field", "text", "code", "note"),
    [
        ("month", "13", "constraint-error", "13 is above the maximum 12"),
        ("day", "0", "constraint-error", "0 is below the minimum 1"),
        ("distance", "12.5", "type-error", "'12.5' is not of type integer"),
        ("dep_delay", "9223372036854775808", "type-error", "'9223372036854775808' is not of type integer"),
        ("carrier", "ZZ", "constraint-error", "'ZZ' is not one of 9E, AA"),
        ("carrier", "NA", "constraint-error", "a value is required"),
        ("tailnum", "n14228", "constraint-error", "'n14228' does not match [A-Z][0-9][0-9A-Z]{1,4}"),
        ("time_hour", "2013-01-01T10:00:60Z", "type-error", "is not of type datetime"),
        ("time_hour", " 2013-01-01T10:00:00Z", "type-error", "is not of type datetime"),
        ("time_hour", "2013-02-30T10:00:00Z", "type-error", "is not of type datetime"),
    ],
)
def test_an_invalid_value_is_reported(flights, field, text, code, note):
    """Row, field, Frictionless code and a note with the value, for each kind of check."""
    _, findings = flights.check(as_read(GOOD, {**GOOD, field: text}))
    assert [(found.row, found.code, found.field) for found in findings] == [(2, code, field)]
    assert note in findings[0].note


def test_a_cancelled_flight_is_a_valid_row(flights):
    """A cancelled flight has no departure, no arrival and no plane."""
    cancelled = dict.fromkeys(("dep_time", "dep_delay", "arr_time", "arr_delay", "tailnum", "air_time"), "NA")
    typed, findings = flights.check(as_read({**GOOD, **cancelled}))
    assert findings == []
    assert typed["dep_delay"].to_list() == [None]


def test_findings_have_the_row_number_not_the_position(flights):
    """If earlier rows were rejected already, the numbers of later rows are still right."""
    rows = as_read(GOOD, {**GOOD, "carrier": "NA"}).with_columns(pl.Series(ROW, [3, 7], dtype=pl.get_index_type()))
    _, findings = flights.check(rows)
    assert [(found.row, found.note) for found in findings] == [(7, "a value is required")]


def test_every_error_of_a_row_is_reported(flights):
    """A row with three errors has three findings."""
    _, findings = flights.check(as_read({**GOOD, "month": "0", "minute": "x", "carrier": "??"}))
    assert sorted(found.field for found in findings) == ["carrier", "minute", "month"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"fields": [{"name": "a", "type": "geopoint"}]}, r"`fields\.0\.type`.*'geopoint'"),
        ({"fields": [{"name": "a", "constraints": {"jsonSchema": {}}}]}, r"constraints\.jsonSchema"),
        ({"fields": [{"name": "a"}], "primaryKey": "b"}, r"primaryKey names 'b'; fields there: a"),
        ({"fields": [{"name": "a"}, {"name": "a"}]}, r"field 'a' occurs twice"),
        ({"fields": []}, r"`fields`"),
        ([], r"not a Table Schema"),
    ],
)
def test_a_schema_with_an_unsupported_check_is_refused(tmp_path, change, said):
    """No check is omitted silently: an unsupported one is an error when the contract is loaded."""
    path = tmp_path / "a.schema.json"
    path.write_text(json.dumps(change))
    with pytest.raises(BadInput, match=said):
        contract.load_contract(path)


def test_a_file_that_is_no_json_is_named_with_its_place(tmp_path):
    """The message says that the file is no JSON, and where it breaks off."""
    path = tmp_path / "a.schema.json"
    path.write_text('{"fields": [\n')
    with pytest.raises(BadInput, match=r"a\.schema\.json: not JSON: Expecting value: line 2 column 1"):
        contract.load_contract(path)


def test_a_schema_that_is_nested_too_deep_is_refused(tmp_path):
    """It is named as any other file that is no schema."""
    path = tmp_path / "a.schema.json"
    path.write_text("[" * 100_000)
    with pytest.raises(BadInput, match=r"a\.schema\.json: not a Table Schema: it is nested too deep"):
        contract.load_contract(path)


CELL = st.one_of(
    st.sampled_from(
        [
            "", "NA", "0", "12", "13", "-1", "+5", "007", "1e3", " 5", "5 ", "UA", "ZZ", "N1", "\u0663", "N14228\n",
            "2013-01-01T10:00:00Z", "2013-1-1T10:00:00Z", "2013-01-01T24:00:00Z", "9223372036854775807",
            "9223372036854775808",
        ]
    ),
    st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=8),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(sorted(GOOD)), CELL, min_size=1, max_size=3))
def test_the_monolith_accepts_the_same_rows(flights, changes):
    """For any row, both sides agree whether it is valid, and on what the partner receives."""
    row = {**GOOD, **changes}
    typed, findings = flights.check(as_read(row))
    try:
        checked = monolith.check(list(row.values()))
    except monolith.BadRow:
        assert findings
    else:
        assert findings == []
        for name in GOOD:
            if name != "time_hour":
                assert typed[name][0] == checked[name]
