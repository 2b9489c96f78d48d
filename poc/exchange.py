"""One exchange: a file of a feed, from receipt to settlement.

`exchange` opens the ledger entry, sends the file's batches down the line, checks that the account balances, and closes
the entry. It never waits and never retries: what is not done is told in the receipt, and comes back as a new attempt.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from poc.batch import Account, Batch, Finding, Settled
from poc.errors import BadInput, ContractBreach
from poc.formats import csv
from poc.line import Ports, Watch, stages
from poc.stages.deliver import Traffic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path
    from typing import BinaryIO

    import requests

    from poc.config import Feed
    from poc.contract import Contract
    from poc.ledger import Entry, Ledger
    from poc.transports.http import Place

#: Findings that a receipt shows at the most; all are counted.
SHOWN_FINDINGS = 20


@dataclass(frozen=True, slots=True)
class Receipt:
    """How one attempt at one exchange ended.

    `outcome` is `done`, `already_received`, `refused` or `failed`; `account` is how this attempt left the rows;
    `blocked_s` went to requests that ended in a time-out; `stages_ns` is the time inside each stage.
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
    error_type: str = ""
    error: str = ""
    findings: tuple[Finding, ...] = ()
    stages_ns: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lane:
    """One feed made ready to exchange at one level: everything that does not change from file to file."""

    partner: str
    feed_id: str
    feed: Feed
    contract: Contract
    place: Place
    level: int


def exchange(
    lane: Lane,
    path: Path,
    now: datetime,
    ledger: Ledger,
    session: requests.Session,
    opened: Callable[[Entry], None] = lambda _: None,
) -> Receipt:
    """Exchange one file. `opened` is told of the ledger entry before any row is read.

    Raises:
        BadInput: there is no such file.
        Unbalanced: the account does not add up; the ledger entry stays open.
        TryLater: the ledger is locked.
    """
    now_us, began_ns = int(now.timestamp() * 1_000_000), time.monotonic_ns()
    try:
        path.name.encode()  # a name that is no text could be written down nowhere
        source = path.open("rb")
    except UnicodeEncodeError as error:
        raise BadInput(f"{path.parent}: the file name {path.name!r} is not UTF-8; rename it") from error
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from error
    with source:
        digest = hashlib.file_digest(source, "sha256").hexdigest()
        size_bytes = source.tell()
        entry = ledger.open(lane.partner, lane.feed_id, path.name, digest, size_bytes, now_us)
        if entry.received_before is not None:
            note = f"the same bytes were exchanged as {entry.received_before}"
            return Receipt(
                entry.exchange_id, entry.attempt, "already_received", Account(), digest, size_bytes, error=note
            )
        opened(entry)
        traffic, watch = Traffic(), Watch()
        ports = Ports(lane.feed, lane.contract, session, lane.place, path.name, traffic)
        source.seek(0)
        rows_in, settled, findings = run(source, lane, ports, watch)
        account = Account.close(rows_in, settled)
        outcome, error_type, reason = judge(settled)
        closed_at_us = now_us + (time.monotonic_ns() - began_ns) // 1000
        ledger.close_entry(entry, outcome, reason, account, closed_at_us)
    return Receipt(
        entry.exchange_id,
        entry.attempt,
        outcome,
        account,
        digest,
        size_bytes,
        traffic.bytes_out,
        traffic.calls,
        traffic.blocked_s,
        error_type,
        reason,
        tuple(findings[:SHOWN_FINDINGS]),
        watch.spent_ns,
    )


def run(source: BinaryIO, lane: Lane, ports: Ports, watch: Watch) -> tuple[int, list[Settled], list[Finding]]:
    """Send a file down the line: rows that came in, where they ended, and what was found wrong with them."""
    rows_in = 0

    def counted(batches: Iterator[Batch]) -> Iterator[Batch]:
        nonlocal rows_in
        for batch in batches:
            rows_in += batch.rows.height + len(batch.bad)
            yield batch

    batches: Iterator[Batch] = csv.read(source, lane.contract.names, lane.contract.missing_values)
    batches = counted(watch.over("receive", batches))
    for name, stage in stages(lane.level, ports):
        batches = watch.over(name, stage(batches))
    settled: list[Settled] = []
    findings: list[Finding] = []
    try:
        for batch in batches:
            settled += batch.settled
            findings += batch.findings
    except ContractBreach as breach:
        # the file cannot be read to its end, so all its rows are refused; what was held back never left
        rows_in = csv.count_lines(source)
        refused = Settled("refused", rows_in, breach.code, str(breach))
        return rows_in, [refused], [Finding(0, breach.code, "", str(breach))]
    return rows_in, settled, findings


def judge(settled: list[Settled]) -> tuple[str, str, str]:
    """The outcome of an attempt, the code of what went wrong, and the reason in words."""
    for outcome in ("refused", "failed"):
        for part in settled:
            if part.outcome == outcome:
                return outcome, part.code, part.reason
    return "done", "", ""
