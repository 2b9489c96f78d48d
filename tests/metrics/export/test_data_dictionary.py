"""The data dictionary describes every table and column of the metrics database."""

import json
from contextlib import closing

import pytest
from click.testing import CliRunner

from metrics.errors import BadInput
from metrics.export.data_dictionary import (
    build_metadata,
    fresh_columns,
    load_dictionary,
    metadata_json,
    parse_dictionary,
    write_beside,
)
from metrics.store.database import open_store
from milepost.cli import main

FRESH = fresh_columns()
TEXTS = load_dictionary()

SMALL = """
title = "T"
description = "D"
database = "The {clock} clock"

[columns]
id = "Number"

[tables.run]
description = "Runs"
"""


@pytest.mark.parametrize("table", FRESH)
def test_every_table_and_column_of_a_fresh_database_is_described(table):
    """A new column without a description fails here."""
    assert TEXTS.tables[table].description
    assert [name for name in FRESH[table] if not TEXTS.column_text(table, name)] == []


def test_only_existing_tables_and_columns_are_described():
    """A table or column that was removed has no description left."""
    assert set(TEXTS.tables) == set(FRESH)
    for table, texts in TEXTS.tables.items():
        assert set(texts.columns) <= set(FRESH[table]), table
    assert set(TEXTS.columns) <= {name for names in FRESH.values() for name in names}


def test_descriptions_name_the_unit_of_the_column_name():
    """A column whose name ends in a unit has that unit in its description."""
    words = {"_ns": "anosecond", "_us": "microsecond", "_bytes": "ytes"}
    for table, names in FRESH.items():
        for name in names:
            for ending, word in words.items():
                if name.endswith(ending):
                    assert word in TEXTS.column_text(table, name), (table, name)


def test_size_bands_are_filled_in():
    """The placeholder of the band column becomes the bands of this release."""
    assert "0 = 1-3, 1 = 4-15" in TEXTS.column_text("run", "band")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('title = "T"', 'titel = "T"'), "unknown field `titel`"),
        (('description = "Runs"', ""), r"required field `description` - at `\$\.tables"),
        (('description = "Runs"', 'description = "Runs"\ncolumn = 1'), r"unknown field `column` - at `\$\.tables"),
        (('id = "Number"', "id = 1"), r"Expected `str`, got `int` - at `\$\.columns"),
        (('id = "Number"', 'id = ""'), r"length >= 1 - at `\$\.columns"),
        (("[columns]", "[columns"), "texts.toml: "),
    ],
)
def test_a_mistake_in_the_dictionary_is_refused_with_its_place(change, message):
    """An unknown, missing, empty or wrong key is an error that names the file and the place."""
    assert parse_dictionary(SMALL, "texts.toml").column_text("run", "id") == "Number"
    with pytest.raises(BadInput, match=message) as caught:
        parse_dictionary(SMALL.replace(*change), "texts.toml")
    assert str(caught.value).startswith("texts.toml: ")


def test_the_file_beside_a_database_describes_it(tmp_path):
    """`metadata.json` has the columns of a store of this release, is written once, and is corrected if it differs."""
    store = tmp_path / "metrics-live.db"
    with closing(open_store(store, "live")) as db:
        columns = {name: list(db[name].columns_dict) for name in db.table_names()}
    write_beside(store)
    path = tmp_path / "metadata.json"
    assert json.loads(path.read_text()) == build_metadata(columns, TEXTS)
    changed_ns = path.stat().st_mtime_ns
    write_beside(store)
    assert path.stat().st_mtime_ns == changed_ns
    path.write_text("{}")
    write_beside(store)
    assert path.read_text() == metadata_json()


def test_metadata_has_datasettes_form():
    """Title, description and one entry per clock, with the description and columns of each table."""
    metadata = json.loads(metadata_json())
    assert list(metadata) == ["title", "description", "databases"]
    assert list(metadata["databases"]) == ["metrics-live", "metrics-replay"]
    database = metadata["databases"]["metrics-live"]
    assert database["description"] == "Measurements on the live clock"
    assert set(database["tables"]["run"]) == {"description", "columns"}


def test_the_command_prints_or_writes_the_metadata(tmp_path):
    """Standard output and a file get the same text."""
    assert CliRunner().invoke(main, ["metrics", "metadata"]).stdout == metadata_json()
    assert CliRunner().invoke(main, ["metrics", "metadata", "--output", str(tmp_path / "m.json")]).exit_code == 0
    assert (tmp_path / "m.json").read_text() == metadata_json()
    result = CliRunner().invoke(main, ["metrics", "metadata", "--output", str(tmp_path / "no" / "m.json")])
    assert result.exit_code == 2
