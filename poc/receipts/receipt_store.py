"""Receipts in the ledger: made when an exchange ends, made anew when it ends for good, and marked when written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from poc.ledger.lookup import find_by_prefix
from poc.ledger.schema import EXCHANGE
from poc.ledger.tables.receipts import RECEIPT
from poc.quarantine.store import QuarantineStore
from poc.receipts.receipt_text import FINAL, ReceiptFacts, receipt_id, receipt_text
from poc.receipts.rejected_rows import describe_rejected_rows
from poc.transports.folder import MAX_NAME_BYTES, PART, safe_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger

#: What follows the name of the file: of the receipt, its signature, and the list of rejected rows.
RECEIPT_SUFFIX, SIGNATURE_SUFFIX, ROWS_SUFFIX = ".receipt.json", ".receipt.sig", ".receipt.csv"

#: The most receipts that are read at once.
MOST = 200

#: Seconds before the next attempt to write receipts, after the first failure and at most.
FIRST_WAIT_S, LONGEST_WAIT_S = 5, 300

#: The outcomes after which a receipt is final, in SQL.
ENDED = ", ".join(f"'{outcome}'" for outcome in sorted(FINAL))

c = RECEIPT.c
COLUMNS = tuple(column for column in c if column.name not in {"sha256", "next_at_us"})
SELECT = sa.select(*COLUMNS).where(c.id == sa.bindparam("key"))
SELECT_OF_EXCHANGE = sa.select(*COLUMNS).where(c.exchange_id == sa.bindparam("key")).order_by(c.made_at_us, c.id)
SELECT_OF_FILE = sa.select(*COLUMNS).where(c.file == sa.bindparam("file")).order_by(c.made_at_us, c.id)
SELECT_NAME = sa.select(c.id).where(c.partner == sa.bindparam("p"), c.name == sa.bindparam("n"))
SELECT_DUE = (
    sa.select(*COLUMNS)
    .where(sa.literal_column("receipt.state = 'due'"), c.next_at_us <= sa.bindparam("now_us"))
    .order_by(c.next_at_us, c.id)
    .limit(sa.literal_column(str(MOST)))
)
SELECT_ENDED = (
    sa.select(*COLUMNS)
    .join(EXCHANGE, EXCHANGE.c.id == c.exchange_id)
    .where(sa.literal_column("receipt.is_final = 0"), sa.literal_column(f"exchange.outcome IN ({ENDED})"))
    .limit(sa.literal_column(str(MOST)))
)
INSERT = sa.insert(RECEIPT)
UPDATE = sa.update(RECEIPT).where(c.id == sa.bindparam("key"))
MARK_SENT = (
    sa.update(RECEIPT)
    .where(c.id == sa.bindparam("key"), c.revision == sa.bindparam("of_revision"))
    .values(state="sent", error="", sent_at_us=sa.bindparam("now_us"))
)
POSTPONE = (
    sa.update(RECEIPT)
    .where(sa.literal_column("receipt.state = 'due'"), c.partner == sa.bindparam("p"), c.feed == sa.bindparam("f"))
    .values(attempts=c.attempts + 1, error=sa.bindparam("why"), next_at_us=sa.bindparam("at_us"))
)


@dataclass(frozen=True, slots=True)
class StoredReceipt:
    """A receipt as the ledger has it. `state` is `due`, `sent`, or `unsent` where the partner gets no files."""

    id: str
    partner: str
    feed: str
    file: str
    exchange_id: str
    name: str
    revision: int
    is_final: bool
    body: str
    facts: ReceiptFacts
    made_at_us: int
    state: str
    attempts: int
    error: str
    sent_at_us: int | None

    @property
    def message_id(self) -> str:
        """The id of the message that is signed: each revision is a message of its own."""
        return f"{self.id}.{self.revision}"


@dataclass(frozen=True, slots=True)
class Subject:
    """A file whose attempt has ended, with what its receipt says of it."""

    file: str
    entry: ExchangeRecord
    facts: ReceiptFacts


def record_receipts(ledger: Ledger, subjects: Iterable[Subject], now_us: int, *, written: bool, values: bool) -> None:
    """Make the receipts of files in one commit; one that there is becomes due again, for the same file came again.

    Args:
        ledger: the ledger.
        subjects: the files of one feed, each with its exchange as it is now.
        now_us: the current time, in microseconds since 1970.
        written: whether receipts are written at a place of the partner.
        values: whether lists of rejected rows show values.

    Raises:
        TryLater, LedgerDamaged: the ledger cannot be used; nothing was recorded.
    """
    state = "due" if written else "unsent"
    ledger.begin("receipts")
    try:
        for subject in subjects:
            entry = subject.entry
            number = receipt_id(entry.partner, entry.feed, subject.file, entry.sha256)
            stored = find_receipt(ledger, number)
            if stored is not None and (stored.is_final or entry.outcome not in FINAL):
                ledger.execute(UPDATE, {"key": number, "state": state, "next_at_us": 0, "attempts": 0})
            elif stored is not None:
                renew(ledger, replace(stored, facts=subject.facts), entry, now_us, values=values)
            else:
                name = _free_name(ledger, entry.partner, subject.file, number)
                body = _text(ledger, number, 1, entry, subject.file, subject.facts, name, now_us, values=values)
                row = {
                    "id": number, "partner": entry.partner, "feed": entry.feed, "file": subject.file,
                    "sha256": entry.sha256, "exchange_id": entry.exchange_id, "name": name, "revision": 1,
                    "is_final": int(entry.outcome in FINAL), "body": body, "facts": subject.facts.as_json(),
                    "made_at_us": now_us, "state": state, "attempts": 0, "next_at_us": 0, "error": "",
                }  # fmt: skip
                ledger.execute(INSERT, row)
        ledger.commit()
    except BaseException:
        ledger.roll_back()
        raise


def renew_ended(ledger: Ledger, now_us: int, values_of: Sequence[str] = ()) -> int:
    """Make anew the receipts of exchanges that have ended for good since; return how many.

    `values_of` are the partners whose lists of rejected rows show values.
    """
    rows = [_stored(row) for row in ledger.execute(SELECT_ENDED, {})]
    if not rows:
        return 0
    ledger.begin("receipts")
    try:
        for stored in rows:
            entry = ledger.get(stored.exchange_id)
            if entry is not None and entry.outcome in FINAL:
                renew(ledger, stored, entry, now_us, values=stored.partner in values_of)
        ledger.commit()
    except BaseException:
        ledger.roll_back()
        raise
    return len(rows)


def renew(ledger: Ledger, stored: StoredReceipt, entry: ExchangeRecord, now_us: int, *, values: bool) -> None:
    """Make the next revision of a receipt; `commit` makes it permanent."""
    revision = stored.revision + 1
    body = _text(ledger, stored.id, revision, entry, stored.file, stored.facts, stored.name, now_us, values=values)
    state = "unsent" if stored.state == "unsent" else "due"
    ledger.execute(
        UPDATE,
        {
            "key": stored.id, "revision": revision, "is_final": int(entry.outcome in FINAL), "body": body,
            "facts": stored.facts.as_json(), "made_at_us": now_us, "state": state, "attempts": 0, "next_at_us": 0,
        },
    )  # fmt: skip


def find_receipt(ledger: Ledger, number: str) -> StoredReceipt | None:
    """Return a receipt by its id; None where there is none (yet)."""
    rows = ledger.execute(SELECT, {"key": number})
    return _stored(rows[0]) if rows else None


def receipts_of_exchange(ledger: Ledger, exchange_id: str) -> list[StoredReceipt]:
    """Return the receipts of an exchange, the oldest first: one for each name under which its file came."""
    return [_stored(row) for row in ledger.execute(SELECT_OF_EXCHANGE, {"key": exchange_id})]


def find_receipts(ledger: Ledger, text: str) -> list[StoredReceipt]:
    """Return the receipts of a file by its name, else of the exchange whose id begins with a text.

    Raises BadInput where no exchange's id does, or those of several.
    """
    rows = ledger.execute(SELECT_OF_FILE, {"file": text})
    return [_stored(row) for row in rows] or receipts_of_exchange(ledger, find_by_prefix(ledger, text).exchange_id)


def due_receipts(ledger: Ledger, now_us: int) -> list[StoredReceipt]:
    """Return the first receipts that are to be written now."""
    return [_stored(row) for row in ledger.execute(SELECT_DUE, {"now_us": now_us})]


def mark_sent(ledger: Ledger, receipts: Iterable[StoredReceipt], now_us: int) -> None:
    """Mark receipts as written, unless a next revision was made meanwhile."""
    values = [{"key": receipt.id, "of_revision": receipt.revision, "now_us": now_us} for receipt in receipts]
    if values:
        ledger.execute(MARK_SENT, *values)
        ledger.commit()


def postpone(ledger: Ledger, receipt: StoredReceipt, error: str, now_us: int) -> None:
    """Record that a feed's receipts cannot be written now, and set the time of the next attempt."""
    wait_s = min(FIRST_WAIT_S * 2 ** min(receipt.attempts, 16), LONGEST_WAIT_S)
    ledger.execute(
        POSTPONE,
        {"p": receipt.partner, "f": receipt.feed, "why": error, "at_us": now_us + wait_s * 1_000_000},
    )
    ledger.commit()


