"""The map stage: the contract's fields as the partner expects them."""

import json
from dataclasses import dataclass
from decimal import Decimal

import polars as pl
import pytest

from poc.batch import ROW, Batch, Finding, NoOriginalLines, RejectedRow, RowOutcome
from poc.config.map_field import MapField
from poc.contract import contract
from poc.contract.unique_keys import UniqueKeyCheck
from poc.errors import BadInput
from poc.stages.map import Map

FIELDS = {
    "text": ({"type": "string"}, "x"),
    "whole": ({"type": "integer"}, "7"),
    "number": ({"type": "number"}, "1.50"),
    "flag": ({"type": "boolean"}, "1"),
    "day": ({"type": "date"}, "2024-01-26"),
    "clock": ({"type": "time"}, "15:00:59"),
    "instant": ({"type": "datetime"}, "2024-01-26T15:00:00+01:00"),
    "fraction": ({"type": "datetime"}, "2024-01-26T15:00:00.25Z"),
    "local": ({"type": "datetime", "format": "%d.%m.%Y %H:%M"}, "26.1.2024 15:00"),
    "year": ({"type": "year"}, "2024"),
    "month": ({"type": "yearmonth"}, "2024-01"),
    "span": ({"type": "duration"}, "P1D"),
    "thing": ({}, "?"),
}


@pytest.fixture
def all_types(tmp_path):
    """A contract with a field of every type."""
    path = tmp_path / "a.schema.json"
    path.write_text(json.dumps({"fields": [{"name": name, **told} for name, (told, _) in FIELDS.items()]}))
    return contract.load_contract(path)


def mapped(checked, **field):
    """The partner's value of one field, for a row with all values and for a row with none."""
    texts = {name: pl.Series([text, None], dtype=pl.String) for name, (_, text) in FIELDS.items()}
    typed, findings = checked.check(pl.DataFrame({ROW: [1, 2], **texts}))
    assert findings == []
    codes = {"codes.csv": b'from,to\nx/7,"one, ""quoted"""\n'}
    (out,) = Map([MapField.model_validate({"to": "x", **field})], checked, codes)(iter([Batch(typed)]))
    assert out.rows.columns == [ROW, "x"]
    return out.rows["x"].to_list()


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("text", "x", "x"),
        ("whole", 7, "7"),
        ("number", "1.50", "1.50"),
        ("flag", True, "true"),
        ("day", "2024-01-26", "2024-01-26"),
        ("clock", "15:00:59", "15:00:59"),
        ("instant", "2024-01-26T14:00:00Z", "2024-01-26T14:00:00Z"),
        ("fraction", "2024-01-26T15:00:00.250Z", "2024-01-26T15:00:00.250Z"),
        ("local", "2024-01-26T15:00:00", "2024-01-26T15:00:00"),
        ("year", "2024", "2024"),
        ("month", "2024-01", "2024-01"),
        ("span", "P1D", "P1D"),
        ("thing", "?", "?"),
    ],
)
def test_every_type_is_copied_and_joined(all_types, name, value, text):
    """A field is passed as its JSON value, and joined as its text; null stays null."""
    assert mapped(all_types, **{"from": name}) == [value, None]
    assert mapped(all_types, join=["text", name]) == ["x" + text, None]


def test_numbers_are_scaled_and_minutes_added(all_types):
    """`times` rounds to `decimals`; `plus_minutes` keeps the zone of a datetime, or its absence."""
    assert mapped(all_types, **{"from": "number"}, times=1.11111, decimals=2) == ["1.67", None]
    assert mapped(all_types, **{"from": "instant"}, plus_minutes="whole") == ["2024-01-26T14:07:00Z", None]
    assert mapped(all_types, **{"from": "local"}, plus_minutes="whole") == ["2024-01-26T15:07:00", None]


