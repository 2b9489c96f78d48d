"""Repair quarantined rows: read them, replay them as they came or as edited, and give them up; for command and page."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, TypeAlias

from poc.cli.console import Done, exclusive_exchange

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from poc.cli.console import CliContext
    from poc.config.workspace import Workspace
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger

#: Gives the edited rows of an exchange by number, in the feed's encoding. Raises BadInput.
EditReader: TypeAlias = "Callable[[Workspace, Ledger, ExchangeRecord], dict[int, bytes]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRow:
    """A held row: its text in the feed's encoding, or with escapes where `is_text` is False, and what is wrong."""

    row: int
    text: str
    is_text: bool
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRows:
    """The first held rows of an exchange, and how many there are."""

    exchange_id: str
    partner: str
    feed: str
    file: str
    rows: tuple[HeldRow, ...]
    total: int


def read_held_rows(context: CliContext, exchange: str, limit: int) -> HeldRows:
    """Return the first held rows of an exchange. Raises BadInput, TryLater, LedgerDamaged."""
    from poc.ledger.lookup import find_by_prefix
    from poc.ledger.opening import open_ledger
    from poc.quarantine.export_encoding import exchange_codec, is_valid
    from poc.quarantine.store import QuarantineStore

    with closing(open_ledger(context.workspace.ledger)) as ledger:
        entry = find_by_prefix(ledger, exchange)
        codec = exchange_codec(context.workspace, entry)
        held = (row for row in QuarantineStore(ledger, entry).rows() if row.state == "held")
        rows = tuple(
            HeldRow(
                row=row.row,
                text=row.original.decode(codec, "backslashreplace"),
                is_text=is_valid(row.original, codec),
                findings=tuple(finding.text() for finding in row.findings),
            )
            for row in islice(held, limit)
        )
        total = len(rows) + sum(1 for _ in held)
    return HeldRows(
        exchange_id=entry.exchange_id, partner=entry.partner, feed=entry.feed, file=entry.file, rows=rows, total=total
    )


def edits_of_export(data: bytes, name: str) -> EditReader:
    """Return the reader of an edited export; `name` is said in errors."""

    def read(workspace: Workspace, ledger: Ledger, entry: ExchangeRecord) -> dict[int, bytes]:
        from poc.errors import BadInput
        from poc.quarantine.export import read_export
        from poc.quarantine.export_encoding import exchange_codec
        from poc.quarantine.store import QuarantineStore

        codec = exchange_codec(workspace, entry)
        came = {row.row: row.original for row in QuarantineStore(ledger, entry).rows()} if codec != "utf-8" else {}
        try:
            return read_export(data, entry, codec, came)
        except BadInput as error:
            raise BadInput(f"{name}: {error}") from error

    return read


def edits_of_texts(texts: Mapping[int, str]) -> EditReader:
    """Return the reader of rows as texts, such as a browser sends them: with line ends of its own.

    A row that differs from the one that came by its line ends alone stays as it came.
    """

    def read(workspace: Workspace, ledger: Ledger, entry: ExchangeRecord) -> dict[int, bytes]:
        from poc.errors import BadInput
        from poc.quarantine.export_encoding import exchange_codec
        from poc.quarantine.store import QuarantineStore

        codec = exchange_codec(workspace, entry)
        came = {row.row: row.original for row in QuarantineStore(ledger, entry).rows() if row.row in texts}
        edits: dict[int, bytes] = {}
        for row, text in texts.items():
            original = came.get(row, b"")
            if _with_one_line_end(text) == _with_one_line_end(original.decode(codec, "backslashreplace")):
                edits[row] = original
                continue
            try:
                edits[row] = _with_one_line_end(text).encode(codec)
            except UnicodeEncodeError as error:
                raise BadInput(f"row {row}: {error.object[error.start]!r} cannot be written in {codec}") from error
        return edits

    return read


def replay_rows(context: CliContext, exchange: str, edit: EditReader | None) -> Done:
    """Check quarantined rows again, as edited or as they came, and send the valid ones.

    `values` of the result has `replayed`, `still_bad` and `outcome`.

    Raises:
        BadInput, ContractBreach, DeliveryFailed, TryLater, LedgerDamaged: see `poc.quarantine.replay`.
    """
    from datetime import UTC, datetime

    from metrics.events import SpoolRecorder
    from poc.ledger.lookup import find_by_prefix
    from poc.pipeline.capabilities import resolve_level
    from poc.pipeline.prepared_feed import prepare_feed
    from poc.quarantine.archived_file import find_archived_file
    from poc.quarantine.replay import replay
    from poc.service.runner import Runner
    from poc.transports.http import new_session

    workspace = context.workspace
    with exclusive_exchange(context, exchange) as (ledger, entry), new_session() as session:
        edits = None if edit is None else edit(workspace, ledger, entry)
        prepared = prepare_feed(workspace, entry.partner, entry.feed, resolve_level(workspace.settings.level), session)
        result = replay(prepared, entry, find_archived_file(workspace, entry), edits, ledger, datetime.now(UTC))
        outcome = "nothing to send"
        if result.replayed_rows and prepared.target is not None:
            outcome = "done"
        elif result.replayed_rows:
            with closing(SpoolRecorder(workspace.spool)) as recorder:
                runner = Runner(prepared, ledger, lambda: datetime.now(UTC), recorder, context.release)
                outcome = runner.resume(find_by_prefix(ledger, entry.exchange_id)).outcome
    replayed, rejected = list(result.replayed_rows), result.still_rejected
    text = f"{len(replayed)} row(s) replayed: {outcome}; {len(rejected)} still rejected."
    notes = [f"  row {row.row}: {'; '.join(finding.text() for finding in row.findings)}" for row in rejected]
    if rejected:
        key = entry.exchange_id[:8]
        discard = f"`milepost quarantine discard {key} --why TEXT`"
        notes.append(f"  `milepost quarantine export {key}` writes them to be corrected; {discard} gives them up")
    still_bad = [{"row": row.row, "notes": [finding.note for finding in row.findings]} for row in rejected]
    values = {"replayed": replayed, "still_bad": still_bad, "outcome": outcome}
    return Done(text, {"exchange_id": entry.exchange_id, **values}, tuple(notes))


def discard_rows(context: CliContext, exchange: str, rows: Sequence[int], why: str) -> Done:
    """Give rows up, or all held ones where none is named. Raises BadInput, TryLater, LedgerDamaged."""
    from poc.errors import BadInput
    from poc.quarantine.store import QuarantineStore

    with exclusive_exchange(context, exchange) as (ledger, entry):
        store = QuarantineStore(ledger, entry)
        held = [row.row for row in store.rows() if row.state == "held"]
        for row in rows:
            if row not in held:
                raise BadInput(f"row {row} of exchange {entry.exchange_id} is not held; held are {held[:10] or 'none'}")
        if not held:
            raise BadInput(f"exchange {entry.exchange_id} of {entry.file} has no held row: there is nothing to discard")
        chosen = list(rows or held)
        store.discard(chosen, why)
        ledger.commit()
    return Done(
        f"{len(chosen):,} row(s) discarded: {why}",
        {"exchange_id": entry.exchange_id, "file": entry.file, "discarded": chosen, "why": why},
    )


def _with_one_line_end(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
