"""Compare the records of two sides: how many are equal, and how each of the others differs.

The sides are read twice: first to match their records by hashes, then for the texts of those that differ. Memory is
bounded: hashes of many records, and the texts of many pairs, are on disk.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from poc.errors import BadInput
from poc.parity.differences import DifferenceReader
from poc.parity.pairing.matching import HashedRecords, match_records
from poc.parity.records import shared_frames
from poc.parity.result import Comparison, Example

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from poc.parity.causes.classify import FieldFacts
    from poc.parity.records import RecordSource


def compare(
    left: RecordSource,
    right: RecordSource,
    key: Sequence[str] = (),
    facts: Mapping[str, FieldFacts] | None = None,
    folder: Path | None = None,
) -> Comparison:
    """Compare two sides by a key, or as multisets of whole records without one.

    Args:
        left: the side that is there, such as the monolith's: what only it has is `missing`.
        right: the side that is to replace it: what only it has is `extra`.
        key: fields of both sides that tell records apart.
        facts: what is known of fields by name.
        folder: for temporary files; the system's by default.

    Raises:
        BadInput: a side lacks a field of the key; the message names it, and the fields that are there.
        ContractBreach: a side cannot be read.
    """
    names = [left.fields(), right.fields()]
    for side, fields in zip((left, right), names, strict=True):
        if fields and (absent := [name for name in key if name not in fields]):
            raise BadInput(f"{side.name}: no field {absent[0]!r}, which is in the key; its fields: {', '.join(fields)}")
    shared = [name for name in names[0] if name in names[1]] if all(names) else list(names[0] or names[1])
    result = Comparison(left.name, right.name, tuple(key))
    if all(names):
        for name in names[0]:
            result.add("field-missing", name, name not in shared, [Example("field-missing", name)])
        for name in names[1]:
            result.add("field-extra", name, name not in shared, [Example("field-extra", name)])
    if all(names) and not shared:  # no record can be equal to one that has none of its fields
        result.left_records, result.right_records = (
            sum(rows.height for rows in side.frames()) for side in (left, right)
        )
        result.add("row-missing", "", result.left_records)
        result.add("row-extra", "", result.right_records)
        return result
    with tempfile.TemporaryDirectory(prefix="milepost-parity-", dir=folder) as temporary:
        work = Path(temporary)
        sides = [HashedRecords(work / name, key or shared) for name in ("left", "right")]
        for source, hashed in zip((left, right), sides, strict=True):
            for rows in shared_frames(source, shared):
                hashed.add(rows)
        result.left_records, result.right_records = sides[0].records, sides[1].records
        result.left_unreadable, result.right_unreadable = sides[0].unreadable, sides[1].unreadable
        matches = match_records(sides[0], sides[1], by_key=bool(key))
        del sides
        result.equal_records = matches.equal
        DifferenceReader(result, matches, shared, facts or {}, work).read(left, right)
    return result
