"""Nested JSON: the values of a record by their paths, and one row for each element of a list.

A row of an exploded list keeps, as its original bytes, its record with this element alone in the list, so that it can
be read again by itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from poc.formats.json_values import NumberText, describe_type, json_decoder, json_text
from poc.formats.parsed_block import BROKEN
from poc.formats.record_block import RecordBlock
from poc.text import truncate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from poc.config.formats.nested import JsonPaths
    from poc.formats.parsed_block import Faults

#: The most bytes that the rows of an exploded record may have, as a multiple of its own, and what is always allowed.
MAX_GROWTH, FREE_BYTES = 200, 1 << 20

#: About how many bytes of exploded rows are in one block, and the most rows.
BLOCK_BYTES, BLOCK_ROWS = 1 << 20, 1 << 16

#: Stands for an element in the text of a record; no other JSON text contains it.
PLACE = NumberText("\0")


class PathReader:
    """Reads the values of records by their paths."""

    def __init__(self, settings: JsonPaths, names: Sequence[str]) -> None:
        self._paths = [(name, settings.steps(name)) for name in names]
        self._exploded = tuple(settings.explode.split(".")) if settings.explode else ()
        first_steps = {steps[0] for _, steps in self._paths} | set(self._exploded[:1])
        self._not_extra = first_steps | set(names)  # a field is only read at its path
        self._decoder = json_decoder()

    def flatten(self, record: dict[str, Any], row: int, faults: Faults) -> dict[str, Any]:
        """Return the value of each field whose path exists, and the keys of the record that no path begins with."""
        flat = {key: value for key, value in record.items() if key not in self._not_extra}
        for name, steps in self._paths:
            value: Any = record
            for at, step in enumerate(steps):
                if isinstance(value, dict):
                    if step not in value:
                        break
                    value = value[step]
                elif isinstance(value, list) and step.isdigit():
                    if int(step) >= len(value):
                        break
                    value = value[int(step)]
                elif value is None:
                    break
                else:
                    path = ".".join(steps[:at])
                    note = f"{truncate(path)!r} is {describe_type(value)}, which has no {truncate(step)!r}"
                    faults.setdefault(row, []).append(("type-error", name, note))
                    break
                if isinstance(value, list) and steps[: at + 1] == self._exploded:
                    if len(value) > 1:
                        note = f"{len(value)} elements in the list {'.'.join(self._exploded)!r} are too many to be rows"
                        faults[row] = [(BROKEN, "", note)]
                    value = value[0] if value else None
            else:
                flat[name] = value
        return flat

    def explode(self, blocks: Iterator[RecordBlock]) -> Iterator[RecordBlock]:
        """Yield blocks in which each element of the exploded list is a row."""
        if not self._exploded:
            yield from blocks
            return
        rows: list[bytes] = []
        size_bytes = 0
        for block in blocks:
            if block.broken:  # lines that are too long are reported as they are
                if rows:
                    yield RecordBlock.of_rows(rows, block.grammar)
                    rows, size_bytes = [], 0
                yield block
                continue
            for line in block.rows():
                for row in self._rows_of(line):
                    rows.append(row)
                    size_bytes += len(row)
                    if size_bytes >= BLOCK_BYTES or len(rows) >= BLOCK_ROWS:
                        yield RecordBlock.of_rows(rows, block.grammar)
                        rows, size_bytes = [], 0
            if rows:
                yield RecordBlock.of_rows(rows, block.grammar)
                rows, size_bytes = [], 0

    def _rows_of(self, line: bytes) -> Iterator[bytes]:
        """Yield the rows of a record; one that cannot be read, or has fewer than two elements, is a row as it is."""
        try:
            record = self._decoder.decode(line.decode())
            elements = self._list_of(record)
            if elements is None or len(elements) < 2:
                yield line
                return
            texts = [json_text(element).encode() for element in elements]
            elements[:] = [PLACE]
            before, _, after = json_text(record).encode().partition(PLACE.encode())
        except (ValueError, RecursionError):  # also half a character, which cannot be written
            yield line
            return
        size_bytes = len(texts) * (len(before) + len(after)) + sum(map(len, texts))
        if size_bytes > max(MAX_GROWTH * len(line), FREE_BYTES):
            yield line  # `flatten` rejects it
            return
        for text in texts:
            yield before + text + after

    def _list_of(self, record: Any) -> list[Any] | None:
        value = record
        for step in self._exploded:
            if not isinstance(value, dict) or step not in value:
                return None
            value = value[step]
        return value if isinstance(value, list) else None
