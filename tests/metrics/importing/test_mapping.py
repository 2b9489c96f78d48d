"""A mapping is read strictly, and a mistake in it names the key and the choices."""

import re
import tomllib
from pathlib import Path

import pytest

from metrics.errors import BadInput
from metrics.importing.mapping import (
    SIZE_UNITS,
    TIME_UNITS,
    ColumnField,
    DurationField,
    LogMapping,
    NameField,
    OutcomeField,
    SizeField,
    TimestampField,
    parse_mapping,
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"strated_at": {"column": "x"}}, "unknown key `import.strated_at`; known keys: started_at, duration"),
        (
            {"started_at": {"column": "x", "tz": "UTC"}},
            "unknown key `import.started_at.tz`; known keys: column, format",
        ),
        (
            {"started_at": {"column": "x", "zone": "Berlin"}},
            "`import.started_at.zone` (is 'Berlin'): no such time zone",
        ),
        ({"started_at": {"column": "x", "format": "%Y", "epoch": "s"}}, "both `format` and `epoch`"),
        ({"duration": {"column": "x", "unit": "hours"}}, "`import.duration.unit` (is 'hours')"),
        ({"duration": None}, "needs either `duration` or `ended_at`"),
        ({"partner": "AA"}, "`import.partner` (is 'AA'): is a table: { column = \"...\" }; its keys: column, value"),
        ({"partner": {"column": "x", "value": "y"}}, "needs either `column` or `value`"),
        ({"outcome": {"column": "x"}}, "needs the values that mean done"),
        ({"outcome": {"column": "x", "done": ["1"], "failed": ["1"]}}, "'1' cannot mean two things"),
        ({"outcome": {"value": "done", "done": ["1"]}}, "choose one"),
        ({"attempt": {"column": "x"}}, "has `attempt` without `id`"),
        ({"system": {"value": "servise@1"}}, "unknown subject 'servise@1'"),
        ({"feed": None}, "`import.feed` is missing"),
        ({"delimiter": '"'}, "`import.delimiter` (is '\"'): is a quote, a line end or NUL"),
        ({"delimiter": "\n"}, "is a quote, a line end or NUL; choose the character between two cells"),
    ],
)
def test_a_mistake_in_the_mapping_names_the_key_and_the_choices(table, change, message):
    """Each message has the place and the valid choices."""
    mapping = {name: value for name, value in {**table, **change}.items() if value is not None}
    with pytest.raises(BadInput, match=re.escape(message)) as caught:
        parse_mapping(mapping, "milepost.toml")
    assert str(caught.value).startswith("milepost.toml: ")


def test_every_key_of_the_mapping_is_documented():
    """docs/reference/import.md has a row for each key and unit, and its examples are valid."""
    text = (Path(__file__).parents[3] / "docs" / "reference" / "import.md").read_text()
    keys = set(LogMapping.model_fields)
    keys |= {
        name
        for model in (TimestampField, DurationField, SizeField, OutcomeField, NameField, ColumnField)
        for name in model.model_fields
    }
    assert keys - set(re.findall(r"`([a-z_]+)`", text)) == set()
    for unit in (*TIME_UNITS, *SIZE_UNITS):
        assert f'`"{unit}"`' in text
    examples = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    assert examples
    for example in examples:
        assert parse_mapping(tomllib.loads(example)["import"], "docs/reference/import.md").columns
