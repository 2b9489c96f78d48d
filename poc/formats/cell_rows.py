"""Parser of single rows of cells, as they stand in quarantine: JSON with the cells as texts."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from poc.formats.json_values import InvalidJson, describe_type, json_decoder
from poc.formats.missing_texts import blank, missing_texts
from poc.formats.parsed_block import BROKEN, UNDECODABLE, ParsedBlock
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Callable

    from poc.batch import Finding
    from poc.config.partner import Feed
    from poc.formats.encodings import TextEncoding
    from poc.formats.file_head import FileHead
    from poc.formats.header import ExpectedFields
    from poc.formats.parsed_block import Faults
    from poc.formats.record_block import RecordBlock

Fault = tuple[str, str, str]


class CellRowParser:
    """Parses rows such as `{"sheet":"Data","row":7,"cells":{"id":"2"}}`."""

    def __init__(self, feed: Feed, expected: ExpectedFields) -> None:
        self._expected = expected
        self._missing = missing_texts(feed, expected)
        self._decoder = json_decoder()

    def block_parser(
        self,
        head: FileHead,  # noqa: ARG002 - rows say their own columns
        encoding: TextEncoding,  # noqa: ARG002 - rows are UTF-8
    ) -> tuple[Callable[[RecordBlock], ParsedBlock], tuple[Finding, ...]]:
        """Return the parser of rows; there are no notes."""
        return self._parse, ()

    def _parse(self, block: RecordBlock) -> ParsedBlock:
        faults: Faults = {}
        rows: list[int] = []
        records: list[dict[str, str | None]] = []
        for row, line in enumerate(block.rows()):
            cells = self._cells(line)
            if isinstance(cells, dict):
                rows.append(row)
                records.append(cells)
            else:
                faults[row] = [cells]
        columns = [
            blank(pl.Series(name, [record.get(name) for record in records], dtype=pl.String), self._missing[name])
            for name in self._expected.names
        ]
        return ParsedBlock(pl.DataFrame(columns), np.array(rows, dtype=np.int64), faults)

    def _cells(self, line: bytes) -> dict[str, str | None] | Fault:
        try:
            record: Any = self._decoder.decode(line.decode())
        except UnicodeDecodeError as error:
            return UNDECODABLE, "", f"not utf-8: byte 0x{line[error.start]:02x} at position {error.start + 1}"
        except json.JSONDecodeError as error:
            return BROKEN, "", f"not JSON: {error.msg} at position {error.pos + 1}"
        except InvalidJson as error:
            return BROKEN, "", f"not JSON: {error}"
        except RecursionError:
            return BROKEN, "", "JSON that is nested too deep to be read"
        cells = record.get("cells") if isinstance(record, dict) else None
        if not isinstance(cells, dict):
            return BROKEN, "", "a row is an object with an object `cells`"
        texts: dict[str, str | None] = {}
        for label, value in cells.items():
            if isinstance(value, list | dict):
                return "type-error", truncate(label), f"it is {describe_type(value)}, not a value"
            if isinstance(value, bool):
                pair = self._expected.boolean_texts.get(label, ("true", "false"))
                texts[label] = pair[0] if value else pair[1]
            else:
                texts[label] = None if value is None else str(value)
        return texts