@pytest.mark.parametrize(
    ("field", "value", "of_empty"),
    [
        ({"value": "EUR"}, "EUR", "EUR"),
        ({"value": True}, True, True),
        ({"value": Decimal("1.50")}, "1.50", "1.50"),
        ({"value": 2**70}, str(2**70), str(2**70)),
        ({"join": ["text", "whole", "day"], "separator": " - "}, "x - 7 - 2024-01-26", None),
        ({"from": "day", "format": "%d.%m.%Y"}, "26.01.2024", None),
        ({"from": "day", "format": "%-d. %B %y, week %V, %j, %%z"}, "26. January 24, week 04, 026, %z", None),
        ({"from": "clock", "format": "%I:%M %p"}, "03:00 PM", None),
        ({"from": "fraction", "format": "%Y%m%d%H%M%S.%f%z"}, "20240126150000.250000+0000", None),
        ({"from": "local", "format": "%H:%M%z"}, "15:00", None),
        ({"from": "instant", "plus_minutes": "whole", "format": "%H:%M"}, "14:07", None),
        ({"from": "instant", "zone": "America/New_York"}, "2024-01-26T09:00:00-05:00", None),
        ({"from": "fraction", "zone": "Europe/Berlin", "format": "%d.%m.%Y %H:%M:%S.%f %z"},
         "26.01.2024 16:00:00.250000 +0100", None),
        ({"from": "instant", "zone": "Asia/Tokyo", "plus_minutes": "whole", "format": "%H:%M"}, "23:07", None),
        ({"from": "text", "lookup": {"x": "1"}}, "1", None),
        ({"from": "whole", "lookup": {"7": "seven"}, "default": "none"}, "seven", "none"),
        ({"from": "flag", "lookup": {"false": "N"}, "lookup_default": "?"}, "?", None),
        ({"join": ["text", "whole"], "separator": "/", "lookup_file": "codes.csv"}, 'one, "quoted"', None),
        ({"from": "whole", "default": -1}, 7, -1),
        ({"from": "number", "default": Decimal("0.00")}, "1.50", "0.00"),
        ({"from": "flag", "default": False}, True, False),
        ({"from": "number", "times": 2, "default": 0}, "3", "0"),
        ({"join": ["text", "day"], "default": ""}, "x2024-01-26", ""),
        ({"from": "day", "default": "unknown"}, "2024-01-26", "unknown"),
    ],
    ids=str,
)  # fmt: skip
def test_constants_formats_look_ups_and_defaults(all_types, field, value, of_empty):
    """Each gives the value that the partner file says; an empty one stays empty, unless there is a default."""
    assert mapped(all_types, **field) == [value, of_empty]


@pytest.mark.parametrize("copies", [1, 1500], ids=["few rows", "many rows"])
def test_zero_decimals_are_written_without_a_point(all_types, copies):
    """`decimals = 0` gives 1250, not 1250.0."""
    rows = pl.DataFrame({ROW: range(2 * copies), "number": ["1.25", "0.5"] * copies})
    field = MapField.model_validate({"to": "x", "from": "number", "times": 1000, "decimals": 0})
    (out,) = Map([field], all_types)(iter([Batch(rows)]))
    assert out.rows["x"].to_list() == ["1250", "500"] * copies


def test_a_format_with_a_zone_writes_it_only_for_times_that_have_one(tmp_path):
    """In the default format, each datetime may or may not have a time zone."""
    path = tmp_path / "a.schema.json"
    path.write_text(json.dumps({"fields": [{"name": "at", "type": "datetime"}]}))
    checked = contract.load_contract(path)
    texts = {"at": ["2024-01-26T15:00:00", "2024-01-26T15:00:00+01:00", None]}
    typed, _ = checked.check(pl.DataFrame({ROW: [1, 2, 3], **texts}))
    for zone, written in ((None, "14:00 +0000"), ("America/New_York", "09:00 -0500")):
        keys = {"to": "x", "from": "at", "format": "%H:%M %z", "default": "-", "zone": zone}
        (out,) = Map([MapField.model_validate(keys)], checked)(iter([Batch(typed)]))
        assert out.rows["x"].to_list() == ["15:00 ", written, "-"]


