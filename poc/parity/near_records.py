"""Pair records without a partner that are equal in all fields but one: most likely they are the same record.

Where records are told apart by a key, only another notation of the same key counts, such as `007` and `7`. Where whole
records are compared, one whose other fields are all equal counts as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from poc.parity.causes.classify import FieldFacts, classify
from poc.parity.matching import COPY, NUMBER, UNREADABLE, count_copies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from poc.parity.matching import Matches

#: The most records of a side that are looked at; of more, all stay without a partner.
MAX_RECORDS = 1 << 17

#: Causes that are another notation of the same value.
NOTATIONS = frozenset(
    {"whitespace", "case", "null-or-blank", "leading-zeros", "number-format", "date-format", "unicode-form", "encoding"}
)

#: The least number of fields of which one may differ in any way.
MIN_FIELDS = 3

REST = "rest"


def can_be_near(matches: Matches, fields: Sequence[str]) -> bool:
    """Return whether both sides have records without a partner, and not too many to look at."""
    counts = (len(matches.only_left), len(matches.only_right))
    return len(fields) > 1 and min(counts) > 0 and max(counts) <= MAX_RECORDS


def pair_near_records(
    matches: Matches,
    left: pl.DataFrame,
    right: pl.DataFrame,
    key: Sequence[str],
    facts: Mapping[str, FieldFacts],
) -> None:
    """Move near records from those without a partner to the pairs.

    Args:
        matches: its `only_left` and `only_right` are changed, and its pairs.
        left: the texts of the records of `only_left`, in their order; the last column is `UNREADABLE`.
        right: the texts of those of `only_right`.
        key: the fields that tell records apart, if any.
        facts: what is known of fields by name.
    """
    fields = sorted(name for name in left.columns if name != UNREADABLE)  # the same order if the sides are exchanged
    rounds: list[tuple[bool, Sequence[str]]] = [(True, sorted(key) or fields)]
    if not key and len(fields) >= MIN_FIELDS:
        rounds.append((False, fields))
    pairs: list[tuple[list[int], list[int]]] = []
    rest = (pl.Series(np.arange(left.height)), pl.Series(np.arange(right.height)))
    for same_value, names in rounds:
        for name in names:
            found = _pairs_without(name, left[rest[0]], right[rest[1]], facts, same_value=same_value)
            if found is None:
                continue
            pairs.append((rest[0][found[0]].to_list(), rest[1][found[1]].to_list()))
            rest = (_without(rest[0], found[0]), _without(rest[1], found[1]))
            if rest[0].is_empty() or rest[1].is_empty():
                break
    taken = [np.array([at for pair in pairs for at in pair[side]], dtype=np.int64) for side in (0, 1)]
    matches.left_pairs = np.concatenate([matches.left_pairs, matches.only_left[taken[0]]])
    matches.right_pairs = np.concatenate([matches.right_pairs, matches.only_right[taken[1]]])
    matches.only_left = np.delete(matches.only_left, taken[0])
    matches.only_right = np.delete(matches.only_right, taken[1])
    order = np.argsort(matches.left_pairs, kind="stable")
    matches.left_pairs, matches.right_pairs = matches.left_pairs[order], matches.right_pairs[order]


def _without(places: pl.Series, taken: pl.Series) -> pl.Series:
    return places.gather(np.setdiff1d(np.arange(len(places)), taken.to_numpy()))


def _pairs_without(
    name: str, left: pl.DataFrame, right: pl.DataFrame, facts: Mapping[str, FieldFacts], *, same_value: bool
) -> tuple[pl.Series, pl.Series] | None:
    """Return the places of records that are equal without one field; None if there are none."""
    sides = []
    for side in (left, right):
        others = [column for column in side.iter_columns() if column.name != name]
        hashes = pl.DataFrame(
            [pl.DataFrame(others).hash_rows().alias(REST), pl.int_range(side.height, eager=True).alias(NUMBER)]
        )
        sides.append(hashes.with_columns(count_copies(hashes, REST)).filter(side[UNREADABLE].is_null()))
    pairs = sides[0].join(sides[1], on=[REST, COPY], how="inner")
    if pairs.is_empty():
        return None
    if same_value:
        texts = pl.DataFrame(
            {"left": left[name].gather(pairs[NUMBER]), "right": right[name].gather(pairs[f"{NUMBER}_right"])}
        )
        pairs = pairs.filter(classify(texts, facts.get(name, FieldFacts())).is_in(list(NOTATIONS)))
    return None if pairs.is_empty() else (pairs[NUMBER], pairs[f"{NUMBER}_right"])


def texts_in_order(parts: Iterator[tuple[object, pl.DataFrame]]) -> pl.DataFrame:
    """Return rows that come in their order as one frame."""
    return pl.concat([rows for _, rows in parts])
