"""Lines of JSON that are written alike: the same keys in the same order, with the same white space between them.

Programs write their records so. One regular expression, made of a line that was read, then accepts all lines of a
block at once, and they are parsed by pyarrow, or, where a number is not a whole one, taken apart by the expression:
both in a fraction of the time of a JSON parser in Python. It accepts strictly less than JSON: a block in which any line
differs, or has an escape, a list or a boolean, is parsed line by line.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from poc.formats.header import ExpectedFields

#: White space of JSON, and after it a sign, a text without escapes, or another value.
TOKEN = re.compile(r'([ \t]*+)(?:([{}:,])|("[^"\\\x00-\x1f]*+")|([^ \t{}:,"\[\]]++))')

TEXT = r'"[^"\\\x00-\x1f]*+"'
INTEGER = r"-?(?:0|[1-9][0-9]*+)"
NUMBER = INTEGER + r"(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"

#: The least bytes of a block from whose lines a layout is made, and the most lines that are tried in a file.
MIN_BYTES, MAX_TRIES = 256 << 10, 3


#: A whole number that a parser gives back with the same digits.
SHORT = r"(?:0|-?[1-9][0-9]{0,17}+)"


#: Stands for a field in the pattern of a line.
PLACE = "\0"


class JsonLayout:
    """The layout of the lines of a file, made of one of them by `of`.

    Args:
        parts: patterns of the parts of a line; `PLACE` stands for the next field.
        kinds: the pattern of the values of each field.
        paths: the path of each field.
        names: all fields of the contract.
    """

    def __init__(
        self, parts: str, kinds: dict[str, str], paths: dict[str, tuple[str, ...]], names: tuple[str, ...]
    ) -> None:
        grouped, short = (
            fill(parts, [form.format(value) for value in values])
            for form, values in (
                ("({}|null)", list(kinds.values())),
                ("(?:{}|null)", [TEXT if kind == TEXT else SHORT for kind in kinds.values()]),
            )
        )
        self._pattern = re.compile(rf"(?m)^{grouped}[ \t]*+\r?(?:\n|\Z)")
        self._short = re.compile(rf"(?:{short}\n)*+(?:{short})?+".encode())
        self._is_text = {name: kind == TEXT for name, kind in kinds.items()}
        self._paths = paths
        self._schema = pa.schema(
            struct_fields([(paths[name], pa.string() if kind == TEXT else pa.int64()) for name, kind in kinds.items()])
        )
        self._names = names
        self.is_complete = set(names) == kinds.keys()

    @classmethod
    def of(cls, line: str, names_by_path: Mapping[tuple[str, ...], str], expected: ExpectedFields) -> JsonLayout | None:
        """Return the layout of a valid line; None for one that has something unusual."""
        parts: list[str] = []
        kinds: dict[str, str] = {}
        paths: dict[str, tuple[str, ...]] = {}
        for before, literal, path in tokens(line):
            parts.append(re.escape(before))
            if path is None:
                parts.append(re.escape(literal))
                continue
            name = names_by_path.get(path)
            group = value_pattern(literal, "" if name is None else expected.types.get(name, ""))
            unusual = name is not None and (name in kinds or name in expected.decimal_chars or not group)
            if unusual or (name is None and len(path) == 1):
                return None
            if name is None:
                parts.append(rf"(?:{TEXT}|{NUMBER}|true|false|null)")
            else:
                kinds[name], paths[name] = group, path
                parts.append(PLACE)
        return cls("".join(parts), kinds, paths, expected.names) if parts and kinds else None

    def is_text(self, name: str) -> bool:
        """Return whether the values of a field are texts."""
        return self._is_text.get(name, False)

    def columns(self, data: bytes, rows: int) -> pl.DataFrame | None:
        """Return the values of so many lines as columns of texts; None if one of them has another layout."""
        short = self._short.match(data)
        if short is not None and short.end() == len(data):
            return self._parsed(data, rows)
        found = self._pattern.findall(str(data, "utf-8"))
        if len(found) != rows:
            return None
        by_field = [found] if len(self._is_text) == 1 else list(zip(*found, strict=True))
        frame = pl.DataFrame(dict(zip(self._is_text, by_field, strict=True)), dict.fromkeys(self._is_text, pl.String))
        cells = []
        for name in self._names:
            cell = pl.col(name) if name in self._is_text else pl.lit(None, pl.String)
            if name in self._is_text:
                cell = pl.when(cell != "null").then(cell.str.strip_chars('"') if self._is_text[name] else cell)
            cells.append(cell.alias(name))
        return frame.select(cells)

    def _parsed(self, data: bytes, rows: int) -> pl.DataFrame | None:
        """Return the values of lines that the expression has accepted, with whole numbers of up to 18 digits."""
        from pyarrow import json

        table = json.read_json(
            pa.BufferReader(data),
            json.ReadOptions(use_threads=False, block_size=max(len(data), 1) + 1),
            json.ParseOptions(explicit_schema=self._schema, unexpected_field_behavior="ignore"),
        )
        if table.num_rows != rows:
            return None
        import pyarrow.compute as pc  # takes as long as a small file, and is needed for large ones alone

        columns = []
        for name in self._names:
            if name not in self._paths:
                columns.append(pl.Series(name, [None] * rows, dtype=pl.String))
                continue
            outer, *inner = self._paths[name]
            array = table.column(outer).combine_chunks()
            array = pc.struct_field(array, inner) if inner else array
            columns.append(pl.Series(name, pl.from_arrow(array)).cast(pl.String))
        return pl.DataFrame(columns)


def fill(parts: str, values: list[str]) -> str:
    """Return a pattern with the patterns of its fields."""
    first, *others = parts.split(PLACE)
    return first + "".join(value + part for value, part in zip(values, others, strict=True))


def struct_fields(paths: list[tuple[tuple[str, ...], pa.DataType]]) -> list[pa.Field]:
    """Return the fields of objects that have values at paths."""
    groups: dict[str, list[tuple[tuple[str, ...], pa.DataType]]] = {}
    for (first, *rest), kind in paths:
        groups.setdefault(first, []).append((tuple(rest), kind))
    return [
        pa.field(name, group[0][1] if not group[0][0] else pa.struct(struct_fields(group)))
        for name, group in groups.items()
    ]


def tokens(line: str) -> Iterator[tuple[str, str, tuple[str, ...] | None]]:
    """Yield the parts of a valid object: white space, text, and the path of one that is a value.

    It ends early, with a value without a path, for a line that has something unusual.
    """
    outer: list[str] = []
    key, at = "", 0
    while at < len(line):
        match = TOKEN.match(line, at)
        if match is None:
            if line[at:].strip():
                yield "", "", ("",)  # a list, or a text with an escape
            return
        before, sign, text, other = match.groups()
        at = match.end()
        follows = TOKEN.match(line, at)
        if sign:
            if sign == "{" and key:
                outer.append(key)
            elif sign == "}" and outer:
                outer.pop()
            key = "" if sign in "{}," else key
            yield before, sign, None
        elif text and not key and follows and follows[2] == ":":
            key = text[1:-1]
            yield before, text, None
        else:
            yield before, text or other, (*outer, key)


def value_pattern(literal: str, type_name: str) -> str:
    """Return the pattern of a field's values by one of them; empty where values must be looked at one by one."""
    if type_name == "any" or literal in {"true", "false"}:
        return ""
    is_number = type_name in {"integer", "number"} if literal == "null" else not literal.startswith('"')
    if not is_number:
        return TEXT
    return "" if type_name == "string" else INTEGER if type_name == "integer" else NUMBER
