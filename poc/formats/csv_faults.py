"""Faults of the rows of a CSV block: which rows cannot be decoded, and which are too short or too long."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from poc.formats.parsed_block import BROKEN, UNDECODABLE

if TYPE_CHECKING:
    from poc.formats.encodings import TextEncoding
    from poc.formats.parsed_block import Faults
    from poc.formats.record_block import RecordBlock


def broken_faults(block: RecordBlock) -> Faults:
    """Return the faults of the broken rows; rows that are broken alike share one list."""
    broken = block.broken_rows()
    by_note = {note: [(BROKEN, "", note)] for note in set(broken.values())}
    return {row: by_note[note] for row, note in broken.items()}


def undecodable_rows(block: RecordBlock, encoding: TextEncoding, faults: Faults) -> Faults:
    """Return the faults of rows that are not valid in the encoding, among those without a fault."""
    starts, ends = block.spans()
    if not len(starts) or encoding.utf8(memoryview(block.data)[starts[0] : ends[-1]]) is not None:
        return {}
    places = np.flatnonzero(np.frombuffer(block.data, np.uint8) > 127)
    row_of = np.searchsorted(starts, places, side="right") - 1  # -1 for a byte before the block's rows
    rows = [row for row in np.unique(row_of).tolist() if row >= 0 and row not in faults]
    lines = zip(rows, block.some_rows(rows), strict=True)
    notes = {row: note for row, line in lines if (note := encoding.fault(line))}
    by_note = {note: [(UNDECODABLE, "", note)] for note in set(notes.values())}
    return {row: by_note[note] for row, note in notes.items()}


def ragged_faults(rows: list[int], counts: list[int], width: int) -> Faults:
    """Return the faults of rows that have so many cells; rows of the same number share one list."""
    by_count = {
        cells: [("missing-cell" if cells < width else "extra-cell", "", f"{cells} cells instead of {width}")]
        for cells in set(counts)
    }
    return {row: by_count[cells] for row, cells in zip(rows, counts, strict=True)}
