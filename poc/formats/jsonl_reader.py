"""JSON Lines in: one object a line, UTF-8, ended by LF or CRLF. See https://jsonlines.org.

A line that is not JSON to the letter is set aside alone; so is one that is no object. Numbers are taken as they are
written, never through a float, so that a long one arrives as it was sent. Columns are made a column at a time.

The first record stands for the header that other formats have: where its keys are not the contract's, the file has
drifted, and that is told once. A record need not have the key of a value that it does not have, so an absent key is
drift only if its field is required; a field that no record of the first block has is noted. In later records an absent
key is null, and a key beyond the contract is a finding of its row. Where the first block, of up to 1 MiB, holds not one
record, it has been passed on before any is seen; then every row is told for itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from poc.batch import Finding
from poc.formats.grammar import line_grammar
from poc.formats.header import allows_extra_fields, allows_missing_fields, compare_record
from poc.formats.table_reader import BROKEN, UNDECODABLE, ParsedBlock
from poc.text import truncate

if TYPE_CHECKING:
    import re
    from collections.abc import Callable

    from poc.config.partner import Feed
    from poc.formats.encodings import TextEncoding
    from poc.formats.file_head import FileHead
    from poc.formats.grammar import Grammar
    from poc.formats.header import ExpectedFields
    from poc.formats.record_splitter import RecordBlock
    from poc.formats.table_reader import Faults

#: Keys beyond the contract that are noted for one file at the most.
MAX_NOTED_KEYS = 100


class NumberText(str):
    """A number as it is written."""

    __slots__ = ()


class InvalidJson(ValueError):
    """A line that the parser would take and JSON does not know, or that says a thing twice."""


def reject_constant(name: str) -> None:
    """Raises NotJson: NaN and Infinity are no JSON."""
    raise InvalidJson(f"{name} is no JSON value")


def object_with_distinct_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object. Raises NotJson for one in which a key stands twice: one of its values would be lost."""
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise InvalidJson(f"the key {truncate(key)!r} stands twice")
            seen.add(key)
    return made


@dataclass(slots=True)
class FileState:
    """What is known of one file: whether its first block has been read, and keys beyond the contract noted so far."""

    begun: bool = False
    noted: set[str] = field(default_factory=set)


