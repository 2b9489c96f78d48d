"""Compare what both sides send for one file of a feed, store the result, and tell the metrics of it.

compare_file(workspace, ledger, FilePair(...), now, recorder)
state = parity_state(workspace, ledger, "acme", "orders", now)
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from metrics.route_events import ParityEvent
from poc.capture.bodies import open_contents, read_bodies
from poc.contract.contract import load_contract
from poc.parity.causes.classify import FieldFacts
from poc.parity.comparison import compare
from poc.parity.dispositions import load_dispositions
from poc.parity.read_records import open_rows, written_records
from poc.parity.records import HELD_BYTES, HeldRecords, SentRecords
from poc.parity.store import compared_files, read_state, store_comparison

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metrics.events import Recorder
    from poc.capture.bodies import SentBody
    from poc.config.partner import Feed
    from poc.config.workspace import Workspace
    from poc.contract.contract import Contract
    from poc.ledger.ledger import Ledger
    from poc.parity.records import RecordSource
    from poc.parity.result import Comparison
    from poc.parity.state import ParityState
    from poc.parity.store import ComparedFile


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePair:
    """One file of a feed, and the records that each side sends for it. `left` is the side that is to be replaced."""

    partner: str
    feed: str
    file: str
    sha256: str
    left: RecordSource
    right: RecordSource
    stage: str = ""


def body_records(name: str, bodies: Sequence[SentBody], feed: Feed | None = None) -> RecordSource:
    """Return the records of bodies that a side sent: those of the capture proxy, of a folder, or of a shadow.

    Bodies of no other format are in that of the feed's `out`.
    """
    if feed is not None and (written := written_records(name, bodies, feed)) is not None:
        return HeldRecords(written) if written.size_bytes <= HELD_BYTES else written
    size_bytes = sum(body.path.stat().st_size for body in bodies)
    contents = open_contents if feed is None else partial(open_rows, feed=feed)
    records = SentRecords(name, lambda: read_bodies(bodies, contents), size_bytes)
    return HeldRecords(records) if size_bytes <= HELD_BYTES else records


def compare_file(
    workspace: Workspace, ledger: Ledger, pair: FilePair, now: datetime, recorder: Recorder | None = None
) -> Comparison:
    """Compare what both sides send for a file, store the result, and record it as an event.

    Records are told apart by the partner's fields of the contract's primary key, where the map has all of them.

    Raises:
        BadInput: a side cannot be read or has other fields than the key, or the dispositions cannot be used.
        TryLater, LedgerDamaged: the result cannot be stored.
    """
    _, feed = workspace.get_feed(pair.partner, pair.feed)
    contract = load_contract(workspace.contract(feed), json_values=feed.has_json_values)
    facts = output_facts(feed, contract)
    result = compare(pair.left, pair.right, output_key(feed, contract), facts)
    now_us = _micros(now)
    store_comparison(ledger, pair.partner, pair.feed, pair.file, pair.sha256, pair.stage, result, now_us)
    if recorder is not None:
        files = compared_files(ledger, pair.partner, pair.feed, now_us)
        for file in files:
            if file.sha256 == pair.sha256:
                recorder.record(parity_event(workspace, file, now))
    return result


def parity_state(
    workspace: Workspace, ledger: Ledger, partner: str, feed: str, now: datetime, since_us: int = 0
) -> ParityState:
    """Return what the comparisons of a feed since a time say, by the dispositions that hold now.

    Raises:
        BadInput: the dispositions cannot be used.
        TryLater, LedgerDamaged: the ledger cannot be read.
    """
    dispositions = load_dispositions(workspace.root, partner)
    return read_state(ledger, dispositions, partner, feed, now.astimezone(UTC).date(), since_us)


def record_again(
    workspace: Workspace, ledger: Ledger, partner: str, feed: str, now: datetime, recorder: Recorder
) -> int:
    """Record the events of all compared files of a feed again, by the dispositions of now; return how many.

    To be called after a disposition has changed. Raises BadInput, TryLater, LedgerDamaged.
    """
    files = compared_files(ledger, partner, feed)
    for file in files:
        recorder.record(parity_event(workspace, file, now))
    return len(files)


def parity_event(workspace: Workspace, file: ComparedFile, now: datetime) -> ParityEvent:
    """Return the event of a compared file, judged by the dispositions of now. Raises BadInput."""
    dispositions = load_dispositions(workspace.root, file.partner)
    judged = dispositions.judge(file.feed, file.differences, now.astimezone(UTC).date())
    day = datetime.fromtimestamp(file.compared_at_us / 1_000_000, UTC).date().isoformat()
    return ParityEvent(
        mode="live", faults="real", series="", partner=file.partner, feed=file.feed, file=file.file,
        input_sha256=file.sha256, block=day, block_end=day, stage=file.stage, compared_at_us=file.compared_at_us,
        judged_at_us=_micros(now), compared=file.compared_records, equal=file.equal_records,
        differences=sum(file.differences.values()), unexplained=judged.unexplained.total(),
        causes=judged.unexplained_by_cause(),
    )  # fmt: skip


def output_key(feed: Feed, contract: Contract) -> tuple[str, ...]:
    """Return the partner's fields of the contract's primary key; none where the map leaves one out or changes it."""
    copies = {
        field.source: field.to
        for field in feed.map
        if field.source is not None and field.times is None and field.lookup is None and field.lookup_file is None
    }
    return tuple(copies[name] for name in contract.key) if all(name in copies for name in contract.key) else ()


def output_facts(feed: Feed, contract: Contract) -> Mapping[str, FieldFacts]:
    """Return the type and the missing values of the partner's fields that come from one field of the contract."""
    return {
        field.to: FieldFacts(
            "number" if field.times is not None else contract.types[field.source],
            contract.field_missing.get(field.source, contract.missing_values),
        )
        for field in feed.map
        if field.source in contract.types
    }


def _micros(now: datetime) -> int:
    return int(now.timestamp() * 1_000_000)
