"""Constraints, missing values and keys of a contract, and which schemas are refused."""

import json
import time

import polars as pl
import pytest

from poc.batch import ROW
from poc.contract import contract
from poc.errors import BadInput
from poc.text import truncate


@pytest.fixture
def load(tmp_path):
    """A function that reads a contract of these fields and other keys."""

    def read(*fields, **others):
        path = tmp_path / "a.schema.json"
        path.write_text(json.dumps({"fields": list(fields), **others}))
        return contract.load_contract(path)

    return read


def found(checked, **texts):
    """What a contract finds in columns of text: row, field, code and sentence."""
    columns = {name: pl.Series(column, dtype=pl.String) for name, column in texts.items()}
    height = len(next(iter(columns.values())))
    _, findings = checked.check(pl.DataFrame({ROW: range(1, height + 1), **columns}))
    return [(finding.row, finding.field, finding.code, finding.note) for finding in findings]


LIMITS = [
    ("integer", {"minimum": 1}, "1", "0", "0 is below the minimum 1"),
    ("integer", {"maximum": "12"}, "12", "13", "13 is above the maximum 12"),
    ("integer", {"exclusiveMinimum": 1}, "2", "1", "1 is not above the exclusiveMinimum 1"),
    ("integer", {"exclusiveMaximum": 12}, "11", "12", "12 is not below the exclusiveMaximum 12"),
    ("integer", {"minimum": 0.5}, "1", "0", "0 is below the minimum 0.5"),
    ("integer", {"exclusiveMaximum": 1.5}, "1", "2", "2 is not below the exclusiveMaximum 1.5"),
    ("number", {"minimum": 0.1}, "0.1", "0.09", "0.09 is below the minimum 0.1"),
    ("number", {"exclusiveMaximum": "1e3"}, "999.9", "1000", "1000 is not below the exclusiveMaximum 1e3"),
    ("number", {"maximum": 0.3}, "0.3", "0.30000000000000001", "0.30000000000000001 is above the maximum 0.3"),
    ("number", {"exclusiveMinimum": "99999999999999.98"}, "99999999999999.981", "99999999999999.980",
     "99999999999999.980 is not above the exclusiveMinimum 99999999999999.98"),
    ("number", {"minimum": 0}, "1E-400", "-1E-400", "-1E-400 is below the minimum 0"),
    ("number", {"enum": [0.1, "1E3"]}, "1000.0", "0.100000000000000001", "0.100000000000000001 is not one of 0.1, 1E3"),
    ("date", {"minimum": "2024-01-02"}, "2024-01-02", "2024-01-01", "'2024-01-01' is below the minimum 2024-01-02"),
    ("time", {"maximum": "12:00:00"}, "12:00:00", "12:00:01", "'12:00:01' is above the maximum 12:00:00"),
    ("datetime", {"exclusiveMinimum": "2024-01-01T00:00:00Z"}, "2024-01-01T00:00:01Z", "2024-01-01T01:00:00+01:00",
     "'2024-01-01T01:00:00+01:00' is not above the exclusiveMinimum 2024-01-01T00:00:00Z"),
    ("year", {"minimum": 1999}, "1999", "-1999", "-1999 is below the minimum 1999"),
    ("yearmonth", {"maximum": "2024-02"}, "2024-02", "2024-03", "'2024-03' is above the maximum 2024-02"),
    ("string", {"minLength": 2, "maxLength": 3}, "äöü", "a", "'a' is shorter than 2"),
    ("string", {"maxLength": 3}, "äöü", "äöüa", "'äöüa' is longer than 3"),
    ("string", {"pattern": "[a-c]+"}, "abc", "abcd", "'abcd' does not match [a-c]+"),
    ("string", {"pattern": r"^\d+$"}, "12", "12\n", "'12\\n' does not match ^\\d+$"),
    ("string", {"enum": ["a", "b"]}, "b", "B", "'B' is not one of a, b"),
    ("integer", {"enum": [1, "2"]}, "02", "3", "3 is not one of 1, 2"),
    ("number", {"enum": [1.5]}, "1.50", "1.6", "1.6 is not one of 1.5"),
    ("boolean", {"enum": [True]}, "1", "0", "'0' is not one of True"),
    ("date", {"enum": ["2024-01-01"]}, "2024-01-01", "2024-01-02", "'2024-01-02' is not one of 2024-01-01"),
    ("duration", {"enum": ["P1D"]}, "PT24H", "PT25H", "'PT25H' is not one of P1D"),
    ("any", {"required": True}, "x", None, "a value is required"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "constraints", "good", "bad", "note"), LIMITS, ids=lambda part: str(part)[:40])