@pytest.mark.parametrize("copies", [1, 1500], ids=["few rows", "many rows"])
def test_a_datetime_is_delivered_with_a_zone_only_if_it_has_one(tmp_path, copies):
    """In the default format, each value of a column may or may not have one; two such values are never one key."""
    path = tmp_path / "a.schema.json"
    fields = [{"name": "at", "type": "datetime"}, {"name": "minutes", "type": "integer"}]
    path.write_text(json.dumps({"fields": fields, "primaryKey": ["at"]}))
    checked = contract.load_contract(path)
    times = ["2024-01-26T15:00:00", "2024-01-26T15:00:00Z", "2024-01-26T15:00:00.500+01:00", "9999-12-31T23:59:59"]
    texts = {"at": times * copies, "minutes": ["7", "7", "7", None] * copies}
    typed, findings = checked.check(pl.DataFrame({ROW: range(len(texts["at"])), **texts}))
    assert findings == []
    with UniqueKeyCheck(checked.unique) as keys:
        assert len(keys.add(checked.with_key_values(typed))) == 4 * (copies - 1)
    partner_fields = [{"to": "x", "from": "at"}, {"to": "y", "join": ["at"]}]
    partner_fields.append({"to": "z", "from": "at", "plus_minutes": "minutes"})
    (out,) = Map([MapField.model_validate(field) for field in partner_fields], checked)(iter([Batch(typed)]))
    wanted = ["2024-01-26T15:00:00", "2024-01-26T15:00:00Z", "2024-01-26T14:00:00.500Z", "9999-12-31T23:59:59"]
    later = ["2024-01-26T15:07:00", "2024-01-26T15:07:00Z", "2024-01-26T14:07:00.500Z", None]
    assert (out.rows["x"].to_list(), out.rows["y"].to_list()) == (wanted * copies, wanted * copies)
    assert (out.rows["z"].to_list(), out.rejected) == (later * copies, ())


@dataclass(frozen=True)
class Told:
    """The lines of a batch."""

    def original(self, row):
        """As they came."""
        return b"line %d" % row

    def originals(self, rows):
        """All of them."""
        return [self.original(row) for row in rows]


def stage_default(field):
    """What replaces an empty value, as the partner gets it."""
    return None if "default" not in field else str(field["default"])


@pytest.mark.parametrize(
    ("field", "good", "bad", "said"),
    [
        ({"from": "instant", "plus_minutes": "whole"}, ("2013-01-01T00:00:00Z", "4200000000"),
         ("2013-01-01T00:00:00Z", "4300000000"), "and 4300000000 minutes are outside the years 1 to 9999"),
        ({"from": "instant", "plus_minutes": "whole"}, ("2013-01-01T00:00:00Z", "-1000000000"),
         ("2013-01-01T00:00:00Z", "-9223372036854775808"), "outside the years"),
        ({"from": "instant", "plus_minutes": "whole"}, ("9999-12-31T23:59:59Z", "0"),
         ("9999-12-31T23:59:59Z", "1"), "outside the years"),
        ({"from": "local", "plus_minutes": "whole"}, ("01.01.0001 00:00", "0"), ("01.01.0001 00:00", "-1"), "outside"),
        ({"from": "local", "plus_minutes": "whole"}, ("1.1.2013 00:00", "9"), ("1.1.2013 00:00", "9223372036854775807"),
         "outside the years"),
        ({"from": "instant", "plus_minutes": "whole"}, ("2013-01-01T00:00:00Z", "9"),
         ("2013-01-01T00:00:00Z", "138000000000"), "outside the years"),
        ({"from": "instant", "plus_minutes": "whole", "zone": "America/New_York"}, ("2013-01-01T00:00:00Z", "9"),
         ("2013-01-01T00:00:00Z", "138000000000"), "and 138000000000 minutes are outside the years 1 to 9999"),
        ({"from": "instant", "plus_minutes": "whole", "zone": "America/New_York"}, ("2013-01-01T00:00:00Z", "9"),
         ("2013-01-01T00:00:00Z", "-138000000000"), "outside the years 1 to 9999"),
        ({"from": "instant", "zone": "Asia/Tokyo"}, ("9999-12-30T23:59:59Z",) * 2, ("9999-12-31T00:00:00Z",) * 2,
         "outside the years 1 to 9999 or at their edge, where Asia/Tokyo may be in another"),
        ({"from": "number", "times": 10}, ("1", "9.9e995"), ("1", "-1e999"),
         "-1e999 times 10 has more than 1,000 digits"),
        ({"from": "number", "times": 10, "default": 0}, ("1", "1"), ("1", "-1e999"), "has more than 1,000 digits"),
        ({"from": "text", "lookup": {"A": "1"}, "default": "2"}, ("A", "A"), ("A", "B"), "'B' is not in the look-up"),
    ],
    ids=lambda part: str(part)[:40],
)  # fmt: skip
def test_a_result_out_of_range_is_rejected(all_types, field, good, bad, said):
    """A row with a result out of range is rejected with its bytes and a note; its neighbours are delivered."""
    names = [field["from"], field.get("plus_minutes", field["from"])]
    texts = {name: pl.Series([text] * 4, dtype=pl.String) for name, (_, text) in FIELDS.items()}
    for name, fine, wrong in zip(names, good, bad, strict=True):
        texts[name] = pl.Series([fine, None, wrong, fine])
    typed, findings = all_types.check(pl.DataFrame({ROW: [1, 2, 4, 5], **texts}))
    assert findings == []
    before = RejectedRow(3, b"?", ())
    stage = Map([MapField.model_validate({"to": "x", **field})], all_types)
    (out,) = stage(iter([Batch(typed, Told(), (before,))]))
    assert out.rows[ROW].to_list() == [1, 2, 5]
    first, none, last = out.rows["x"].to_list()
    assert (none, first) == (stage_default(field), last)
    assert first is not None
    assert [(one.row, one.original) for one in out.rejected] == [(3, b"?"), (4, b"line 4")]
    (found,) = out.rejected[1].findings
    assert (found.row, found.code, found.field) == (4, "constraint-error", "x")
    assert said in found.note


