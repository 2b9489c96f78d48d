"""What the partner holds in the end, read from its own files: the judge of delivery for both sides alike."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import polars as pl

from metrics.replay.input_files import FEED, RECORD, RECORD_KEY

if TYPE_CHECKING:
    from pathlib import Path


class PartnerRecords:
    """One namespace of the partner, read on as it grows."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read_bytes: dict[str, int] = {}

    def fresh(self) -> pl.DataFrame:
        """Records that came since the last look: `partner` and the fields of a record, copies included."""
        parts = [self._empty()]
        for path in sorted(self._folder.glob(f"*/{FEED}.jsonl")):
            partner = path.parent.name
            with path.open("rb") as file:
                file.seek(self._read_bytes.get(partner, 0))
                data = file.read()
            self._read_bytes[partner] = self._read_bytes.get(partner, 0) + len(data)
            if data:
                records = pl.read_ndjson(io.BytesIO(data), schema=RECORD)
                parts.append(records.select(pl.lit(partner).alias("partner"), pl.all()))
        return pl.concat(parts)

    @staticmethod
    def _empty() -> pl.DataFrame:
        return pl.DataFrame(schema={"partner": pl.String, **RECORD})


def count_records(held: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    """What is held of each due file.

    Args:
        held: records as the partner holds them, copies included.
        truth: `file`, `flight` and `scheduled` of every record due.

    Returns:
        One row a file of `truth`: `file`, `due`, `held` (distinct) and `twice` (further copies).
    """
    key = list(RECORD_KEY)
    copies = held.group_by(key).len("copies")
    found = truth.join(copies, on=key, how="left")
    return found.group_by("file").agg(
        due=pl.len(),
        held=pl.col("copies").is_not_null().sum(),
        twice=(pl.col("copies") - 1).fill_null(0).sum(),
    )


def compare_records(control: pl.DataFrame, candidate: pl.DataFrame) -> pl.DataFrame:
    """Whether two sides gave the partner the same records.

    Returns:
        One row a partner: `partner`, `compared` (distinct records that either gave) and `equal` (those that both gave,
        field for field).
    """
    one, other = control.unique(), candidate.unique()
    same = one.join(other, on=one.columns, how="inner", nulls_equal=True)
    every = pl.concat([one, other]).select("partner", *RECORD_KEY).unique()
    compared = every.group_by("partner").agg(compared=pl.len())
    equal = same.group_by("partner").agg(equal=pl.struct(RECORD_KEY).n_unique())
    return compared.join(equal, on="partner", how="left").with_columns(pl.col("equal").fill_null(0))