@pytest.mark.parametrize("copies", [1, 1500], ids=["few rows", "many rows"])
def test_a_broken_constraint_is_reported(load, kind, constraints, good, bad, note, copies):
    """The last valid value passes; the first invalid one is reported with its constraint, in files of any size."""
    checked = load({"name": "a", "type": kind, "constraints": constraints})
    assert found(checked, a=[good] * copies) == []
    assert found(checked, a=[good] * copies + [bad]) == [(copies + 1, "a", "constraint-error", note)]


FEW_VALUES = [part[:4] for part in LIMITS if part[0] in {"integer", "string"}]


@pytest.mark.parametrize(("kind", "constraints", "good", "bad"), FEW_VALUES, ids=lambda part: str(part)[:40])
def test_a_few_integers_or_strings_are_judged_as_a_column_is(load, kind, constraints, good, bad):
    """The short path of small files asks for the new values alone; both ways find the same values invalid."""
    (column,) = load({"name": "a", "type": kind, "constraints": constraints}).columns
    valid, invalid = (int(text) if kind == "integer" else text for text in (good, bad))
    assert column.allows([valid, valid])
    assert not column.allows([valid, invalid])


@pytest.mark.parametrize("kind", ["integer", "number", "date", "datetime", "time", "year", "yearmonth"])
def test_a_missing_value_breaks_no_constraint(load, kind):
    """It is neither too small nor outside the choices."""
    value = {"date": "2024-01-01", "datetime": "2024-01-01T00:00:00Z", "time": "12:00:00", "yearmonth": "2024-01"}
    bound = value.get(kind, "2024")
    checked = load({"name": "a", "type": kind, "constraints": {"minimum": bound, "maximum": bound, "enum": [bound]}})
    assert found(checked, a=[None, bound, None]) == []


@pytest.mark.parametrize("listed", [["apple"], [{"value": "apple", "label": "An apple"}]])
def test_categories_are_choices(load, listed):
    """A field with categories accepts no other value, in either notation."""
    checked = load({"name": "a", "type": "string", "categories": listed, "categoriesOrdered": True})
    assert found(checked, a=["apple", "pear"]) == [(2, "a", "constraint-error", "'pear' is not one of apple")]


def test_missing_values_of_a_field_replace_those_of_the_schema(load):
    """A field's own list alone counts for it; the reader handles what all fields share."""
    checked = load({"name": "a"}, {"name": "b", "missingValues": [{"value": "-", "label": "none"}, ""]},
                   missingValues=["", "NA"])  # fmt: skip
    assert checked.missing_values == ("",)
    assert checked.field_missing == {"a": ("", "NA"), "b": ("-", "")}
    typed, _ = checked.check(pl.DataFrame({ROW: [1, 2], "a": ["NA", "-"], "b": ["NA", "-"]}))
    assert typed.rows() == [(1, None, "NA"), (2, "-", None)]


def test_findings_are_in_the_order_of_rows_and_fields(load):
    """Every error of a row is reported, row by row, in the order of the contract's fields."""
    checked = load({"name": "a", "type": "integer"}, {"name": "b", "constraints": {"required": True, "maxLength": 1}})
    assert [finding[:3] for finding in found(checked, b=["ok", None], a=["x", "y"])] == [
        (1, "a", "type-error"),
        (1, "b", "constraint-error"),
        (2, "a", "type-error"),
        (2, "b", "constraint-error"),
    ]


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        ("integer", "9223372036854775808", "does not fit into 64 bits"),
        ("number", "1e1000", "its exponent has more than three digits"),
        ("number", "1" * 1001, "it has more than 1,000 digits"),
        ("datetime", "2024-01-01T00:00:00.1234567Z", "it has more than six decimals of a second"),
        ("number", "NaN", "JSON cannot represent it"),
    ],
)
def test_a_type_error_has_a_hint_if_the_reason_is_known(load, kind, text, said):
    """A text that looks valid is reported with the reason why it is not."""
    ((_, _, _, note),) = found(load({"name": "a", "type": kind}), a=[text])
    assert note.startswith(f"{truncate(text)!r} is not of type {kind}: ")
    assert said in note


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ({"type": "number", "decimalChar": ",", "groupChar": "."}, "1.23"),
        ({"type": "datetime"}, "2024-02-30T00:00:00"),
    ],
)
def test_a_type_error_gives_no_reason_that_is_not_true(load, field, text):
    """A number in another notation has not too many digits, and a day that does not exist lacks no time zone."""
    ((_, _, _, note),) = found(load({"name": "a", **field}), a=[text])
    assert note == f"{text!r} is not of type {field['type']}"


