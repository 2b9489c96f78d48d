"""Rows in flight, where each one ended, and the sum that must balance."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from metrics.events import OUTCOMES
from poc.errors import Unbalanced

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl

#: Column of every frame in flight: the row's number in its file, from 1, header and preamble not counted.
ROW = "_row"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with one row: a Frictionless code, the field, and a sentence."""

    row: int
    code: str
    field: str
    note: str


@dataclass(frozen=True, slots=True)
class Settled:
    """Rows that have ended: how many, where, and why (a code for machines, a reason for people)."""

    outcome: str
    rows: int
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some consecutive rows of one file.

    `rows` are in flight: columns as the last stage left them, and `_row`. `bad` are the numbers of rows that a check
    named in `findings`; they are no longer in `rows`. `settled` are rows that have ended; no later stage sees them.
    """

    rows: pl.DataFrame
    bad: tuple[int, ...] = ()
    findings: tuple[Finding, ...] = ()
    settled: tuple[Settled, ...] = ()


@dataclass(frozen=True, slots=True)
class Account:
    """Where the rows of one exchange ended. `rows_in` is counted at the reader, the outcomes at the end of the line."""

    rows_in: int = 0
    ended: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def close(cls, rows_in: int, settled: Iterable[Settled]) -> Account:
        """Add up the outcomes of `rows_in` rows.

        Raises:
            Unbalanced: the outcomes do not add up to `rows_in`.
            KeyError: an outcome is not one of `OUTCOMES`.
        """
        ended = dict.fromkeys(OUTCOMES, 0)
        for part in settled:
            ended[part.outcome] += part.rows
        if sum(ended.values()) != rows_in:
            told = ", ".join(f"{rows} {outcome}" for outcome, rows in ended.items() if rows) or "nothing"
            raise Unbalanced(f"{rows_in} rows came in, but {told} came out; this is a fault of ours, please report it")
        return cls(rows_in, ended)

    def as_dict(self) -> dict[str, int]:
        """`in` and one count an outcome."""
        return {"in": self.rows_in, **dict.fromkeys(OUTCOMES, 0), **self.ended}
