"""Rows in quarantine, worked on by a person: written out, read back, replayed.

An export is the feed's own text, so that a row is edited as what it is. A line before each row says which it is and
what is wrong with it:

    #milepost 6f2a0c... row 17: constraint-error in month: 13 is above the maximum 12
    2013,13,1,517,...

A replay checks the rows against the contract as it is now, together with all the good rows of their file, so that a key
that stands in the file already is found. Rows that pass are reserved in the outbox and leave quarantine in one commit,
so that the same row cannot be replayed twice; the others stay, with what is wrong with them now.
"""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass, replace
from glob import escape
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from poc.aside import Aside
from poc.batch import ROW, Bad, Finding, Recall
from poc.errors import BadInput
from poc.formats.reading import reader
from poc.outbox import Outbox, writing
from poc.parcels import Packer
from poc.stages.check import Check
from poc.transports.source import digest, open_regular

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import BinaryIO

    from poc.aside import Kept
    from poc.config import Workspace
    from poc.formats.reading import Reader
    from poc.lane import Lane
    from poc.ledger import Entry, Ledger
    from poc.outbox import Parcel

#: Before each row of an export.
MARK = re.compile(rb"^#milepost ([0-9a-f]+) row ([0-9]+)(?::[^\n]*)?\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of rows that were tried again: the numbers of those that left quarantine, and those still bad."""

    reserved: tuple[int, ...]
    still_bad: tuple[Bad, ...]


def export(entry: Entry, rows: Sequence[Kept]) -> bytes:
    """The rows held, each after a line that names it."""
    parts: list[bytes] = []
    for kept in rows:
        told = "; ".join(
            f"{found.code}{f' in {found.field}' if found.field else ''}: {found.note}" for found in kept.findings
        )
        one_line = " ".join(told.split())
        parts.append(f"#milepost {entry.exchange_id} row {kept.row}: {one_line}\n".encode() + kept.original + b"\n")
    return b"".join(parts)


def read_export(data: bytes, entry: Entry) -> dict[int, bytes]:
    """The rows of an export, by number, as they were edited.

    Raises:
        BadInput: it is no export, is of another exchange, or names a row twice.
    """
    marks = list(MARK.finditer(data))
    if not marks or data[: marks[0].start()].strip():
        raise BadInput(
            "not an export: it begins with `#milepost EXCHANGE row NUMBER`; `milepost quarantine export` writes one"
        )
    found: dict[int, bytes] = {}
    for mark, after in zip(marks, [*(mark.start() for mark in marks[1:]), len(data)], strict=True):
        key, row = mark[1].decode(), int(mark[2])
        if key != entry.exchange_id:
            raise BadInput(f"row {row} is of exchange {key}, not of {entry.exchange_id}")
        if row in found:
            raise BadInput(f"row {row} stands twice")
        found[row] = re.sub(rb"\r?\n\Z", b"", data[mark.end() : after])
    return found


def again(
    lane: Lane, entry: Entry, source: Path, edits: Mapping[int, bytes] | None, ledger: Ledger, now: datetime
) -> Replayed:
    """Check rows in quarantine once more, and reserve those that are good now; they are sent as what is due.

    Args:
        lane: the feed.
        entry: the exchange they are of.
        source: its file, from the archive.
        edits: rows by number, as they are to be; None for all that are held, as they came.
        ledger: which holds them.
        now: the time.

    Raises:
        BadInput: a row is not held, an edited row is more than one row, the file is not the one that was exchanged, or
            the partner takes no requests.
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    if lane.door is None:
        raise BadInput(f"partner {lane.partner!r} takes whole files: mend the rows in a new file and hand that in")
    plain = reader(lane.feed.model_copy(update={"compression": "none"}), lane.contract)
    aside, outbox = Aside(ledger, entry), Outbox(ledger, entry)
    kept = {row.row: row for row in aside.rows()}
    ledger.forget()
    held = {number: row.original for number, row in kept.items() if row.state == "held"}
    wanted = dict(held if edits is None else edits)
    for number, line in wanted.items():
        if number not in held:
            state = kept[number].state if number in kept else "not in quarantine"
            raise BadInput(f"row {number} of exchange {entry.exchange_id} is {state}; held are {told(sorted(held))}")
        if (count := one_row(lane, plain, source, line)) != 1:
            raise BadInput(f"row {number}: {count} rows stand where there was one; edit it into one row")
    numbers = sorted(wanted)
    with tempfile.TemporaryFile(prefix="milepost-again-") as mended:
        good = rebuild(lane, plain, source, entry, kept, [wanted[number] for number in numbers], mended)
        bad, frames = recheck(lane, plain, mended, good, numbers)
    still_bad = tuple(replace(one, original=wanted[one.row]) for one in bad)
    reserved = tuple(number for number in numbers if number not in {one.row for one in bad})
    try:
        aside.renew(still_bad)
        aside.replayed((number, wanted[number]) for number in reserved)
        for parcel in packed(lane, frames, reserved):
            outbox.hold(parcel)
        outbox.reserve()
        moved = {
            "outcome": "due", "whole": 1, "due_at_us": int(now.timestamp() * 1_000_000),
            "rows_quarantined": entry.rows["quarantined"] - len(reserved),
            "rows_due": entry.rows["due"] + len(reserved),
        }  # fmt: skip
        ledger.note(entry, **(moved if reserved else {"outcome": entry.outcome}))
        ledger.seal()
    finally:
        outbox.drop()
        ledger.forget()
    return Replayed(reserved, still_bad)


def packed(lane: Lane, frames: Sequence[pl.DataFrame], numbers: Sequence[int]) -> Iterator[Parcel]:
    """Requests of replayed rows, each named by its first row: a row leaves quarantine once, so the name is new."""
    size = lane.feed.request_rows
    first = {(number - 1) // size: number for number in reversed(numbers)}
    packer = Packer(size, lane.encoder)
    for parcel in (*(parcel for frame in frames for parcel in packer.add(frame)), *packer.rest()):
        yield replace(parcel, name=f"again-{first[int(parcel.name)]}")


def archived(workspace: Workspace, entry: Entry) -> Path:
    """The file of an exchange, where it was put away. Raises BadInput where it is not there any more."""
    folder = workspace.done(entry.partner, entry.feed, "archive")
    name = Path(entry.file)
    for path in sorted(folder.glob(f"{escape(name.stem)}*{escape(name.suffix)}")):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                if digest(file) == entry.sha256:
                    return path
    raise BadInput(
        f"{folder}: the file {entry.file} of exchange {entry.exchange_id} is not there any more; put it back"
    )


def one_row(lane: Lane, plain: Reader, source: Path, line: bytes) -> int:
    """How many rows an edited row is."""
    with source.open("rb") as file:
        head = lane.reader.head(file)
    return sum(1 for _ in plain.rows(BytesIO(b"".join(plain.rebuild(head, [line])))))


def told(numbers: Sequence[int]) -> str:
    """Row numbers for people, the first few of them."""
    shown = ", ".join(map(str, numbers[:10])) or "none"
    return f"{shown}, ..." if len(numbers) > 10 else shown


def rebuild(
    lane: Lane,
    plain: Reader,
    source: Path,
    entry: Entry,
    kept: Mapping[int, Kept],
    rows: Sequence[bytes],
    mended: BinaryIO,
) -> int:
    """Write the good rows of a file, those replayed before, and then `rows`; gives how many stand before `rows`.

    The rows to be tried come last: whatever is wrong with one of them, it cannot disturb a good one.
    """
    file, _ = open_regular(source)
    with file:
        if digest(file) != entry.sha256:
            raise BadInput(f"{source}: not the file that was exchanged as {entry.file}; its keys cannot be compared")
        good = 0

        def counted() -> Iterator[bytes]:
            nonlocal good
            before = (row.sent for row in kept.values() if row.sent is not None)
            fresh = (line for number, line in lane.reader.rows(file) if number not in kept)
            for line in chain(before, fresh):
                good += 1
                yield line
            yield from rows

        with writing(Path(tempfile.gettempdir())):
            mended.writelines(plain.rebuild(lane.reader.head(file), counted()))
            mended.flush()
    return good


def recheck(
    lane: Lane, plain: Reader, mended: BinaryIO, good: int, numbers: Sequence[int]
) -> tuple[list[Bad], list[pl.DataFrame]]:
    """Check a mended file; of the rows after the first `good`, those that are bad, and the others mapped.

    Both carry the numbers that the rows had in their own file.
    """
    known: dict[int, tuple[Finding, ...]] = {}
    while True:
        mended.seek(0)
        bad: list[Bad] = []
        frames: list[pl.DataFrame] = []
        try:
            for batch in lane.map(Check(lane.contract, known)(plain.read(mended))):
                for one in batch.bad:
                    if one.row > good:
                        number = numbers[one.row - good - 1]
                        bad.append(Bad(number, one.original, tuple(replace(f, row=number) for f in one.findings)))
                tail = batch.rows.filter(pl.col(ROW) > good)
                if tail.height:
                    own = pl.Series(ROW, [numbers[row - good - 1] for row in tail[ROW]], dtype=tail[ROW].dtype)
                    frames.append(tail.with_columns(own))
        except Recall as recall:
            for finding in recall.findings:
                known[finding.row] = (*known.get(finding.row, ()), finding)
        else:
            return bad, frames