def test_a_missing_time_zone_is_named(load):
    """A format that has a zone needs one in every value."""
    checked = load({"name": "a", "type": "datetime", "format": "%Y-%m-%dT%H:%M:%S%z"})
    ((_, _, _, note),) = found(checked, a=["2024-01-26T15:00:00"])
    assert "it has no time zone" in note


@pytest.mark.parametrize(
    ("constraints", "valid", "broken"),
    [
        ({"minimum": "2024-01-01T00:00:00Z"}, ["2024-01-01T00:00:00Z", "2024-01-01T14:00:00"],
         ["2023-12-31T23:59:59Z", "2024-01-01T13:59:59"]),
        ({"exclusiveMaximum": "2024-01-01T00:00:00"}, ["2023-12-31T23:59:59", "2023-12-31T09:59:59Z"],
         ["2024-01-01T00:00:00", "2023-12-31T10:00:00Z"]),
        ({"enum": ["2024-01-01T00:00:00", "2024-01-02T00:00:00Z"]},
         ["2024-01-01T00:00:00", "2024-01-02T01:00:00+01:00"],
         ["2024-01-01T00:00:00Z", "2024-01-02T00:00:00"]),
    ],
    ids=["minimum", "exclusiveMaximum", "enum"],
)  # fmt: skip
def test_a_datetime_without_a_zone_is_compared_as_xml_schema_says(load, constraints, valid, broken):
    """With one that has a zone, it is in order only if it is so in every time zone; the two are never equal."""
    checked = load({"name": "a", "type": "datetime", "constraints": constraints})
    assert found(checked, a=[*valid, None]) == []
    assert found(checked, a=[valid[0]]) == found(checked, a=[valid[1]]) == []
    assert [row for row, *_ in found(checked, a=[*valid, *broken])] == [3, 4]
    assert [len(found(checked, a=[text])) for text in broken] == [1, 1]


def test_a_pattern_takes_no_longer_for_a_hostile_text(load):
    """Nested repetitions are not tried in all combinations, for any rows of a small file."""
    text = "a" * 40 + "1"  # Python's own expressions would try a million million ways
    for pattern in ("([A-Za-z]+ ?)+", "(a|aa)*", "(a?){40}a{40}", "a?" * 40 + "a{41}"):
        checked = load({"name": "a", "type": "string", "constraints": {"pattern": pattern}})
        began = time.process_time()
        assert len(found(checked, a=[text])) == 1
        assert time.process_time() - began < 1


def test_a_pattern_with_one_part_of_variable_length_takes_linear_time(load):
    """A cell of a million characters is checked quickly, in a small file, too."""
    checked = load({"name": "a", "type": "string", "constraints": {"pattern": "[ab]*x[0-9]{2}"}})
    began = time.process_time()
    assert len(found(checked, a=["ab" * 500_000, "abx12", "x1"])) == 2
    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    ("kind", "constraints", "text"),
    [
        ("integer", {}, "x" * 100_000),
        ("string", {"maxLength": 9}, "\n" * 100_000),
        ("string", {"enum": ["y" * 90, "z" * 90]}, "x"),
        ("string", {"pattern": "y" * 900}, "x"),
        ("number", {"minimum": 1}, "0." + "0" * 90_000),
    ],
    ids=["type", "length", "choices", "pattern", "bound"],
)
def test_a_finding_shows_the_beginning_of_a_long_value(load, kind, constraints, text):
    """Neither a cell nor a constraint makes a note too long to read."""
    ((_, _, _, note),) = found(load({"name": "a", "type": kind, "constraints": constraints}), a=[text])
    assert "…" in note
    assert len(note) < 300


