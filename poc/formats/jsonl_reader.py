"""JSON Lines reader: one object per line, UTF-8, ended by LF or CRLF. See https://jsonlines.org.

A line that is not strict JSON, or not an object, is rejected alone. Numbers keep their text and are never converted to
a float, so that a long one arrives as it was sent. Values are converted column by column.

The first record takes the place of the header of other formats: if its keys differ from the contract, the file has
schema drift, which is reported once. A record may omit the key of a missing value, so an absent key is drift only if
its field is required; a field that no record of the first block has is noted. In later records, an absent key is null,
and a key beyond the contract is a finding of its row. If the first block, of up to 1 MiB, has no valid record, it is
passed on before any record is known; then every row is reported for itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from poc.batch import Finding
from poc.formats.grammar import Grammar, line_grammar
from poc.formats.header import allows_extra_fields, allows_missing_fields, compare_record
from poc.formats.json_layout import MAX_TRIES, MIN_BYTES, JsonLayout
from poc.formats.json_paths import PathReader
from poc.formats.json_values import (
    InvalidJson,
    NumberText,
    describe_type,
    integer_text,
    json_decoder,
    json_excerpt,
    json_literal,
)
from poc.formats.missing_texts import blank, missing_texts
from poc.formats.parsed_block import BROKEN, UNDECODABLE, ParsedBlock
from poc.formats.record_splitter import RecordSplitter
from poc.text import truncate

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator

    from poc.config.partner import Feed
    from poc.formats.encodings import TextEncoding
    from poc.formats.file_head import FileHead
    from poc.formats.header import ExpectedFields
    from poc.formats.parsed_block import Faults
    from poc.formats.record_block import RecordBlock
    from poc.formats.record_splitter import ByteBuffer

#: The most keys beyond the contract that are noted for one file.
MAX_NOTED_KEYS = 100


@dataclass(slots=True)
class FileState:
    """State of one file: whether its first block has been parsed, and the keys beyond the contract noted so far.

    `layout` is that of its lines, if they are written alike, and `tries` the lines that were looked at for it.
    """

    started: bool = False
    noted: set[str] = field(default_factory=set)
    layout: JsonLayout | None = None
    tries: int = 0


class JsonLinesFormat:
    """The JSON Lines format of one feed under one contract; the first record of a `whole` file is compared with it."""

    def __init__(self, feed: Feed, expected: ExpectedFields, *, whole: bool = True) -> None:
        self._expected = expected
        self._whole = whole
        self._grammar = line_grammar()
        self._names = frozenset(expected.names)
        self._accept_extra = feed.on_drift == "accept-extra"
        self._allows_extra = allows_extra_fields(expected) or self._accept_extra
        self._notes_extra = not allows_extra_fields(expected)
        self._decoder = json_decoder()
        self._paths = None if feed.nested is None else PathReader(feed.nested, expected.names)
        self._names_by_path = {
            (name,) if feed.nested is None else feed.nested.steps(name): name for name in expected.names
        }
        self._missing = missing_texts(feed, expected)
        self._never_missing = {  # no number is written as one of the texts that mean a missing value
            name for name, texts in self._missing.items() if not any(text[-1:].isdigit() for text in texts)
        }

    def header(self) -> re.Pattern[bytes] | None:
        """Return None: every line has its keys."""
        return None

    def grammar(self, header: bytes | None) -> Grammar:  # noqa: ARG002 - the same for any header
        """Return the grammar in which rows are lines."""
        return self._grammar

    def blocks(self, buffer: ByteBuffer, header: bytes | None) -> Iterator[RecordBlock]:
        """Yield the blocks of a file; a row is a line, or an element of the list in it that is exploded."""
        blocks = RecordSplitter(buffer, self.grammar(header)).blocks()
        return blocks if self._paths is None else self._paths.explode(blocks)

    def explain_header(self, header: bytes, end: bytes) -> str:
        """Explain why a line is no row."""
        return self._grammar.explain_fault(header, end)

    def block_parser(
        self,
        head: FileHead,  # noqa: ARG002 - the format has no header
        encoding: TextEncoding,
    ) -> tuple[Callable[[RecordBlock], ParsedBlock], tuple[Finding, ...]]:
        """Return the parser of one file's blocks, to be called in their order; there are no notes in advance.

        Parsing the first block raises SchemaDrift if the first record differs from the contract.
        """
        state = FileState(started=not self._whole)
        return lambda block: self._parse(block, encoding, state), ()

    def _parse(self, block: RecordBlock, encoding: TextEncoding, state: FileState) -> ParsedBlock:
        if state.tries == 0:
            self._look_for_layout(block, encoding, state, 0)
        if state.layout is not None and (state.started or state.layout.is_complete):  # then, no record can be drift
            frame = self._columns(block, encoding, state.layout)
            if frame is not None:
                state.started = True
                return ParsedBlock(frame, None, {})
        faults: Faults = {row: [(BROKEN, "", note)] for row, note in block.broken_rows().items()}
        rows: list[int] = []
        records: list[dict[str, Any]] = []
        notes: list[Finding] = []
        count = 0
        for row, line in enumerate(block.rows()):
            count = row + 1
            if row in faults:
                continue
            record = self._decode(line, encoding)
            if isinstance(record, dict):
                if self._paths is not None:
                    record = self._paths.flatten(record, row, faults)
                records.append(record)
                rows.append(row)
                if not self._names.issuperset(record):
                    self.check_extra_keys(row, record, faults, notes, state.noted)
            else:
                faults[row] = [record]
        parsed = self.table(records, rows, faults, notes, count, state)
        if rows and state.tries < MAX_TRIES:
            self._look_for_layout(block, encoding, state, rows[-1])
        return parsed

    def _look_for_layout(self, block: RecordBlock, encoding: TextEncoding, state: FileState, row: int) -> None:
        """Make a layout of a row of a large block, if it is valid."""
        if len(block.data) < MIN_BYTES or encoding.codec != "utf-8" or not len(block.spans()[0]):
            return
        state.tries += 1
        line = block.row(row)
        if isinstance(self._decode(line, encoding), dict):
            state.layout = JsonLayout.of(line.decode(), self._names_by_path, self._expected)

    def _columns(self, block: RecordBlock, encoding: TextEncoding, layout: JsonLayout) -> pl.DataFrame | None:
        """Return the values of lines of one layout; None for another block."""
        if block.broken or len(block.runs) != 1 or encoding.codec != "utf-8":
            return None
        data = bytes(block.well_formed())
        if not data.isascii() and encoding.utf8(data) is None:
            return None
        frame = layout.columns(data, len(block.spans()[0]))
        if frame is None:
            return None
        columns = [
            column if column.name in self._never_missing and not layout.is_text(column.name)
            else blank(column, self._missing[column.name])
            for column in frame.iter_columns()
        ]  # fmt: skip
        return pl.DataFrame(columns)

    def table(
        self,
        records: list[dict[str, Any]],
        rows: list[int],
        faults: Faults,
        notes: list[Finding],
        count: int,
        state: FileState,
    ) -> ParsedBlock:
        """Return the records of a block as columns.

        Args:
            records: the values by field.
            rows: the row of each record in the block.
            faults: those of the block's rows; those of values are added.
            notes: on the block.
            count: rows of the block.
            state: of the file; the first record of a whole file is compared with the contract.

        Raises:
            SchemaDrift: the first record differs.
        """
        if records and not state.started:
            compare_record(list(records[0]), self._expected, accept_extra=self._accept_extra)
            notes += self._absent_fields(records)
        state.started = True
        frame = pl.DataFrame(
            [
                self._column(name, [record.get(name) for record in records], rows, faults)
                for name in self._expected.names
            ]
        )
        if not faults:
            return ParsedBlock(frame, None, faults, tuple(notes))
        valid_rows = np.array(rows, dtype=np.int64)
        if len(rows) + len(faults) > count:  # some records got a fault after they were decoded
            valid = np.array([row not in faults for row in rows], dtype=bool)
            frame, valid_rows = frame.filter(pl.Series(valid)), valid_rows[valid]
        return ParsedBlock(frame, valid_rows, faults, tuple(notes))

    def _decode(self, line: bytes, encoding: TextEncoding) -> dict[str, Any] | tuple[str, str, str]:
        text = encoding.utf8(line)
        if text is None:
            return UNDECODABLE, "", encoding.fault(line)
        try:
            value = self._decoder.decode(str(text, "utf-8"))
            if b"\\ud" in line or b"\\uD" in line:
                json.dumps(value, ensure_ascii=False).encode()  # an unpaired surrogate cannot be written again
        except json.JSONDecodeError as error:
            return BROKEN, "", f"not JSON: {error.msg} at position {error.pos + 1}"
        except InvalidJson as error:
            return BROKEN, "", f"not JSON: {error}"
        except UnicodeEncodeError:
            return BROKEN, "", "not JSON: an escape stands for half a character"
        except RecursionError:
            return BROKEN, "", "JSON that is nested too deep to be read"
        if not isinstance(value, dict):
            return BROKEN, "", f"{describe_type(value)}, not an object"
        return value

    def check_extra_keys(
        self, row: int, record: dict[str, Any], faults: Faults, notes: list[Finding], noted: set[str]
    ) -> None:
        """Add a fault for each key beyond the contract, or a note if the feed accepts such keys."""
        for key in record:
            if key in self._names:
                continue
            if not self._allows_extra:
                fault = ("extra-cell", "", f"the key {truncate(key)!r} is not in the contract")
                faults.setdefault(row, []).append(fault)
            elif self._notes_extra and key not in noted and len(noted) < MAX_NOTED_KEYS:
                noted.add(key)
                note = f"key {truncate(key)!r} is not in the contract; ignored"
                notes.append(Finding(0, "extra-label", truncate(key), note))

    def _absent_fields(self, records: list[dict[str, Any]]) -> list[Finding]:
        """Return notes on fields of the contract whose key is in none of a file's first records."""
        if allows_missing_fields(self._expected):
            return []
        return [
            Finding(
                0, "missing-label", name, f"no record has the key {name!r} (of the first {len(records)}); it is null"
            )
            for name in self._expected.names
            if not any(name in record for record in records)
        ]

    def _column(self, name: str, values: list[Any], rows: list[int], faults: Faults) -> pl.Series:
        """Return one field's values as text; add a fault for each JSON type that cannot be of the field's type.

        Numbers and booleans are values already: they get the notation of the field, so that its options, which are for
        texts, do not alter them. The values of a field of type `any` remain JSON.
        """
        types = set(map(type, values))
        expected_type = self._expected.types.get(name)
        wrong_types = {dict, list} | ({bool, NumberText} if expected_type == "string" else set())
        if types & wrong_types:
            for index, value in enumerate(values):
                if type(value) in wrong_types:
                    note = f"{json_excerpt(value)} is {describe_type(value)}, not of type {expected_type or 'string'}"
                    faults.setdefault(rows[index], []).append(("type-error", name, note))
                    values[index] = None
        if bool in types and expected_type != "any":
            texts = dict(zip((True, False), self._expected.boolean_texts.get(name, ("true", "false")), strict=True))
            values = [texts[value] if isinstance(value, bool) else value for value in values]
        missing = self._missing[name]
        if not missing.isdisjoint(values):
            values = [None if value in missing else value for value in values]
        if expected_type == "any":
            values = [json_literal(value) for value in values]
        if expected_type == "integer" and NumberText in types:
            values = [integer_text(value) if type(value) is NumberText else value for value in values]
        decimal_char = self._expected.decimal_chars.get(name)
        if decimal_char and NumberText in types:
            values = [value.replace(".", decimal_char) if type(value) is NumberText else value for value in values]
        return pl.Series(name, values, dtype=pl.String)
