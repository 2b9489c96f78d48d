"""Count the records that the partner holds, from its own files: the same proof of delivery for all subjects."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import polars as pl

from metrics.replay.input_files import FEED, RECORD, RECORD_KEY

if TYPE_CHECKING:
    from pathlib import Path


class PartnerRecords:
    """The records of one namespace of the partner, read as its files grow."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read_bytes: dict[str, int] = {}

    def read_new(self) -> pl.DataFrame:
        """Return the records since the last call: `partner` and the fields of a record, copies included."""
        texts: list[bytes] = []
        partners: list[str] = []
        for path in sorted(self._folder.glob(f"*/{FEED}.jsonl")):
            partner = path.parent.name
            with path.open("rb") as file:
                file.seek(self._read_bytes.get(partner, 0))
                text = file.read()
            self._read_bytes[partner] = self._read_bytes.get(partner, 0) + len(text)
            texts.append(text if text.endswith(b"\n") or not text else text + b"\n")
            partners += [partner] * texts[-1].count(b"\n")
        schema = {"partner": pl.String, **RECORD}
        if not partners:
            return pl.DataFrame(schema=schema)
        # all partners at once: one call costs as much as the records of one partner
        records = pl.read_ndjson(io.BytesIO(b"".join(texts)), schema=RECORD)
        return records.select(pl.Series("partner", partners, pl.String), pl.all())


def count_records(held: pl.DataFrame, truth: pl.DataFrame) -> pl.DataFrame:
    """Count the held records of each file.

    Args:
        held: the records that the partner holds, copies included.
        truth: `file`, `flight` and `scheduled` of every due record.

    Returns:
        One row per file of `truth`: `file`, `due`, `held` (distinct) and `twice` (further copies).
    """
    key = list(RECORD_KEY)
    copies = held.group_by(key).len("copies")
    due = truth.join(copies, on=key, how="left")
    return due.group_by("file").agg(
        due=pl.len(),
        held=pl.col("copies").is_not_null().sum(),
        twice=(pl.col("copies") - 1).fill_null(0).sum(),
    )


def compare_records(control: pl.DataFrame, candidate: pl.DataFrame) -> pl.DataFrame:
    """Compare the records that two subjects delivered.

    Returns:
        One row per partner: `partner`, `compared` (distinct records that either delivered) and `equal` (records that
        both delivered, equal in every field).
    """
    if control.equals(candidate):  # the usual case without faults
        equal = control.group_by("partner").agg(compared=pl.struct(RECORD_KEY).n_unique())
        return equal.with_columns(equal=pl.col("compared"))
    left, right = control.unique(), candidate.unique()
    same = left.join(right, on=left.columns, how="inner", nulls_equal=True)
    delivered = pl.concat([left, right]).select("partner", *RECORD_KEY).unique()
    compared = delivered.group_by("partner").agg(compared=pl.len())
    equal = same.group_by("partner").agg(equal=pl.struct(RECORD_KEY).n_unique())
    return compared.join(equal, on="partner", how="left").with_columns(pl.col("equal").fill_null(0))
