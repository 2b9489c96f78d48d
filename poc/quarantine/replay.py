"""Replay of quarantined rows, as they came or as a person edited them.

A replay checks the rows against the current contract, and against the keys of all rows of their file that were
delivered. Valid rows leave quarantine in one commit with their reservation in the outbox, or before their file gets its
name at the partner, so that a row cannot be replayed twice. The other rows stay, with their new findings.
"""

from __future__ import annotations

from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from poc.batch import ROW
from poc.delivery.outbox import Outbox
from poc.errors import BadInput
from poc.quarantine.export import replay_requests, row_numbers_text
from poc.quarantine.revalidate import delivered_keys, revalidate
from poc.quarantine.store import QuarantineStore
from poc.transports.source_file import open_regular, sha256_hex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from poc.batch import RejectedRow
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger
    from poc.pipeline.prepared_feed import PreparedFeed
    from poc.places.target import FileTarget
    from poc.quarantine.revalidate import RevalidatedRows


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """The numbers of the rows that left quarantine, and the rows that were rejected again."""

    replayed_rows: tuple[int, ...]
    still_rejected: tuple[RejectedRow, ...]


def replay(
    prepared: PreparedFeed,
    entry: ExchangeRecord,
    source: Path,
    edits: Mapping[int, bytes] | None,
    ledger: Ledger,
    now: datetime,
) -> ReplayResult:
    """Check quarantined rows again, and release those that are valid now.

    For a partner with requests they are reserved, and sent as what is due. Into a folder or place they are delivered
    at once, as a file of their own. Only the replayed rows are in memory, not the rest of the file.

    Args:
        prepared: the feed.
        entry: the exchange of the rows.
        source: its file, from the archive.
        edits: the edited rows by number; None for all held rows as they came.
        ledger: the ledger that holds the rows.
        now: the current time.

    Raises:
        BadInput: a row is not held, an edited row is not one row, the file is not the one that was exchanged, or the
            exchange has not ended.
        ContractBreach: the file's head does not match the contract.
        DeliveryFailed: the partner accepts no file; rows that have left quarantine are delivered by the next replay.
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    if entry.outcome == "given_up":
        raise BadInput(f"exchange {entry.exchange_id} of {entry.file} was given up: {entry.reason}")
    if not entry.whole and entry.outcome not in {"done", "refused"}:
        raise BadInput(
            f"exchange {entry.exchange_id} is {entry.outcome}: {entry.file} will be read again, and these rows with "
            "it; let it end first: `milepost run`"
        )
    with closing(prepared.target) if prepared.target is not None else nullcontext():
        return replay_rows(prepared, entry, source, edits, ledger, now)


def replay_rows(
    prepared: PreparedFeed,
    entry: ExchangeRecord,
    source: Path,
    edits: Mapping[int, bytes] | None,
    ledger: Ledger,
    now: datetime,
) -> ReplayResult:
    """Check quarantined rows of an exchange that has ended, and release those that are valid. Raises as `replay`."""
    quarantine = QuarantineStore(ledger, entry)
    states, held = load_states(quarantine, None if edits is None else edits.keys())
    if prepared.target is not None:
        finish_interrupted_replay(prepared.target, prepared, entry, states)
    chosen = held if edits is None else edits
    rows = {number: chosen[number] for number in sorted(chosen)}
    for number in rows:
        if (state := states.get(number, "not in quarantine")) != "held":
            text = row_numbers_text([row for row, other in states.items() if other == "held"])
            raise BadInput(f"row {number} of exchange {entry.exchange_id} is {state}; held are {text}")
    if not rows:
        return ReplayResult((), ())
    checked = revalidate_against_file(prepared, entry, source, rows, states, quarantine)
    release(prepared, entry, rows, checked, ledger, now)
    return ReplayResult(checked.valid_rows, checked.rejected)


def release(
    prepared: PreparedFeed,
    entry: ExchangeRecord,
    rows: Mapping[int, bytes],
    checked: RevalidatedRows,
    ledger: Ledger,
    now: datetime,
) -> None:
    """Move the valid rows out of quarantine in one commit, and update the findings of the others.

    Raises DeliveryFailed, TryLater, LedgerDamaged.
    """
    quarantine, outbox = QuarantineStore(ledger, entry), Outbox(ledger, entry)
    valid = checked.valid_rows
    account: dict[str, object] = {"rows_quarantined": entry.rows["quarantined"] - len(valid)}
    try:
        quarantine.update_findings(checked.rejected)
        quarantine.mark_replayed((number, rows[number]) for number in valid)
        if prepared.target is not None and valid:
            ledger.update(entry, **account, rows_delivered=entry.rows["delivered"] + len(valid))
            publish_rows(prepared.target, prepared, entry, checked, ledger.commit)
        elif valid:
            for request in replay_requests(prepared, checked.valid, valid):
                outbox.add(request)
            outbox.reserve("keyed" if prepared.honours_keys else "reserved")
            account |= {"outcome": "due", "whole": 1, "due_at_us": int(now.timestamp() * 1_000_000)}
            ledger.update(entry, **account, rows_due=entry.rows["due"] + len(valid))
        ledger.commit()
    finally:
        outbox.discard_unreserved()
        ledger.roll_back()


def load_states(quarantine: QuarantineStore, edited: Iterable[int] | None) -> tuple[dict[int, str], dict[int, bytes]]:
    """Return the state of every row that ever was in quarantine, and the held rows as they came if none is edited."""
    states: dict[int, str] = {}
    held: dict[int, bytes] = {}
    for row in quarantine.rows():
        states[row.row] = row.state
        if row.state == "held" and edited is None:
            held[row.row] = row.original
    return states, held


def revalidate_against_file(
    prepared: PreparedFeed,
    entry: ExchangeRecord,
    source: Path,
    rows: Mapping[int, bytes],
    states: Mapping[int, str],
    quarantine: QuarantineStore,
) -> RevalidatedRows:
    """Check rows, also against the delivered rows of their file. Raises BadInput, ContractBreach."""
    file, _ = open_regular(source)
    with file:
        if sha256_hex(file) != entry.sha256:
            raise BadInput(f"{source}: not the file that was exchanged as {entry.file}; its keys cannot be compared")
        head = prepared.reader.head(file)
        sent = ((row.row, row.sent) for row in quarantine.rows() if row.sent is not None)
        return revalidate(prepared, head, rows, delivered_keys(prepared, entry, file, head, states, sent))


def publish_rows(
    target: FileTarget,
    prepared: PreparedFeed,
    entry: ExchangeRecord,
    checked: RevalidatedRows,
    commit: Callable[[], None],
) -> None:
    """Deliver the valid rows as one file, which gets its name after the commit. Raises DeliveryFailed."""
    name = replay_file_name(prepared, entry, checked.valid_rows[0])
    with target.open_part(name) as part:
        writer = prepared.new_file_writer()
        part.write(writer.begin([column for column in checked.valid[0].columns if column != ROW]))
        for frame in checked.valid:
            part.write(writer.rows(frame))
        part.write(writer.end())
        part.finish()
    commit()
    target.publish(name)


def finish_interrupted_replay(
    target: FileTarget, prepared: PreparedFeed, entry: ExchangeRecord, states: Mapping[int, str]
) -> None:
    """Finish an earlier replay by a file that was interrupted.

    A part whose first row has left quarantine was committed, so it gets its name; any other part is discarded.
    """
    for row, state in states.items():
        name = replay_file_name(prepared, entry, row)
        if target.state(name) != "part":
            continue
        if state == "replayed":
            target.publish(name)
        else:
            target.open_part(name).discard()


def replay_file_name(prepared: PreparedFeed, entry: ExchangeRecord, row: int) -> str:
    """Return the name of a file of replayed rows, by the first of these rows."""
    return f"{PurePath(entry.file).stem}.{entry.exchange_id[:8]}.again-{row}.{prepared.feed.out_suffix}"
