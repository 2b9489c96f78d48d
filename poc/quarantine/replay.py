"""Rows in quarantine, worked on by a person: written out, read back, replayed.

An export is the feed's own text, so that a row is edited as what it is. A line before each row says which it is and
what is wrong with it:

    #milepost 6f2a0c... row 17: constraint-error in month: 13 is above the maximum 12
    2013,13,1,517,...

Rows stand there as they came, byte for byte, in the feed's own encoding; only the marks, and the one line end after
each row, are ours.

A replay checks the rows against the contract as it is now, and against the keys of all rows of their file that were
delivered. Rows that pass leave quarantine in one commit with their reservation in the outbox, or before their file gets
its name in the partner's folder, so that the same row cannot be replayed twice; the others stay, with what is wrong
with them now.
"""

from __future__ import annotations

from dataclasses import dataclass
from glob import escape
from itertools import chain
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from poc.batch import ROW
from poc.delivery.outbox import Outbox
from poc.errors import BadInput
from poc.quarantine.export import replay_requests, row_numbers_text
from poc.quarantine.revalidate import delivered_keys, revalidate
from poc.quarantine.store import QuarantineStore
from poc.transports.folder import delivery_state, open_part, publish
from poc.transports.source_file import open_regular, sha256_hex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime

    from poc.batch import RejectedRow
    from poc.config.workspace import Workspace
    from poc.ledger.ledger import ExchangeRecord, Ledger
    from poc.pipeline.prepared_feed import PreparedFeed
    from poc.quarantine.revalidate import RevalidatedRows


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What became of rows that were tried again: the numbers of those that left quarantine, and those still bad."""

    reserved: tuple[int, ...]
    still_bad: tuple[RejectedRow, ...]


def replay(
    prepared: PreparedFeed,
    entry: ExchangeRecord,
    source: Path,
    edits: Mapping[int, bytes] | None,
    ledger: Ledger,
    now: datetime,
) -> ReplayResult:
    """Check rows in quarantine once more, and have those that are good now leave it.

    To a partner with requests they are reserved, and sent as what is due. Into a folder they go at once, as a file of
    their own. The rows tried are in memory, nothing else of the file is.

    Args:
        prepared: the feed.
        entry: the exchange they are of.
        source: its file, from the archive.
        edits: rows by number, as they are to be; None for all that are held, as they came.
        ledger: which holds them.
        now: the time.

    Raises:
        BadInput: a row is not held, an edited row is not one row, the file is not the one that was exchanged, or the
            exchange has not ended.
        ContractBreach: the file's head is not the contract's.
        DeliveryFailed: the folder takes no file; rows that have left quarantine get there with the next replay.
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    if entry.outcome == "given_up":
        raise BadInput(f"exchange {entry.exchange_id} of {entry.file} was given up: {entry.reason}")
    if not entry.whole and entry.outcome not in {"done", "refused"}:
        raise BadInput(
            f"exchange {entry.exchange_id} is {entry.outcome}: {entry.file} will be read again, and these rows with "
            "it; let it end first: `milepost run`"
        )
    quarantine, outbox = QuarantineStore(ledger, entry), Outbox(ledger, entry)
    states, held = load_states(quarantine, None if edits is None else edits.keys())
    if prepared.folder is not None:
        finish_interrupted_replay(prepared.folder, prepared, entry, states)
    rows = {number: (held if edits is None else edits)[number] for number in sorted(held if edits is None else edits)}
    for number in rows:
        if (state := states.get(number, "not in quarantine")) != "held":
            there = [row for row, known in states.items() if known == "held"]
            raise BadInput(
                f"row {number} of exchange {entry.exchange_id} is {state}; held are {row_numbers_text(there)}"
            )
    if not rows:
        return ReplayResult((), ())
    tried = revalidate_against_file(prepared, entry, source, rows, states, quarantine)
    reserved = tried.reserved
    try:
        quarantine.update_findings(tried.bad)
        quarantine.mark_replayed((number, rows[number]) for number in reserved)
        account: dict[str, object] = {"rows_quarantined": entry.rows["quarantined"] - len(reserved)}
        if prepared.folder is not None and reserved:
            ledger.update(entry, **account, rows_delivered=entry.rows["delivered"] + len(reserved))
            publish_replayed_rows(prepared.folder, prepared, entry, tried, ledger.commit)
        elif reserved:
            for request in replay_requests(prepared, tried.good, reserved):
                outbox.add(request)
            outbox.reserve("keyed" if prepared.honours_keys else "reserved")
            account |= {"outcome": "due", "whole": 1, "due_at_us": int(now.timestamp() * 1_000_000)}
            ledger.update(entry, **account, rows_due=entry.rows["due"] + len(reserved))
        ledger.commit()
    finally:
        outbox.discard_unreserved()
        ledger.roll_back()
    return ReplayResult(reserved, tried.bad)


