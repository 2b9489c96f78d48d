"""What a person does about exchanges and partners: one function for each act, for commands and dashboard alike."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from poc.cli.console import Done, exclusive_exchange

if TYPE_CHECKING:
    from pathlib import Path

    from poc.cli.console import CliContext
    from poc.exchanges.redelivery import Redelivery
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger
    from poc.service.runner import RunResult


def release(context: CliContext, partner: str, now_us: int) -> Done:
    """Lift the pause of a partner, close its circuit breakers, and make due now what waited for that.

    Raises:
        BadInput: there is no such partner.
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    from poc.delivery.outbox_actions import release_partner
    from poc.ledger.opening import open_ledger
    from poc.retries.partner_state import check_partner, partner_states

    workspace = context.workspace
    with closing(open_ledger(workspace.ledger)) as ledger:
        check_partner(ledger, workspace.partners, partner)
        (before,) = (row for row in partner_states(ledger, workspace.partners, now_us) if row["partner"] == partner)
        resent = release_partner(ledger, partner, now_us)
    waiting = f"{resent.exchanges:,} exchange(s) with {resent.rows:,} row(s)"
    return Done(
        f"{partner} is released (it was {before['state']}); the next `milepost run` sends {waiting}.",
        {"partner": partner, "was": before["state"], "exchanges": resent.exchanges, "rows": resent.rows},
    )


def resend(context: CliContext, target: str | None, now_us: int) -> Done:
    """Send requests again with the next run: of a partner, of an exchange, or of all partners for None.

    Raises:
        BadInput: there is no such partner or exchange, or nothing of it can be sent.
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    from poc.delivery.outbox_actions import resend_all
    from poc.ledger.opening import open_ledger
    from poc.retries.partner_state import partner_states

    workspace = context.workspace
    with closing(open_ledger(workspace.ledger)) as ledger:
        rows = partner_states(ledger, workspace.partners, now_us)
        names = sorted({row["partner"].partition("/")[0] for row in rows})
        if target is not None and target not in names:
            return _settle(context, target, now_us, arrived=False)
        partners = names if target is None else [target]
        resent = resend_all(ledger, partners, now_us)
    what = f"{resent.exchanges:,} exchange(s) of {', '.join(partners) or 'no partner'}, {resent.rows:,} row(s)"
    text = f"{what}: the next `milepost run` sends them again."
    notes = []
    if resent.ambiguous_rows:
        notes.append(f"{resent.ambiguous_rows:,} row(s) stay ambiguous: ask the partner, see `milepost outbox ls`.")
    counts = {"exchanges": resent.exchanges, "rows": resent.rows, "ambiguous_rows": resent.ambiguous_rows}
    return Done(text, {"partners": partners, **counts}, tuple(notes))


def mark_as_arrived(context: CliContext, exchange: str, now_us: int) -> Done:
    """Count the ambiguous requests of an exchange as delivered. Raises BadInput, TryLater, LedgerDamaged."""
    return _settle(context, exchange, now_us, arrived=True)


def give_up_requests(context: CliContext, exchange: str, why: str) -> Done:
    """Give an exchange up: its undelivered rows count as failed. Raises BadInput, TryLater, LedgerDamaged."""
    from poc.delivery.outbox_actions import give_up

    with exclusive_exchange(context, exchange) as (ledger, entry):
        rows = give_up(ledger, entry, why)
        _record_word(context, ledger, entry)
    return Done(
        f"{rows:,} row(s) of {entry.file} given up: {why}",
        {"exchange_id": entry.exchange_id, "file": entry.file, "rows": rows, "why": why},
    )


def discard_refused_file(context: CliContext, exchange: str, why: str, who: str, now_us: int) -> Done:
    """Give a refused file up; the file itself stays. Raises BadInput, TryLater, LedgerDamaged."""
    from poc.exchanges.decisions import discard_refused

    with exclusive_exchange(context, exchange) as (ledger, entry):
        discard_refused(ledger, entry, why, now_us, who)
    return Done(
        f"{entry.file} is discarded: {why.strip()}",
        {"exchange_id": entry.exchange_id, "file": entry.file, "who": who, "why": why.strip()},
    )


def redeliver_exchange(
    context: CliContext, exchange: str, why: str, who: str = ""
) -> tuple[ExchangeRecord, Redelivery, RunResult]:
    """Deliver the archived file of a settled exchange again; return the exchange, the redelivery and its result.

    `who` decides it; without it, the user of this machine.

    Raises:
        BadInput: there is no such exchange, it is not settled, or was delivered again already.
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    from datetime import UTC, datetime

    from poc.exchanges.redelivery import record_redelivery
    from poc.service.single_file import exchange_one

    workspace = context.workspace
    recorded: list[Redelivery] = []
    with exclusive_exchange(context, exchange) as (ledger, entry):

        def place() -> Path:
            now_us = int(datetime.now(UTC).timestamp() * 1_000_000)
            recorded.append(record_redelivery(workspace, ledger, entry, why, now_us, who))
            return recorded[0].path

        result = exchange_one(
            workspace, entry.partner, entry.feed, place, ledger, lambda: datetime.now(UTC), context.release
        )
    return entry, recorded[0], result


def redeliver(context: CliContext, exchange: str, why: str, who: str) -> Done:
    """Deliver the file of an exchange again, and say how that ended. Raises as `redeliver_exchange` does."""
    entry, redelivery, result = redeliver_exchange(context, exchange, why, who)
    outcome = result.receipt.outcome if result.receipt else "open"
    return Done(
        f"{entry.file} is delivered again, as exchange {redelivery.exchange_id[:12]} ({outcome}): {why.strip()}",
        {"redelivered": entry.exchange_id, "exchange_id": redelivery.exchange_id, "outcome": outcome},
    )


def _settle(context: CliContext, exchange: str, now_us: int, *, arrived: bool) -> Done:
    from poc.delivery.outbox_actions import settle
    from poc.ledger.lookup import find_by_prefix
    from poc.retries.breaker_store import delete_breakers

    with exclusive_exchange(context, exchange) as (ledger, entry):
        rows = settle(ledger, entry, now_us, arrived=arrived)
        if not arrived:
            delete_breakers(ledger, entry.partner)
            ledger.commit()
        else:
            _record_word(context, ledger, entry)
        outcome = find_by_prefix(ledger, entry.exchange_id).outcome
    result = "counted as delivered" if arrived else "the next `milepost run` sends them again"
    return Done(
        f"{rows:,} row(s) of {entry.file}: {result}.",
        {"exchange_id": entry.exchange_id, "file": entry.file, "rows": rows, "outcome": outcome},
    )


def _record_word(context: CliContext, ledger: Ledger, before: ExchangeRecord) -> None:
    """Record a person's word on an exchange as a run event, so that what is measured follows it."""
    from datetime import UTC, datetime

    from metrics.events import SpoolRecorder
    from poc.pipeline.capabilities import resolve_level
    from poc.service.run_event import person_event

    entry = ledger.get(before.exchange_id)
    assert entry is not None  # noqa: S101 (it was changed just now; tells the type checker)
    level = resolve_level(context.workspace.settings.level)
    with closing(SpoolRecorder(context.workspace.spool)) as recorder:
        recorder.record(
            person_event(
                ledger, entry, attempt=before.attempt, level=level, now=datetime.now(UTC), release=context.release
            )
        )
