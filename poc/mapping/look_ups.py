"""Look-ups of the map: texts that are replaced by others, from the partner's file or from a file of its own."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING

import polars as pl

from poc.batch import Finding
from poc.errors import BadInput
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from poc.config.map_field import MapField

#: The most bytes of a file of look-ups: it is held in memory.
MAX_FILE_BYTES = 64 << 20


class LookUp:
    """Replaces the texts of one field of the partner.

    Args:
        to: the partner's field.
        texts: the replacement of each text.
        default: of a text that is not among them; None where its row is rejected.
    """

    def __init__(self, to: str, texts: Mapping[str, str], default: str | None) -> None:
        self.to = to
        self._texts = texts
        self._default = default

    def compute(self, values: pl.Series) -> pl.Series:
        """Return the replacements; null for null, and for a text that has none."""
        texts, default = self._texts, self._default
        replaced = [None if text is None else texts.get(text, default) for text in values.to_list()]
        return pl.Series(values.name, replaced, dtype=pl.String)

    def findings(self, numbers: pl.Series, values: pl.Series, replaced: pl.Series) -> Iterator[Finding]:
        """Yield a finding for each row whose text has no replacement."""
        unknown = pl.DataFrame([numbers, values.alias("text")]).filter(values.is_not_null() & replaced.is_null())
        for row, text in unknown.iter_rows():
            yield Finding(row, "constraint-error", self.to, f"{truncate(text)!r} is not in the look-up")


def make_look_up(field: MapField, files: Mapping[str, bytes]) -> LookUp | None:
    """Return the look-up of a field; None for a field without one.

    Args:
        field: of the partner.
        files: the contents of all files that look-ups are in, by their names in the configuration.

    Raises:
        BadInput: the file cannot be read as one of look-ups.
    """
    if field.lookup is not None:
        return LookUp(field.to, field.lookup, field.lookup_default)
    if field.lookup_file is not None:
        return LookUp(field.to, parse_look_ups(field.lookup_file, files[field.lookup_file]), field.lookup_default)
    return None


def read_look_up_files(fields: Iterable[MapField], root: Path) -> dict[str, bytes]:
    """Return the contents of the files that look-ups are in, by their names in the configuration. Raises BadInput."""
    contents: dict[str, bytes] = {}
    for name in sorted({field.lookup_file for field in fields if field.lookup_file is not None}):
        path = root / name
        try:
            if not path.is_file():
                raise BadInput(f"{path}: no such file, but `lookup_file` names it")
            with path.open("rb") as file:
                contents[name] = file.read(MAX_FILE_BYTES + 1)
        except OSError as error:
            raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
        if len(contents[name]) > MAX_FILE_BYTES:
            raise BadInput(f"{path}: larger than {MAX_FILE_BYTES} bytes, too large for a look-up")
    return contents


def parse_look_ups(name: str, data: bytes) -> dict[str, str]:
    """Return the replacements in a CSV file of two columns with a header. Raises BadInput with name and line."""
    replacements: dict[str, str] = {}
    try:
        reader = csv.reader(StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        header = next(reader, [])
        if len(header) != 2:
            raise BadInput(f"{name}: needs a header of two columns, the text and its replacement; it has {len(header)}")
        for cells in reader:
            if not cells:  # a blank line
                continue
            if len(cells) != 2:
                raise BadInput(f"{name}: line {reader.line_num} has {len(cells)} cells instead of two")
            if cells[0] in replacements:
                raise BadInput(f"{name}: line {reader.line_num} has {truncate(cells[0])!r} for the second time")
            replacements[cells[0]] = cells[1]
    except UnicodeDecodeError as error:
        raise BadInput(f"{name}: not UTF-8: byte {error.start + 1}") from error
    except csv.Error as error:
        raise BadInput(f"{name}: line {reader.line_num}: {error}") from error
    if not replacements:
        raise BadInput(f"{name}: has no row below its header")
    return replacements
