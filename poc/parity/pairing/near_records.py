"""Pair records without a partner that are equal in all fields but one: most likely they are the same record.

Where records are told apart by a key, only another notation of the same key counts, such as `007` and `7`. Where whole
records are compared, one whose other fields are all equal counts as well.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from poc.parity.causes.classify import FieldFacts, classify
from poc.parity.pairing.matching import COPY, NUMBER, count_copies
from poc.parity.records import UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from poc.parity.pairing.matching import Matches

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


def find_near_records(
    left: pl.DataFrame, right: pl.DataFrame, key: Sequence[str], facts: Mapping[str, FieldFacts]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of near records on both sides, pair by pair.

    Args:
        left: the texts of the left side's records without a partner, with `UNREADABLE`.
        right: those of the right side.
        key: the fields that tell records apart, if any.
        facts: what is known of fields by name.
    """
    fields = sorted(name for name in left.columns if name != UNREADABLE)  # the same order if the sides are exchanged
    rounds: list[tuple[bool, Sequence[str]]] = [(True, sorted(key) or fields)]
    if not key and len(fields) >= MIN_FIELDS:
        rounds.append((False, fields))
    pairs: tuple[list[int], list[int]] = ([], [])
    rest = (pl.Series(np.arange(left.height)), pl.Series(np.arange(right.height)))
    for same_value, names in rounds:
        for name in names:
            if rest[0].is_empty() or rest[1].is_empty():
                break
            found = _pairs_without(name, left[rest[0]], right[rest[1]], facts, same_value=same_value)
            if found is not None:
                for side in (0, 1):
                    pairs[side].extend(rest[side][found[side]].to_list())
                rest = (_without(rest[0], found[0]), _without(rest[1], found[1]))
    return np.array(pairs[0], dtype=np.int64), np.array(pairs[1], dtype=np.int64)


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
