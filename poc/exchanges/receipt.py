"""The receipt: how one attempt at one exchange ended, why a known file may need no attempt, and why it may get none."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from poc.batch import Account
from poc.errors import BadInput
from poc.ledger.due import LONGEST_WAIT_US, is_too_early
from poc.pipeline.capabilities import has_capability
from poc.quarantine.store import QuarantineStore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from poc.batch import Finding
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger
    from poc.pipeline.prepared_feed import PreparedFeed
    from poc.transports.source_file import FileVersion


@dataclass(frozen=True, slots=True)
class Receipt:
    """How one attempt at one exchange ended.

    `outcome` is `done`, `already_received`, `refused`, `failed`, `due` (resumes by itself at `due_at_us`) or
    `ambiguous`. `account` holds the rows as this attempt left them, `quarantined_rows` the numbers of the rows that it
    quarantined, `reasons` the count of all quarantined rows by error code, each row by its first finding. `whole`: the
    ledger holds all that is left to do, so that the file is not needed. `file_version` is the file as it was opened,
    `blocked_s` the time spent on requests that timed out, `stages_ns` the time inside each stage. `repeated_rows` are
    those of its delivered rows of which the partner said that it had them already.
    """

    exchange_id: str
    attempt: int
    outcome: str
    account: Account
    sha256: str
    bytes_in: int
    bytes_out: int = 0
    calls: int = 0
    blocked_s: float = 0.0
    repeated_rows: int = 0
    error_type: str = ""
    error: str = ""
    findings: tuple[Finding, ...] = ()
    quarantined_rows: tuple[int, ...] = ()
    reasons: Mapping[str, int] = field(default_factory=dict)
    due_at_us: int | None = None
    whole: bool = False
    file_version: FileVersion | None = None
    stages_ns: Mapping[str, int] = field(default_factory=dict)


def reason_to_skip(entry: ExchangeRecord, now: datetime, longest_us: int = LONGEST_WAIT_US) -> str:
    """Return why a file needs no attempt now; empty where it needs one.

    `longest_us` is the longest wait that the partner's settings allow.
    """
    if entry.outcome == "done":
        return f"the same bytes were exchanged as {entry.file}"
    if entry.outcome == "due" and not entry.whole:
        now_us = int(now.timestamp() * 1_000_000)
        return entry.reason if is_too_early(entry.due_at_us, entry.closed_at_us, now_us, longest_us) else ""
    if entry.outcome == "refused" and entry.whole:
        return f"part of it was sent before it was refused; hand in the rest as a file of its own: {entry.reason}"
    if entry.outcome in {"due", "ambiguous", "given_up"}:
        return f"the same bytes came in as {entry.file}, which is {entry.outcome}: {entry.reason}"
    return ""


def skipped_receipt(entry: ExchangeRecord, ledger: Ledger, version: FileVersion, reason: str) -> Receipt:
    """Return the receipt for a known file that needs no attempt now."""
    still_due = entry.outcome == "due" and not entry.whole
    ended = {name: count for name, count in entry.rows.items() if name != "in"}
    account = Account(entry.rows["in"], ended) if still_due else Account()
    return Receipt(
        exchange_id=entry.exchange_id,
        attempt=entry.attempt - 1,
        outcome="due" if still_due else "already_received",
        account=account,
        sha256=entry.sha256,
        bytes_in=version.size_bytes,
        error=reason,
        reasons=QuarantineStore(ledger, entry).reasons() if account.rows_by_outcome.get("quarantined") else {},
        due_at_us=entry.due_at_us if still_due else None,
        file_version=version,
    )


def check_whole(entry: ExchangeRecord) -> None:
    """Raise BadInput where not all rows of an exchange are in the ledger."""
    if not entry.whole:
        raise BadInput(f"exchange {entry.exchange_id}: its file {entry.file} is needed to go on; hand it in again")


def check_settings_unchanged(prepared: PreparedFeed, entry: ExchangeRecord) -> None:
    """Refuse to continue a file that was begun under other settings, which would give other requests.

    Raises:
        BadInput: feed, contract or level were changed after rows of it were reserved.
    """
    if entry.whole or entry.reserved_to < 0:
        return
    what = f"exchange {entry.exchange_id} of {entry.file} was begun"
    choice = "or give it up with `milepost outbox discard`"
    if not has_capability("once", prepared.level):
        raise BadInput(f"{what} at a level that remembers requests; go on at that level, {choice}")
    if entry.settings_digest != prepared.settings_digest:
        feed = f"{prepared.partner}/{prepared.feed_id}"
        raise BadInput(f"{what} under other settings of {feed}; put them back, {choice}")
