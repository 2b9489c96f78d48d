"""The quarantine store: rejected rows, kept in the ledger as they came until a person replays or discards them."""

from __future__ import annotations

import json
import pickle
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from itertools import chain
from json.encoder import encode_basestring_ascii as quote
from typing import IO, TYPE_CHECKING

import sqlalchemy as sa

from poc.batch import Finding
from poc.ledger.schema import ASIDE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from poc.batch import RejectedRow
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger

#: Size of the rows that wait in memory for their commit, in bytes; more wait in a temporary file.
MEMORY_BYTES = 16 << 20

#: About how many bytes a row takes beside its original.
ROW_BYTES = 400

OF_EXCHANGE = ASIDE.c.exchange_id == sa.bindparam("key")
#: Rows of one INSERT: one statement for many rows takes half the time of one for each.
ROWS_AT_ONCE = 100
#: Values of a row that waits for the next `flush`: its number, its findings as JSON, and its original.
VALUES = 3
INSERT_HELD = "INSERT OR IGNORE INTO aside (exchange_id, row, state, findings, original) VALUES "
INSERT_IN_ORDER = "INSERT INTO aside (exchange_id, row, state, findings, original) VALUES "
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
    """A row in quarantine. `state` is `held`, `replayed` or `discarded`; `sent` is the row as it was replayed."""

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
        self._added: list[object] = []  # the values of all rows, one row after another
        self._added_bytes = 0
        self._spilled: IO[bytes] | None = None
        self._clear = False

    def clear(self) -> None:
        """Delete the held rows of an earlier attempt on the same file, with the next `flush`."""
        self.drop()
        self._clear = True

    def add(self, rows: Sequence[RejectedRow]) -> None:
        """Add rejected rows as `held`, with the next `flush`; until then, many wait in an unnamed temporary file."""
        if not rows:
            return
        numbers, originals, findings = zip(*rows, strict=True)
        self._added += chain.from_iterable(zip(numbers, findings_texts(findings), originals, strict=True))
        self._added_bytes += sum(map(len, originals)) + ROW_BYTES * len(rows)
        if self._added_bytes > MEMORY_BYTES:
            if self._spilled is None:
                self._spilled = tempfile.TemporaryFile(prefix="milepost-quarantine-")  # noqa: SIM115 (closed by `drop`)
            pickle.dump(self._added, self._spilled)
            self._added, self._added_bytes = [], 0

    def flush(self) -> None:
        """Write the added rows to the ledger; call it right before a commit, so that the ledger is locked for short."""
        if self._clear:
            self._ledger.execute(DELETE_HELD, {"key": self._key})
        for added in self._chunks():
            for start in range(0, len(added), VALUES * ROWS_AT_ONCE):
                values = added[start : start + VALUES * ROWS_AT_ONCE]
                # the driver takes a third of the time for these: it looks for a conversion of all bytes
                values[2::VALUES] = map(bytearray, values[2::VALUES])  # type: ignore[arg-type]
                self._insert(values)
        self.drop()

    def _insert(self, values: list[object]) -> None:
        rows = len(values) // VALUES
        if self._ledger.has_numbered_parameters:
            self._ledger.execute_text(insert_text(rows), [self._key, *values])
        else:
            starts = range(0, len(values), VALUES)
            in_order = chain.from_iterable((self._key, *values[start : start + VALUES]) for start in starts)
            self._ledger.execute_text(insert_text_in_order(rows), list(in_order))

    def drop(self) -> None:
        """Forget what was not flushed."""
        self._clear = False
        self._added, self._added_bytes = [], 0
        if self._spilled is not None:
            self._spilled.close()
            self._spilled = None

    def _chunks(self) -> Iterator[list[object]]:
        if self._spilled is not None:
            self._spilled.seek(0)
            with suppress(EOFError):
                while True:
                    yield pickle.load(self._spilled)  # noqa: S301 (written by `add`, in a file without a name)
        if self._added:
            yield self._added

    def rows(self) -> Iterator[QuarantinedRow]:
        """Yield all rows of the exchange that ever were in quarantine, in order, whatever their state.

        They are read in chunks, so that the ledger stays unlocked; a change between two chunks is visible in the next.
        """
        after = -1
        while chunk := self._ledger.execute(SELECT_ROWS, {"key": self._key, "after": after}):
            for row, state, findings_text, original, sent, why in chunk:
                findings = tuple(Finding(row, *finding) for finding in json.loads(findings_text))
                yield QuarantinedRow(row, state, findings, original, sent, why)
            after = chunk[-1][0]

    def reasons(self) -> dict[str, int]:
        """Return the number of held and discarded rows by the code of the first finding of each."""
        return dict(self._ledger.execute(SELECT_REASONS, {"key": self._key}))

    def update_findings(self, rows: Iterable[RejectedRow]) -> None:
        """Update the findings of rows that were rejected again."""
        self._update([{"number": row.row, "findings": findings_json(row.findings)} for row in rows])

    def mark_replayed(self, rows: Iterable[tuple[int, bytes]]) -> None:
        """Mark rows as replayed: they have left quarantine for the outbox; `sent` is the row as it was sent."""
        self._update([{"number": row, "state": "replayed", "sent": sent} for row, sent in rows])

    def discard(self, rows: Iterable[int], why: str) -> None:
        """Mark rows as discarded by a person; they stay in the account as quarantined."""
        self._update([{"number": row, "state": "discarded", "why": why} for row in rows])

    def _update(self, values: list[dict[str, object]]) -> None:
        if values:
            self._ledger.execute(UPDATE_HELD, *({**value, "key": self._key} for value in values))


@cache
def insert_text(rows: int) -> str:
    """Return the INSERT of a number of held rows: the first parameter is the exchange, the others are their values."""
    first = range(2, 2 + VALUES * rows, VALUES)
    return INSERT_HELD + ", ".join([f"(?1, ?{at}, 'held', ?{at + 1}, ?{at + 2})" for at in first])


@cache
def insert_text_in_order(rows: int) -> str:
    """Return the INSERT of a number of held rows, each with four parameters: the exchange, and then its values."""
    return INSERT_IN_ORDER + ", ".join(["(%s, %s, 'held', %s, %s)"] * rows) + " ON CONFLICT DO NOTHING"


def findings_json(findings: Sequence[Finding]) -> str:
    """Return the findings of one row as the JSON text in the ledger."""
    return f"[{', '.join([finding_json(*finding[1:]) for finding in findings])}]"


def findings_texts(findings: Iterable[Sequence[Finding]]) -> list[str]:
    """Return the findings of many rows, each as `findings_json` does."""
    heads: dict[tuple[str, str], str] = {}
    texts = []
    for of_row in findings:
        if len(of_row) != 1:
            texts.append(findings_json(of_row))
            continue
        _, code, name, note = of_row[0]
        head = heads.get((code, name))
        if head is None:
            heads[code, name] = head = f"[[{quote(code)}, {quote(name)}, "
        texts.append(f"{head}{quote(note)}]]")
    return texts


def finding_json(code: str, name: str, note: str) -> str:
    """Return one finding as `json.dumps` writes it, in a fifth of the time."""
    return f"[{quote(code)}, {quote(name)}, {quote(note)}]"
