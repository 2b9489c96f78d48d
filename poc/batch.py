"""Rows in flight, where each one ended, and the sum that must balance.

A file leaves the line early in two named ways, both exceptions, so that whoever holds rows of it lets go of them:
`Refusal` refuses all of it, `Recall` wants it sent down the line once more with more known about its rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from metrics.events import OUTCOMES
from poc.errors import ContractBreach, Unbalanced

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import polars as pl

#: Column of every frame in flight: the row's number in its file, from 1, header and preamble not counted.
ROW = "_row"


#: Findings that a receipt or a refusal tells at the most; all are counted.
MAX_SHOWN_FINDINGS = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with one row: a Frictionless code, the field, and a sentence."""

    row: int
    code: str
    field: str
    note: str

    def text(self) -> str:
        """For people, without the row."""
        return f"{self.code}{f' in {self.field}' if self.field else ''}: {self.note}"


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """Rows that have ended: how many, where, and why (a code for machines, a reason for people)."""

    outcome: str
    rows: int
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row that breaks the contract: as it came, without its line end, and everything that was found wrong with it."""

    row: int
    original: bytes
    findings: tuple[Finding, ...]


class OriginalLines(Protocol):
    """The bytes that the rows of a batch came as."""

    def original(self, row: int) -> bytes:
        """The bytes of a row, without its line end. Raises KeyError for a row of another batch."""


class NoOriginalLines:
    """The lines of a batch that has none."""

    def original(self, row: int) -> bytes:
        """Raises KeyError."""
        raise KeyError(row)


@dataclass(frozen=True, slots=True)
class Batch:
    """Some consecutive rows of one file.

    `rows` are in flight: columns as the last stage left them, and `_row`; `lines` are their bytes. `bad` are rows that
    a check has set apart; they are no longer in `rows`. `notes` are findings about the file that harm no row.
    `settled` are rows that have ended; no later stage sees them.
    """

    rows: pl.DataFrame
    lines: OriginalLines = field(default_factory=NoOriginalLines)
    rejected: tuple[RejectedRow, ...] = ()
    notes: tuple[Finding, ...] = ()
    outcomes: tuple[RowOutcome, ...] = ()


class FileRejected(ContractBreach):
    """All of a file is refused: nothing of it has left, nothing of it will. `findings` say what was wrong."""

    def __init__(self, code: str, message: str, findings: tuple[Finding, ...] = ()) -> None:
        super().__init__(code, message)
        self.findings = findings


class SecondPassNeeded(Exception):
    """Rows that have gone down the line are bad after all: a key that stands twice, found at the end of the file."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__(f"{len(findings)} rows are bad after all")
        self.findings = findings

    def findings_by_row(self) -> dict[int, tuple[Finding, ...]]:
        """The findings by row, for the second time down the line."""
        rows: dict[int, tuple[Finding, ...]] = {}
        for finding in self.findings:
            rows[finding.row] = (*rows.get(finding.row, ()), finding)
        return rows


@dataclass(frozen=True, slots=True)
class Account:
    """Where the rows of one exchange ended. `rows_in` is counted at the reader, the outcomes at the end of the line."""

    rows_in: int = 0
    ended: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def close(cls, rows_in: int, settled: Iterable[RowOutcome], base: Mapping[str, int] | None = None) -> Account:
        """Add up the outcomes of `rows_in` rows, on top of those that an earlier attempt left in `base`.

        Raises:
            Unbalanced: the outcomes do not add up to `rows_in`.
            KeyError: an outcome is not one of `OUTCOMES`.
        """
        ended = dict.fromkeys(OUTCOMES, 0) | dict(base or {})
        for part in settled:
            ended[part.outcome] += part.rows
        if sum(ended.values()) != rows_in or min(ended.values()) < 0:
            told = ", ".join(f"{rows} {outcome}" for outcome, rows in ended.items() if rows) or "nothing"
            raise Unbalanced(f"{rows_in} rows came in, but {told} came out; this is a fault of ours, please report it")
        return cls(rows_in, ended)

    def as_dict(self) -> dict[str, int]:
        """`in` and one count an outcome."""
        return {"in": self.rows_in, **dict.fromkeys(OUTCOMES, 0), **self.ended}