class JsonLinesFormat:
    """JSON Lines as one feed writes it, under one contract; `whole` files begin with a record to hold against it."""

    def __init__(self, feed: Feed, shape: ExpectedFields, *, whole: bool = True) -> None:
        self._shape = shape
        self._whole = whole
        self._grammar = line_grammar()
        self._known = frozenset(shape.names)
        self._accept_extra = feed.on_drift == "accept-extra"
        self._allowed = allows_extra_fields(shape) or self._accept_extra
        self._note_extra = not allows_extra_fields(shape)
        self._decoder = json.JSONDecoder(
            parse_int=NumberText,
            parse_float=NumberText,
            parse_constant=reject_constant,
            object_pairs_hook=object_with_distinct_keys,
        )
        self._missing = {
            name: frozenset((*shape.field_missing.get(name, shape.missing_values), *feed.dialect.nulls))
            for name in shape.names
        }

    def header(self) -> re.Pattern[bytes] | None:
        """None: keys stand in every line."""
        return None

    def grammar(self, header: bytes | None) -> Grammar:  # noqa: ARG002 - the same under any
        """Rows are lines."""
        return self._grammar

    def cells(
        self,
        head: FileHead,  # noqa: ARG002 - no header, so nothing of it matters
        letters: TextEncoding,
    ) -> tuple[Callable[[RecordBlock], ParsedBlock], tuple[Finding, ...]]:
        """How the blocks of one file are read, in their order; there is nothing to note beforehand.

        Reading the first of them raises Drift where the first record is not the contract's.
        """
        told = FileState(begun=not self._whole)
        return lambda block: self._read(block, letters, told), ()

    def _read(self, block: RecordBlock, letters: TextEncoding, told: FileState) -> ParsedBlock:
        bad: Faults = {row: [(BROKEN, "", note)] for row, note in block.broken_rows().items()}
        good: list[int] = []
        objects: list[dict[str, Any]] = []
        notes: list[Finding] = []
        count = 0
        for row, line in enumerate(block.rows()):
            count = row + 1
            if row in bad:
                continue
            found = self._object(line, letters)
            if isinstance(found, dict):
                objects.append(found)
                good.append(row)
                if not self._known.issuperset(found):
                    self._beyond(row, found, bad, notes, told.noted)
            else:
                bad[row] = [found]
        if objects and not told.begun:
            compare_record(list(objects[0]), self._shape, accept_extra=self._accept_extra)
            notes += self._absent(objects)
        told.begun = True
        columns = [self._column(name, [found.get(name) for found in objects], good, bad) for name in self._shape.names]
        frame = pl.DataFrame(columns)
        if not bad:
            return ParsedBlock(frame, None, bad, tuple(notes))
        kept = np.array([row not in bad for row in good], dtype=bool)
        places = np.array(good, dtype=np.int64)
        if len(good) + len(bad) > count:  # some objects have been found wanting since
            frame, places = frame.filter(pl.Series(kept)), places[kept]
        return ParsedBlock(frame, places, bad, tuple(notes))

    def _object(self, line: bytes, letters: TextEncoding) -> dict[str, Any] | tuple[str, str, str]:
        text = letters.utf8(line)
        if text is None:
            return UNDECODABLE, "", letters.fault(line)
        try:
            found = self._decoder.decode(str(text, "utf-8"))
            if b"\\ud" in line or b"\\uD" in line:
                json.dumps(found, ensure_ascii=False).encode()  # half a letter cannot be written again
        except json.JSONDecodeError as error:
            return BROKEN, "", f"not JSON: {error.msg} at position {error.pos + 1}"
        except InvalidJson as error:
            return BROKEN, "", f"not JSON: {error}"
        except UnicodeEncodeError:
            return BROKEN, "", "not JSON: an escape stands for half a letter"
        except RecursionError:
            return BROKEN, "", "not JSON that can be read: nested too deep"
        if not isinstance(found, dict):
            return BROKEN, "", f"{describe_type(found)}, not an object"
        return found

    def _beyond(self, row: int, found: dict[str, Any], bad: Faults, notes: list[Finding], noted: set[str]) -> None:
        """Note keys that the contract does not know, or find them in the row."""
        for key in found:
            if key in self._known:
                continue
            if not self._allowed:
                bad.setdefault(row, []).append(("extra-cell", "", f"the key {truncate(key)!r} is not in the contract"))
            elif self._note_extra and key not in noted and len(noted) < MAX_NOTED_KEYS:
                noted.add(key)
                note = f"key {truncate(key)!r} is not in the contract; read over"
                notes.append(Finding(0, "extra-label", truncate(key), note))

    def _absent(self, objects: list[dict[str, Any]]) -> list[Finding]:
        """Notes of fields whose key is in none of a file's first records, though the contract wants it there."""
        if allows_missing_fields(self._shape):
            return []
        return [
            Finding(
                0, "missing-label", name, f"no record has the key {name!r} (of the first {len(objects)}); it is null"
            )
            for name in self._shape.names
            if not any(name in found for found in objects)
        ]

    def _column(self, name: str, values: list[Any], rows: list[int], bad: Faults) -> pl.Series:
        """One field's values as text, those that no text of the field's type can be found wanting."""
        kinds = set(map(type, values))
        wordy = self._shape.types.get(name) == "string"
        wrong = {dict, list} | ({bool, NumberText} if wordy else set())
        if kinds & wrong:
            for at, value in enumerate(values):
                if type(value) in wrong:
                    expected = self._shape.types.get(name, "string")
                    note = f"{json_excerpt(value)} is {describe_type(value)}, not of type {expected}"
                    bad.setdefault(rows[at], []).append(("type-error", name, note))
                    values[at] = None
        if bool in kinds:
            values = [("true" if value else "false") if isinstance(value, bool) else value for value in values]
        missing = self._missing[name]
        if not missing.isdisjoint(values):
            values = [None if value in missing else value for value in values]
        return pl.Series(name, values, dtype=pl.String)


def describe_type(value: Any) -> str:
    """What a JSON value is, in words."""
    if value is None:
        return "null"
    named = {bool: "a boolean", NumberText: "a number", str: "a text", list: "an array", dict: "an object"}
    return named[type(value)]


def json_excerpt(value: Any) -> str:
    """A value as JSON, its beginning."""
    if isinstance(value, list | dict):
        return "it"
    return truncate(str(value) if isinstance(value, NumberText) else json.dumps(value))
