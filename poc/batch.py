"""Batches of rows on their way through the pipeline, the outcome of each row, and the account that must balance.

Two exceptions end the pass of a file early, so that every stage releases the rows it buffers: `FileRejected` refuses
the whole file; `SecondPassNeeded` asks for a second pass with findings that only the end of the file revealed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import islice, repeat
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from metrics.events import OUTCOMES
from poc.errors import ContractBreach, Unbalanced

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import polars as pl

#: Column of every frame in the pipeline: the number of the row in its file, from 1, without header and preamble.
ROW = "_row"

#: The most findings that a receipt or a refusal lists; all of them are counted.
MAX_SHOWN_FINDINGS = 20


class Finding(NamedTuple):  # as RejectedRow: a frozen dataclass takes three times as long to make, for every bad row
    """One fault of one row: a Frictionless error code, the field, and a sentence. Row 0 stands for the file."""

    row: int
    code: str
    field: str
    note: str

    def text(self) -> str:
        """Return the finding in words, without the row number."""
        return f"{self.kind()}: {self.note}"

    def kind(self) -> str:
        """Return the code and the field, without a value of the row."""
        return f"{self.code}{f' in {self.field}' if self.field else ''}"


@dataclass(frozen=True, slots=True)
class RowOutcome:
    """How many rows ended with one outcome, and why: a code for programs, a reason for people."""

    outcome: str
    rows: int
    code: str = ""
    reason: str = ""


class RejectedRow(NamedTuple):
    """A row that breaks the contract: its original bytes without line end, and all findings about it."""

    row: int
    original: bytes
    findings: tuple[Finding, ...]


def make_findings(
    rows: Iterable[int], codes: Iterable[str], names: Iterable[str], notes: Iterable[str]
) -> list[Finding]:
    """Return one finding for each row, in a third of the time that separate calls take; `repeat` what all share."""
    parts = zip(rows, codes, names, notes, strict=False)  # `repeat` does not end
    return cast("list[Finding]", list(map(tuple.__new__, repeat(Finding), parts)))


def make_rejected_rows(
    rows: Iterable[int], originals: Iterable[bytes], findings: Iterable[tuple[Finding, ...]]
) -> list[RejectedRow]:
    """Return rejected rows, as fast as `make_findings`."""
    parts = zip(rows, originals, findings, strict=True)
    return cast("list[RejectedRow]", list(map(tuple.__new__, repeat(RejectedRow), parts)))


def first_findings(rows: Iterable[RejectedRow], count: int) -> tuple[Finding, ...]:
    """Return the first findings of rejected rows, in their order."""
    return tuple(islice((finding for row in rows for finding in row.findings), count))


class OriginalLines(Protocol):
    """The original bytes of a batch's rows."""

    def original(self, row: int) -> bytes:
        """Return the bytes of a row without its line end. Raises KeyError for a row of another batch."""

    def originals(self, rows: Sequence[int]) -> list[bytes]:
        """Return the bytes of many rows, as `original` does."""


class NoOriginalLines:
    """The original lines of a batch that was not read from a file."""

    def original(self, row: int) -> bytes:
        """Raise KeyError."""
        raise KeyError(row)

    def originals(self, rows: Sequence[int]) -> list[bytes]:
        """Return the bytes of no rows. Raises KeyError for any."""
        return [self.original(row) for row in rows]


class EncodedSlot(NamedTuple):
    """The rows of one slot of a file in the partner's format; see `poc.delivery.request_builder`."""

    slot: int
    rows: int
    body: bytes


@dataclass(frozen=True, slots=True)
class EncodedRows:
    """All rows of a small file, which were checked and are in the partner's format already."""

    slots: tuple[EncodedSlot, ...]

    @property
    def count(self) -> int:
        """The number of rows."""
        return sum(slot.rows for slot in self.slots)


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive rows of one file.

    `rows` are still in the pipeline: the columns that the last stage wrote, and `_row`; `lines` are their original
    bytes. `rejected` are rows that a check removed from `rows`. `notes` are findings about the file that reject no row.
    `outcomes` count rows that have left the pipeline; later stages do not process them. `encoded` are rows of a small
    file, which only the stage that delivers has to process; `rows` has none then.
    """

    rows: pl.DataFrame
    lines: OriginalLines = field(default_factory=NoOriginalLines)
    rejected: tuple[RejectedRow, ...] = ()
    notes: tuple[Finding, ...] = ()
    outcomes: tuple[RowOutcome, ...] = ()
    encoded: EncodedRows | None = None


class FileRejected(ContractBreach):
    """The whole file is refused: no row was sent, and none will be.

    `findings` are the reasons, `rows` the rows of the file that were looked at; None if all that were read were.
    """

    def __init__(self, code: str, message: str, findings: tuple[Finding, ...] = (), rows: int | None = None) -> None:
        super().__init__(code, message)
        self.findings = findings
        self.rows = rows


class SecondPassNeeded(Exception):
    """Rows that were passed on are invalid: the end of the file revealed that they repeat a key."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__(f"{len(findings)} rows repeat a key and were passed on; a second pass is needed")
        self.findings = findings

    def findings_by_row(self) -> dict[int, tuple[Finding, ...]]:
        """Return the findings by row number, for the second pass."""
        by_row: dict[int, tuple[Finding, ...]] = {}
        for finding in self.findings:
            by_row[finding.row] = (*by_row.get(finding.row, ()), finding)
        return by_row


@dataclass(frozen=True, slots=True)
class Account:
    """Rows of one exchange by outcome. `rows_in` is counted at the reader, the outcomes at the end of the pipeline."""

    rows_in: int = 0
    rows_by_outcome: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def close(cls, rows_in: int, outcomes: Iterable[RowOutcome], base: Mapping[str, int] | None = None) -> Account:
        """Add up the outcomes of `rows_in` rows; `base` holds the counts of an earlier attempt.

        Raises:
            Unbalanced: the outcomes do not add up to `rows_in`.
            KeyError: an outcome is not one of `OUTCOMES`.
        """
        counts = dict.fromkeys(OUTCOMES, 0) | dict(base or {})
        for part in outcomes:
            counts[part.outcome] += part.rows
        if sum(counts.values()) != rows_in or min(counts.values()) < 0:
            listed = ", ".join(f"{rows} {outcome}" for outcome, rows in counts.items() if rows) or "nothing"
            raise Unbalanced(f"{rows_in} rows came in, but {listed} came out; this is a bug in Milepost, report it")
        return cls(rows_in, counts)

    def as_dict(self) -> dict[str, int]:
        """Return `in` and one count per outcome."""
        return {"in": self.rows_in, **dict.fromkeys(OUTCOMES, 0), **self.rows_by_outcome}
