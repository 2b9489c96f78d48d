"""The list of the rejected rows of a file, as CSV: row, field and code of each finding."""

from __future__ import annotations

import csv
import hashlib
import io
from typing import TYPE_CHECKING

from poc.quarantine.store import QuarantineStore
from poc.receipts.receipt_text import RejectedRowsFile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger
    from poc.receipts.receipt_text import ReceiptFacts

#: The columns, and those that show values of the rows.
COLUMNS, VALUE_COLUMNS = ("row", "field", "code"), ("message", "original")


def rejected_row_lines(ledger: Ledger, entry: ExchangeRecord, facts: ReceiptFacts, *, values: bool) -> Iterator[bytes]:
    """Yield the lines of the list, with a header before the first row; nothing where no row was rejected.

    Of a refused file, the list has the first findings, for the others were not kept.
    """
    header: tuple[str, ...] = (*COLUMNS, *VALUE_COLUMNS) if values else COLUMNS
    is_first = True
    for cells in _cells(ledger, entry, facts):
        if is_first:
            yield _line(header)
            is_first = False
        yield _line(cells[: len(header)])


def describe_rejected_rows(
    ledger: Ledger, entry: ExchangeRecord, facts: ReceiptFacts, name: str, *, values: bool
) -> RejectedRowsFile | None:
    """Return the number of lines and the digest of the list; None where no row was rejected."""
    digest, lines = hashlib.sha256(), -1
    for line in rejected_row_lines(ledger, entry, facts, values=values):
        digest.update(line)
        lines += 1
    return None if lines < 0 else RejectedRowsFile(name, lines, digest.hexdigest())


def _cells(ledger: Ledger, entry: ExchangeRecord, facts: ReceiptFacts) -> Iterator[tuple[str, ...]]:
    for row, code, field, note in facts.findings if entry.outcome == "refused" else ():
        if row:
            yield str(row), field, code, note, ""
    if not entry.rows.get("quarantined"):
        return
    for rejected in QuarantineStore(ledger, entry).rows():
        original = rejected.original.decode("utf-8", "backslashreplace")
        for row, code, field, note in rejected.findings:
            yield str(row), field, code, note, original


def _line(cells: tuple[str, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)  # RFC 4180
    return text.getvalue().encode("utf-8", "backslashreplace")