def load_states(quarantine: QuarantineStore, wanted: Iterable[int] | None) -> tuple[dict[int, str], dict[int, bytes]]:
    """The state of every row that ever was in quarantine; and those held, as they came, unless others are `wanted`."""
    states: dict[int, str] = {}
    held: dict[int, bytes] = {}
    for kept in quarantine.rows():
        states[kept.row] = kept.state
        if kept.state == "held" and wanted is None:
            held[kept.row] = kept.original
    return states, held


def revalidate_against_file(
    prepared: PreparedFeed,
    entry: ExchangeRecord,
    source: Path,
    rows: Mapping[int, bytes],
    states: Mapping[int, str],
    quarantine: QuarantineStore,
) -> RevalidatedRows:
    """Check rows, and hold them against what of their file was delivered. Raises BadInput, ContractBreach."""
    file, _ = open_regular(source)
    with file:
        if sha256_hex(file) != entry.sha256:
            raise BadInput(f"{source}: not the file that was exchanged as {entry.file}; its keys cannot be compared")
        head = prepared.reader.head(file)
        sent = ((kept.row, kept.sent) for kept in quarantine.rows() if kept.sent is not None)
        return revalidate(prepared, head, rows, delivered_keys(prepared, entry, file, head, states, sent))


def publish_replayed_rows(
    folder: Path, prepared: PreparedFeed, entry: ExchangeRecord, tried: RevalidatedRows, commit: Callable[[], None]
) -> None:
    """Put replayed rows into a folder as one file, which gets its name after the commit. Raises DeliveryFailed."""
    name = replay_file_name(prepared, entry, tried.reserved[0])
    if folder.parent.is_dir():
        folder.mkdir(exist_ok=True)
    with open_part(folder, name) as part:
        part.write(prepared.encoder.head([column for column in tried.good[0].columns if column != ROW]))
        for frame in tried.good:
            part.write(prepared.encoder.encode(frame))
        part.finish()
    commit()
    publish(folder, name)


def finish_interrupted_replay(
    folder: Path, prepared: PreparedFeed, entry: ExchangeRecord, states: Mapping[int, str]
) -> None:
    """Finish what an earlier replay into a folder died over.

    A part whose first row has left quarantine was committed, so it gets its name; any other was not, and must never.
    """
    for row, state in states.items():
        name = replay_file_name(prepared, entry, row)
        if delivery_state(folder, name) != "part":
            continue
        if state == "replayed":
            publish(folder, name)
        else:
            open_part(folder, name).discard()


def replay_file_name(prepared: PreparedFeed, entry: ExchangeRecord, row: int) -> str:
    """The name, in a folder, of a file of replayed rows, by the first of them."""
    return f"{PurePath(entry.file).stem}.{entry.exchange_id[:8]}.again-{row}.{prepared.feed.out}"


def find_archived_file(workspace: Workspace, entry: ExchangeRecord) -> Path:
    """The file of an exchange, where it was put away, whatever it is called there by now.

    Raises:
        BadInput: it is not there any more.
    """
    folder = workspace.processed_folder(entry.partner, entry.feed, "archive")
    name = Path(entry.file)
    likely = sorted(folder.glob(f"{escape(name.stem)}*{escape(name.suffix)}"))
    others = (path for path in sorted(folder.glob("*")) if path not in likely)
    for path in chain(likely, others):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if sha256_hex(file) == entry.sha256:
                    return path
    raise BadInput(
        f"{folder}: the file {entry.file} of exchange {entry.exchange_id} is not there any more; put it back"
    )
