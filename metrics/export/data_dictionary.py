"""The data dictionary of the metrics database, written as Datasette's `metadata.json`.

The texts are in `data_dictionary.toml`, beside this module.
"""

from __future__ import annotations

import contextlib
import json
from importlib import resources
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from metrics.errors import BadInput
from metrics.file_output import write_atomically
from metrics.store.database import CLOCKS
from metrics.store.rows import BANDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Text = Annotated[str, msgspec.Meta(min_length=1)]


class TableTexts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The description of one table, and of those columns that mean something else in it than elsewhere."""

    description: Text
    columns: dict[str, Text] = {}


class DataDictionary(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The texts of `data_dictionary.toml`; a column is described by its own table, or by `columns`."""

    title: Text
    description: Text
    database: Text
    columns: dict[str, Text]
    tables: dict[str, TableTexts]

    def column_text(self, table: str, column: str) -> str | None:
        """Return the description of a column; None if there is none."""
        own = self.tables[table].columns if table in self.tables else {}
        text = own.get(column) or self.columns.get(column)
        bands = ", ".join(f"{number} = {records}" for number, records in enumerate(BANDS))
        return text and text.replace("{bands}", bands)


def load_dictionary() -> DataDictionary:
    """Read the data dictionary of this release."""
    file = resources.files("metrics.export") / "data_dictionary.toml"
    return parse_dictionary(file.read_text("utf-8"), file.name)


def parse_dictionary(text: str, name: str) -> DataDictionary:
    """Parse a data dictionary in TOML.

    Args:
        text: the content of the file.
        name: the file's name, for messages.

    Raises:
        BadInput: not TOML, or a key is missing, unknown, empty or not a text; the message names its place.
    """
    try:
        return msgspec.toml.decode(text, type=DataDictionary)
    except msgspec.DecodeError as error:
        raise BadInput(f"{name}: {error}") from error


def build_metadata(columns: Mapping[str, list[str]], dictionary: DataDictionary) -> dict[str, Any]:
    """Return the metadata of databases whose tables have these columns."""
    tables = {
        table: {
            "description": dictionary.tables[table].description,
            "columns": {name: text for name in names if (text := dictionary.column_text(table, name))},
        }
        for table, names in columns.items()
        if table in dictionary.tables
    }
    return {
        "title": dictionary.title,
        "description": dictionary.description,
        "databases": {
            f"metrics-{clock}": {"description": dictionary.database.replace("{clock}", clock), "tables": tables}
            for clock in CLOCKS
        },
    }


def metadata_json() -> str:
    """Return the metadata of a database of this release, as JSON."""
    return json.dumps(build_metadata(fresh_columns(), load_dictionary()), indent=2, ensure_ascii=False) + "\n"


def fresh_columns() -> dict[str, list[str]]:
    """Return the tables of this release and their columns."""
    from sqlite_utils import Database

    from metrics.store.migrations import migrations

    db = Database(memory=True)
    try:
        migrations.apply(db)
        return {name: list(db[name].columns_dict) for name in db.table_names()}
    finally:
        db.close()


def write_beside(store: Path) -> None:
    """Write `metadata.json` beside a database, unless it is up to date. A folder that cannot be written is skipped."""
    path = store.with_name("metadata.json")
    text = metadata_json()
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if path.read_text("utf-8") == text:
            return
    with contextlib.suppress(BadInput):  # the file helps readers; measuring does not need it
        write_metadata(path, private=True)


def write_metadata(path: Path, *, private: bool = False) -> None:
    """Write the metadata to a file, whole or not at all; `private`: for its owner only. Raises BadInput."""
    with write_atomically(path, private=private) as sink:
        sink.write(metadata_json().encode())
