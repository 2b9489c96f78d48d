"""Rows set aside, kept in the ledger as they came, until a person replays or discards them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from poc.batch import Finding
from poc.ledger.schema import ASIDE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from poc.batch import RejectedRow
    from poc.ledger.ledger import ExchangeRecord, Ledger

OF_EXCHANGE = ASIDE.c.exchange_id == sa.bindparam("key")
INSERT_ROW = sa.insert(ASIDE).prefix_with("OR IGNORE")
DELETE_HELD = sa.delete(ASIDE).where(OF_EXCHANGE, ASIDE.c.state == "held")
UPDATE_HELD = sa.update(ASIDE).where(OF_EXCHANGE, ASIDE.c.row == sa.bindparam("number"), ASIDE.c.state == "held")
SELECT_ROWS = (
    sa.select(ASIDE.c.row, ASIDE.c.state, ASIDE.c.findings, ASIDE.c.original, ASIDE.c.sent, ASIDE.c.why)
    .where(OF_EXCHANGE, ASIDE.c.row > sa.bindparam("after"))
    .order_by(ASIDE.c.row)
    .limit(sa.literal_column("200"))
)
FIRST_CODE = sa.func.json_extract(ASIDE.c.findings, "$[0][0]")
SELECT_REASONS = (
    sa.select(FIRST_CODE, sa.func.count()).where(OF_EXCHANGE, ASIDE.c.state != "replayed").group_by(FIRST_CODE)
)


@dataclass(frozen=True, slots=True)
class QuarantinedRow:
    """A row in quarantine. `state` is held, replayed or discarded; `sent` is the row as it was replayed."""

    row: int
    state: str
    findings: tuple[Finding, ...]
    original: bytes
    sent: bytes | None
    why: str


class QuarantineStore:
    """The quarantined rows of one exchange. Every change waits for the ledger's next commit.

    The methods raise TryLater, LedgerDamaged.
    """

    def __init__(self, ledger: Ledger, entry: ExchangeRecord) -> None:
        self._ledger = ledger
        self._key = entry.exchange_id

    def clear(self) -> None:
        """Forget the rows that an earlier attempt on the same file held."""
        self._ledger.execute(DELETE_HELD, {"key": self._key})

    def add(self, rows: Sequence[RejectedRow]) -> None:
        """Hold rows."""
        if rows:
            values = [
                {
                    "exchange_id": self._key, "row": bad.row, "state": "held", "findings": findings_json(bad.findings),
                    "original": bad.original,
                }
                for bad in rows
            ]  # fmt: skip
            self._ledger.execute(INSERT_ROW, *values)

    def rows(self) -> Iterator[QuarantinedRow]:
        """All rows of the exchange that ever were in quarantine, in their order; read in pieces, nothing stays locked.

        What is changed between two pieces is seen in the next.
        """
        after = -1
        while piece := self._ledger.execute(SELECT_ROWS, {"key": self._key, "after": after}):
            for row, state, findings, original, sent, why in piece:
                told = tuple(Finding(row, *finding) for finding in json.loads(findings))
                yield QuarantinedRow(row, state, told, original, sent, why)
            after = piece[-1][0]

    def reasons(self) -> dict[str, int]:
        """How many rows stand set aside, held or discarded, by the code of the first thing wrong with each."""
        return dict(self._ledger.execute(SELECT_REASONS, {"key": self._key}))

    def update_findings(self, rows: Iterable[RejectedRow]) -> None:
        """Rows that were tried again and are still bad: what is wrong with them now."""
        self._change([{"number": bad.row, "findings": findings_json(bad.findings)} for bad in rows])

    def mark_replayed(self, rows: Iterable[tuple[int, bytes]]) -> None:
        """Rows that have left quarantine for the outbox, as they were sent."""
        self._change([{"number": row, "state": "replayed", "sent": sent} for row, sent in rows])

    def discard(self, rows: Iterable[int], why: str) -> None:
        """Rows that a person gave up; they stay in the account as quarantined."""
        self._change([{"number": row, "state": "discarded", "why": why} for row in rows])

    def _change(self, values: list[dict[str, object]]) -> None:
        if values:
            self._ledger.execute(UPDATE_HELD, *({**value, "key": self._key} for value in values))


def findings_json(findings: Iterable[Finding]) -> str:
    """Findings of one row as the ledger keeps them."""
    return json.dumps([[found.code, found.field, found.note] for found in findings])