def _text(
    ledger: Ledger,
    number: str,
    revision: int,
    entry: ExchangeRecord,
    file: str,
    facts: ReceiptFacts,
    name: str,
    now_us: int,
    *,
    values: bool,
) -> str:
    reasons = QuarantineStore(ledger, entry).reasons() if entry.rows["quarantined"] else {}
    rows = describe_rejected_rows(ledger, entry, facts, f"{name}{ROWS_SUFFIX}", values=values)
    return receipt_text(number, revision, entry, file, facts, reasons, rows, now_us)


def _free_name(ledger: Ledger, partner: str, file: str, number: str) -> str:
    """Return what the names of a receipt's files begin with: the file's name, or one made of it if that is taken."""
    digits = number.removeprefix("rcpt_")[:12]
    room = MAX_NAME_BYTES - len(RECEIPT_SUFFIX) - len(PART)
    name = safe_name(file)
    if len(name.encode()) > room or ledger.execute(SELECT_NAME, {"p": partner, "n": name}):
        name = f"{name.encode()[: room - len(digits) - 1].decode('utf-8', 'ignore')}.{digits}"
    return name


def _stored(row: Any) -> StoredReceipt:
    values = dict(zip((column.name for column in COLUMNS), row, strict=True))
    values |= {"is_final": bool(values["is_final"]), "facts": ReceiptFacts.from_json(values["facts"])}
    return StoredReceipt(**values)