def test_a_contract_lists_its_keys_and_fields(load):
    """In any notation, keys are lists, each with the code of its findings."""
    checked = load(
        {"name": "a", "type": "datetime", "format": "%Y-%m-%d %H:%M"}, {"name": "b", "constraints": {"unique": True}},
        primaryKey="a", uniqueKeys=[["b", "a"]], fieldsMatch=["subset"], foreignKeys=[], title="t",
    )  # fmt: skip
    assert (checked.key, checked.unique_keys, checked.fields_match) == (("a",), (("b", "a"),), "subset")
    assert checked.unique == (("primary-key", ("a",)), ("unique-error", ("b", "a")), ("unique-error", ("b",)))
    assert (checked.names, checked.required, checked.local) == (("a", "b"), ("a",), {"a"})
    assert found(checked, a=[None], b=[None]) == [(1, "a", "primary-key", "a value is required")]


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"type": "object"}, r"\(field 'a'\).*'string', 'number', .* 'any'.*'object'"),
        ({"type": "list"}, r"\(field 'a'\).*'list'"),
        ({"typo": 1}, r"`fields.0.typo` \(field 'a'\): not a supported key; keys there: name, type"),
        ({"constraints": {"jsonSchema": {}}}, r"keys there: required, unique"),
        ({"type": "string", "format": "ipv4"}, r"'ipv4' is not supported; choose one of default, email"),
        ({"type": "integer", "format": "hex"}, r"'hex' of type integer is not supported"),
        ({"type": "date", "format": "any"}, r"would have to guess"),
        ({"type": "date", "format": "%x"}, r"has '%x', which is not supported; choose from %Y"),
        ({"type": "date", "format": "%Y-%m"}, r"has no complete date"),
        ({"type": "date", "format": "%Y-%m-%d %H:%M"}, r"would be lost; use the type datetime"),
        ({"type": "datetime", "format": "%Y-%m-%d"}, r"has no time"),
        ({"type": "datetime", "format": "%Y-%m-%d %H"}, r"needs at least %H:%M"),
        ({"type": "time", "format": "%H:%M %Y"}, r"a date or a time zone, which would be lost"),
        ({"type": "string", "trueValues": ["1"]}, r"trueValues is for boolean; 'a' is of type string"),
        ({"type": "boolean", "trueValues": ["1"], "falseValues": ["1"]}, r"'1' is both in trueValues"),
        ({"type": "number", "groupChar": "."}, r"must differ"),
        ({"type": "duration", "constraints": {"minimum": "P1D"}}, r"minimum is for .*; 'a' is of type duration"),
        ({"type": "integer", "constraints": {"pattern": "1"}}, r"pattern is for string, any"),
        ({"type": "integer", "constraints": {"minimum": "x"}}, r"minimum of 'a' has 'x', which is not of type integer"),
        ({"type": "integer", "constraints": {"minimum": 1e30}}, r"does not fit into 64 bits"),
        ({"type": "integer", "constraints": {"enum": [1.5]}}, r"enum of 'a' has 1.5"),
        ({"type": "integer", "categories": ["1", "2.0"]}, r"categories of 'a' has '2.0'"),
        ({"type": "date", "constraints": {"enum": ["1.1.2024"]}}, r"has '1.1.2024', which is not of type date"),
        ({"type": "string", "constraints": {"pattern": "("}}, r"pattern of 'a': `\(` without `\)`"),
        ({"type": "string", "constraints": {"pattern": "(?=a)"}}, r"pattern of 'a': `\(\?=`, a lookahead,"),
        ({"type": "string", "constraints": {"pattern": "(a{9999}){9999}"}}, r"pattern of 'a' is too large"),
        ({"name": "_row"}, r"cannot be named '_row'"),
        ({"missingValues": [{"value": 1}]}, r"missingValues are texts; 1 is not a text"),
    ],
)  # fmt: skip
def test_a_field_with_an_unsupported_check_is_refused(load, field, said):
    """The message names the field, its value and the choices."""
    with pytest.raises(BadInput, match=said):
        load({"name": "a", **field})


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ({"foreignKeys": [{"fields": ["a"]}]}, r"`foreignKeys`: other files are not read"),
        ({"uniqueKeys": [["b"]]}, r"uniqueKeys names 'b'; fields there: a"),
        ({"uniqueKeys": [[]]}, r"uniqueKeys has \[\]"),
        ({"fieldsMatch": "some"}, r"'exact', 'equal', 'subset', 'superset' or 'partial'"),
        ({"extra": 1}, r"`extra`: not a supported key; keys there: \$schema"),
    ],
)
def test_an_unsupported_schema_key_is_refused(load, others, said):
    """Keys beside the fields are refused in the same way."""
    with pytest.raises(BadInput, match=said):
        load({"name": "a"}, **others)
