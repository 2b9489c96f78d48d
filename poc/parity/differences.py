"""Read the texts of records that differ, pair those that are nearly equal, and name the cause of each difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from poc.parity.causes.classify import FieldFacts, classify
from poc.parity.pairing.near_records import can_be_near, find_near_records
from poc.parity.pairing.pair_texts import PairTexts, take_rows
from poc.parity.records import UNREADABLE, shared_frames
from poc.parity.result import MAX_EXAMPLES, Example

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from poc.parity.pairing.matching import Matches
    from poc.parity.records import RecordSource
    from poc.parity.result import Comparison

    Numbers = NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class DifferenceReader:
    """Reads both sides once more for what differs, and adds it to the result.

    `shared` are the fields that both sides have, `facts` what is known of them; `work` is a folder for texts of many
    pairs.
    """

    result: Comparison
    matches: Matches
    shared: Sequence[str]
    facts: Mapping[str, FieldFacts]
    work: Path

    def read(self, left: RecordSource, right: RecordSource) -> None:
        """Add all differences of records and values. Raises BadInput, ContractBreach."""
        result, matches = self.result, self.matches
        texts = PairTexts(self.work, len(matches.left_pairs))
        near = can_be_near(matches, self.shared)
        only = [matches.only_left, matches.only_right]
        twice = (matches.twice_left, matches.twice_right)
        pairs = [matches.left_pairs, matches.right_pairs]
        single = [
            self._read_side(
                side, source, (pairs[side], only[side][: None if near else MAX_EXAMPLES], twice[side]), texts
            )
            for side, source in enumerate((left, right))
        ]
        if near:
            places = find_near_records(single[0][0], single[1][0], result.key, self.facts)
            for side in (0, 1):
                begin, rows = len(pairs[side]), single[side][0][places[side]]
                texts.add(side, rows, np.arange(begin, begin + rows.height))
                pairs[side] = np.concatenate([pairs[side], only[side][places[side]]])
                rest = np.setdiff1d(np.arange(len(only[side])), places[side])
                only[side], single[side] = only[side][rest], (single[side][0][rest[:MAX_EXAMPLES]], single[side][1])
        result.different_records = len(pairs[0])
        for side, cause in enumerate(("row-missing", "row-extra")):
            self._add_single(side, cause, only[side], single[side][0])
        for side in (0, 1):
            self._add_single(side, "row-twice", twice[side], single[side][1])
        for first, one, other in texts.chunks() if len(pairs[0]) else ():
            numbers = [side[first : first + one.height] for side in pairs]
            for name in self.shared:
                self._add_field(name, one, other, numbers)

    def _read_side(
        self, side: int, source: RecordSource, numbers: tuple[Numbers, Numbers, Numbers], texts: PairTexts
    ) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Read a side: the texts of its pairs go to `texts`, those of records without a partner are returned."""
        pairs, only, twice = numbers
        wanted = np.concatenate([pairs, only, twice[:MAX_EXAMPLES]])
        in_file = np.argsort(wanted, kind="stable")
        ends = (len(pairs), len(pairs) + len(only))
        empty = pl.DataFrame(schema=dict.fromkeys((*self.shared, UNREADABLE), pl.String))
        parts: tuple[list[pl.DataFrame], list[pl.DataFrame]] = ([empty], [empty])
        for places, rows in take_rows(shared_frames(source, self.shared), wanted[in_file]):
            at = in_file[places]
            is_pair = at < ends[0]
            if is_pair.all():
                texts.add(side, rows, at)
                continue
            texts.add(side, rows.filter(pl.Series(is_pair)), at[is_pair])
            is_only = ~is_pair & (at < ends[1])
            parts[0].append(rows.filter(pl.Series(is_only)))
            parts[1].append(rows.filter(pl.Series(at >= ends[1])))
        return pl.concat(parts[0]), pl.concat(parts[1])

    def _add_single(self, side: int, cause: str, numbers: Numbers, rows: pl.DataFrame) -> None:
        """Count records without a partner; `rows` are the texts of the first ones."""
        names = self.result.key or self.shared
        examples = []
        for number, row in zip(numbers.tolist(), rows.head(MAX_EXAMPLES).iter_rows(named=True), strict=False):
            unreadable = row[UNREADABLE]
            key = () if unreadable is not None else tuple(row[name] for name in names)
            if side == 0:
                examples.append(Example(cause, "", left_record=number + 1, left=unreadable, key=key))
            else:
                examples.append(Example(cause, "", right_record=number + 1, right=unreadable, key=key))
        self.result.add(cause, "", len(numbers), examples)

    def _add_field(self, name: str, left: pl.DataFrame, right: pl.DataFrame, numbers: Sequence[Numbers]) -> None:
        """Classify the differences of one field; equal pairs of texts are looked at once."""
        differs = left[name].ne_missing(right[name])
        if not differs.any():
            return
        places = differs.arg_true()
        pairs = pl.DataFrame({"left": left[name].gather(places), "right": right[name].gather(places), "place": places})
        kinds = pairs.group_by("left", "right", maintain_order=True).agg(pl.len(), pl.col("place").first())
        kinds = kinds.with_columns(classify(kinds, self.facts.get(name, FieldFacts())).alias("cause"))
        for (cause,), rows in kinds.group_by("cause", maintain_order=True):
            examples = [
                Example(
                    str(cause), name, int(numbers[0][place]) + 1, int(numbers[1][place]) + 1, one, other,
                    tuple(left[key][place] for key in self.result.key),
                )
                for one, other, _, place, _ in rows.head(MAX_EXAMPLES).rows()
            ]  # fmt: skip
            self.result.add(str(cause), name, int(rows["len"].sum()), examples)
