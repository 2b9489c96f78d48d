"""Whoever opens the database elsewhere finds every column explained."""

import json
from contextlib import closing

import pytest
from click.testing import CliRunner

from metrics.export.data_dictionary import (
    COLUMNS,
    TABLES,
    build_metadata,
    describe_column,
    fresh_columns,
    metadata_json,
    write_beside,
)
from metrics.store.database import open_store
from milepost.cli import main

FRESH = fresh_columns()


@pytest.mark.parametrize("table", FRESH)
def test_every_table_and_column_of_a_fresh_database_is_described(table):
    """A column that is added without words fails here."""
    assert TABLES[table][0]
    assert [name for name in FRESH[table] if not describe_column(table, name)] == []


def test_what_is_described_is_there():
    """A table or column that is gone does not linger in words."""
    assert set(TABLES) == set(FRESH)
    for table, (_, own) in TABLES.items():
        assert set(own) <= set(FRESH[table]), table
    assert set(COLUMNS) <= {name for names in FRESH.values() for name in names}


def test_units_in_names_are_units_in_words():
    """What ends in a unit is said to be in it."""
    words = {"_ns": "anosecond", "_us": "microsecond", "_bytes": "ytes"}
    for table, names in FRESH.items():
        for name in names:
            for ending, word in words.items():
                if name.endswith(ending):
                    assert word in describe_column(table, name), (table, name)


def test_it_is_that_of_the_database_it_lies_beside(tmp_path):
    """The file has what a store of this release has, is written once, and mended where it is not ours."""
    store = tmp_path / "metrics-live.db"
    with closing(open_store(store, "live")) as db:
        columns = {name: list(db[name].columns_dict) for name in db.table_names()}
    write_beside(store)
    path = tmp_path / "metadata.json"
    assert json.loads(path.read_text()) == build_metadata(columns)
    stamp = path.stat().st_mtime_ns
    write_beside(store)
    assert path.stat().st_mtime_ns == stamp
    path.write_text("{}")
    write_beside(store)
    assert path.read_text() == metadata_json()
    assert "metrics-live" in json.loads(path.read_text())["databases"]


def test_the_command_prints_or_writes_it(tmp_path):
    """On stdout or in a file, the same."""
    assert CliRunner().invoke(main, ["metrics", "metadata"]).stdout == metadata_json()
    assert CliRunner().invoke(main, ["metrics", "metadata", "--output", str(tmp_path / "m.json")]).exit_code == 0
    assert (tmp_path / "m.json").read_text() == metadata_json()
    done = CliRunner().invoke(main, ["metrics", "metadata", "--output", str(tmp_path / "no" / "m.json")])
    assert done.exit_code == 2