def test_a_format_that_the_type_has_not_is_an_error(all_types):
    """A date has no hours, a time no days, and a look-up compares texts, not numbers."""
    for field, message in (
        ({"from": "day", "format": "%d %H"}, "'day' is a date, which has no `%H`"),
        ({"from": "clock", "format": "%d"}, "'clock' is a time, which has no `%d`"),
        ({"from": "local", "zone": "UTC"}, "`zone` needs a datetime that has a time zone, 'local' has none"),
        ({"from": "day", "zone": "UTC"}, "`zone` needs a datetime that has a time zone, 'day' has none"),
        ({"from": "number", "lookup": {"1": "one"}}, "a look-up needs texts, and 'number' is a number"),
    ):
        with pytest.raises(BadInput, match=message):
            mapped(all_types, **field)


def test_large_numbers_are_scaled_exactly(all_types):
    """A product has all its digits, also where a 64-bit float has fewer."""
    rows = pl.DataFrame({ROW: [1, 2], "whole": [9007199254740993, -(2**63)]})
    (out,) = Map([MapField.model_validate({"to": "x", "from": "whole", "times": 1.5})], all_types)(iter([Batch(rows)]))
    assert (out.rows["x"].to_list(), out.rejected) == (["13510798882111489.5", "-13835058055282163712"], ())


def test_the_rest_of_a_batch_is_unchanged(all_types):
    """Lines, rejected rows, notes and outcomes are passed on unchanged."""
    rows = pl.DataFrame({ROW: [1], "text": ["x"]})
    given = Batch(
        rows, NoOriginalLines(), (RejectedRow(2, b"", ()),), (Finding(0, "c", "", ""),), (RowOutcome("filtered", 1),)
    )
    (out,) = Map([MapField.model_validate({"to": "x", "from": "text"})], all_types)(iter([given]))
    assert (out.lines, out.rejected, out.notes, out.outcomes) == (
        given.lines,
        given.rejected,
        given.notes,
        given.outcomes,
    )


def test_a_map_of_an_unknown_field_is_an_error(flights):
    """An unknown field is reported before any row is read."""
    with pytest.raises(BadInput, match=r"map to 'x': unknown field 'distanse'; the contract has year, month"):
        Map([MapField.model_validate({"to": "x", "from": "distanse"})], flights)


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"to": "x", "from": "carrier", "times": 2.0}, "`times` needs a number, 'carrier' is a string"),
        ({"to": "x", "from": "hour", "plus_minutes": "minute"}, "`plus_minutes` needs a datetime"),
        (
            {"to": "x", "from": "carrier", "format": "%Y"},
            "`format` needs a date, time or datetime, 'carrier' is a string",
        ),
        (
            {"to": "x", "from": "hour", "default": "none"},
            "`default` must be of the field's type, integer; it is 'none'",
        ),
        ({"to": "x", "from": "hour", "default": 2**63}, "`default` must be of the field's type, integer"),
        ({"to": "x", "from": "carrier", "default": True}, "`default` must be of the field's type, text; it is true"),
    ],
)
def test_a_computation_that_does_not_fit_the_type_is_an_error(flights, field, said):
    """It is refused when the map is built, before any row is read."""
    with pytest.raises(BadInput, match=said):
        Map([MapField.model_validate(field)], flights)
