"""Compare the records of two sides: how many are equal, and how each of the others differs.

The sides are read twice: first to match their records by hashes, then for the texts of those that differ. Memory is
bounded: hashes of many records, and the texts of many pairs, are on disk.
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from poc.errors import BadInput
from poc.parity.causes.classify import FieldFacts, classify
from poc.parity.matching import UNREADABLE, HashedRecords, match_records
from poc.parity.near_records import can_be_near, pair_near_records, texts_in_order
from poc.parity.pair_texts import PairTexts, take_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from poc.parity.matching import Matches
    from poc.parity.records import RecordSource

#: The most examples of a cause.
MAX_EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Example:
    """One difference: the numbers of the records on both sides, from 1, and the values; None for no value or record."""

    cause: str
    field: str
    left_record: int | None = None
    right_record: int | None = None
    left: str | None = None
    right: str | None = None
    key: tuple[str | None, ...] = ()


@dataclass(slots=True)
class Comparison:
    """What two sides have in common, and all differences, counted by field and cause.

    A difference of records, or of a field as a whole, counts once. `key` is empty where whole records are compared.
    """

    left_name: str
    right_name: str
    key: tuple[str, ...]
    left_records: int = 0
    right_records: int = 0
    equal_records: int = 0
    different_records: int = 0  #: pairs of records with the same key, or that differ in one field only
    left_unreadable: int = 0  #: rows that are no record; they are compared by their texts
    right_unreadable: int = 0
    differences: Counter[tuple[str, str]] = field(default_factory=Counter)  #: by field and cause
    examples: dict[str, list[Example]] = field(default_factory=lambda: defaultdict(list))  #: by cause

    def add(self, cause: str, name: str, count: int, examples: Sequence[Example] = ()) -> None:
        """Count differences of one field and cause, and keep their examples while there are few."""
        if count:
            self.differences[name, cause] += count
            kept = self.examples[cause]
            kept += examples[: MAX_EXAMPLES - len(kept)]

    def by_cause(self) -> dict[str, int]:
        """Return the number of differences of each cause that occurs."""
        counts: Counter[str] = Counter()
        for (_, cause), count in self.differences.items():
            counts[cause] += count
        return dict(counts)


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
    with tempfile.TemporaryDirectory(prefix="milepost-parity-", dir=folder) as temporary:
        work = Path(temporary)
        sides = [HashedRecords(work / name, key or shared) for name in ("left", "right")]
        for source, hashed in zip((left, right), sides, strict=True):
            for rows in read_frames(source, shared):
                hashed.add(rows)
        result.left_records, result.right_records = sides[0].records, sides[1].records
        result.left_unreadable, result.right_unreadable = sides[0].unreadable, sides[1].unreadable
        matches = match_records(sides[0], sides[1], by_key=bool(key))
        del sides
        if can_be_near(matches, shared):
            pair_near_records(
                matches,
                texts_in_order(take_rows(read_frames(left, shared), matches.only_left)),
                texts_in_order(take_rows(read_frames(right, shared), matches.only_right)),
                key,
                facts or {},
            )
        result.equal_records, result.different_records = matches.equal, len(matches.left_pairs)
        _read_differences(result, matches, (left, right), shared, facts or {}, work)
    return result


def read_frames(source: RecordSource, shared: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Yield the shared fields of a side's records, and `UNREADABLE`; a field that a frame lacks is null."""
    for rows in source.frames():
        columns = {column.name: column for column in rows.iter_columns()}
        blank = pl.Series([None], dtype=pl.String).new_from_index(0, rows.height)
        yield pl.DataFrame([columns[name] if name in columns else blank.alias(name) for name in (*shared, UNREADABLE)])


def _read_differences(
    result: Comparison,
    matches: Matches,
    sources: tuple[RecordSource, RecordSource],
    shared: Sequence[str],
    facts: Mapping[str, FieldFacts],
    work: Path,
) -> None:
    """Read each side once more, for pairs of records that differ and for the first records without a partner."""
    texts = PairTexts(work, result.different_records)
    key = [*(result.key or shared), UNREADABLE]
    sides = (
        (matches.left_pairs, (("row-missing", matches.only_left), ("row-twice", matches.twice_left))),
        (matches.right_pairs, (("row-extra", matches.only_right), ("row-twice", matches.twice_right))),
    )
    for side, (pairs, parts) in enumerate(sides):
        order = np.argsort(pairs, kind="stable")
        single = np.unique(np.concatenate([numbers[:MAX_EXAMPLES] for _, numbers in parts]))
        keys: dict[int, tuple[str | None, ...]] = {}
        wanted = np.concatenate([pairs[order], single])
        in_file = np.argsort(wanted, kind="stable")
        for places, rows in take_rows(read_frames(sources[side], shared), wanted[in_file]):
            at = in_file[places]
            is_pair = at < len(pairs)
            if is_pair.all():
                texts.add(side, rows, order[at])
                continue
            texts.add(side, rows.filter(pl.Series(is_pair)), order[at[is_pair]])
            others = rows.filter(pl.Series(~is_pair)).select(key).rows()
            keys |= dict(zip(wanted[at[~is_pair]].tolist(), others, strict=True))
        for cause, numbers in parts:
            examples = [
                _single_example(cause, number, keys[number], side) for number in numbers[:MAX_EXAMPLES].tolist()
            ]
            result.add(cause, "", len(numbers), examples)
    for first, left, right in texts.chunks():
        records = (matches.left_pairs[first : first + left.height], matches.right_pairs[first : first + left.height])
        for name in shared:
            _add_field(result, name, left, right, facts.get(name, FieldFacts()), records)


def _single_example(cause: str, number: int, texts: tuple[str | None, ...], side: int) -> Example:
    *key, unreadable = texts
    shown = () if unreadable is not None else tuple(key)
    if side == 0:
        return Example(cause, "", left_record=number + 1, left=unreadable, key=shown)
    return Example(cause, "", right_record=number + 1, right=unreadable, key=shown)


def _add_field(
    result: Comparison,
    name: str,
    left: pl.DataFrame,
    right: pl.DataFrame,
    facts: FieldFacts,
    numbers: tuple[NDArray[np.uint64], NDArray[np.uint64]],
) -> None:
    """Classify the differences of one field; equal pairs of texts are looked at once."""
    differs = left[name].ne_missing(right[name])
    if not differs.any():
        return
    pairs = pl.DataFrame({"left": left[name], "right": right[name], "place": pl.int_range(left.height, eager=True)})
    kinds = pairs.filter(differs).group_by("left", "right", maintain_order=True).agg(pl.len(), pl.col("place").first())
    kinds = kinds.with_columns(classify(kinds, facts).alias("cause"))
    for (cause,), rows in kinds.group_by("cause", maintain_order=True):
        examples = [
            Example(
                str(cause), name, int(numbers[0][place]) + 1, int(numbers[1][place]) + 1, one, other,
                tuple(left[key][place] for key in result.key),
            )
            for one, other, _, place, _ in rows.head(MAX_EXAMPLES).rows()
        ]  # fmt: skip
        result.add(str(cause), name, int(rows["len"].sum()), examples)
