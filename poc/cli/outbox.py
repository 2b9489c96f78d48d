"""`milepost outbox`: list, resend, settle or discard unconfirmed requests."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, EXCHANGE, echo_json, exclusive_exchange

if TYPE_CHECKING:
    from poc.cli.console import CliContext
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger


@click.group()
def outbox() -> None:
    """List unconfirmed requests, and send them again, mark them as arrived or discard them.

    EXCHANGE is the beginning of an exchange's id, as `milepost outbox ls` shows it, or the name of its file.
    """


@outbox.command("ls")
@AS_JSON
@click.pass_obj
def list_requests(context: CliContext, as_json: bool) -> None:
    """List the requests that are reserved and not confirmed."""
    from poc.ledger.ledger import open_ledger
    from poc.ledger.queries import unconfirmed_requests

    with closing(open_ledger(context.workspace.ledger)) as ledger:
        requests = unconfirmed_requests(ledger)
    if as_json:
        echo_json(requests)
        return
    reasons: dict[str, str] = {}
    for request in requests:
        feed, file = f"{request['partner']}/{request['feed']}", request["file"]
        settled = request["state"] in {"ambiguous", "failed"}
        outcome = request["state"] if settled else request["outcome"]
        head = f"{request['id'][:12]}  {feed}  {file}, request {request['name']}"
        print_line(f"{head}: {request['rows']:,} row(s), {outcome}")
        note = request["note"]
        if not note and reasons.get(request["id"]) != request["reason"]:  # once an exchange
            note = reasons[request["id"]] = request["reason"]
        if note:
            print_line(f"  {note}")
        if request["redelivery"]:
            print_line(f"  {request['redelivery']}")
    if not requests:
        print_line("No request is waiting to be sent.")


@outbox.command()
@click.argument("target", metavar="[PARTNER|EXCHANGE]", required=False)
@click.option("--all", "all_partners", is_flag=True, help="Send the failed and due requests of all partners.")
@AS_JSON
@click.pass_obj
def resend(context: CliContext, target: str | None, all_partners: bool, as_json: bool) -> None:
    """Send requests again with the next run: of one exchange, of one partner, or of all.

    Of a partner, these are the failed and due ones; ambiguous ones stay. Of an EXCHANGE, also the ambiguous ones: name
    it if the partner does not have them. The partner is released, too: its circuit breakers are closed, a pause ends.
    """
    from poc.ledger.ledger import open_ledger
    from poc.retries.partner_state import partner_states

    if (target is None) != all_partners:
        raise click.UsageError("name a PARTNER or an EXCHANGE, or give --all")
    workspace, now_us = context.workspace, _now_us()
    with closing(open_ledger(workspace.ledger)) as ledger:
        rows = partner_states(ledger, workspace.partners, now_us)
    names = sorted({row["partner"].partition("/")[0] for row in rows})
    if target is None or target in names:
        _resend_partners(context, names if target is None else [target], now_us, as_json=as_json)
    else:
        _settle(context, target, arrived=False, as_json=as_json)


@outbox.command()
@EXCHANGE
@AS_JSON
@click.pass_obj
def arrived(context: CliContext, exchange: str, as_json: bool) -> None:
    """Mark ambiguous requests as arrived: they count as delivered and are not sent again."""
    _settle(context, exchange, arrived=True, as_json=as_json)


@outbox.command("discard")
@EXCHANGE
@click.option("--why", required=True, help="The reason, kept with the exchange.")
@AS_JSON
@click.pass_obj
def discard_requests(context: CliContext, exchange: str, why: str, as_json: bool) -> None:
    """Give an exchange up: its undelivered rows count as failed and are never sent."""
    from poc.delivery.outbox_actions import give_up

    with exclusive_exchange(context, exchange) as (ledger, entry):
        rows = give_up(ledger, entry, why)
        _record_word(context, ledger, entry)
    if as_json:
        echo_json({"exchange_id": entry.exchange_id, "file": entry.file, "rows": rows, "why": why})
        return
    print_line(f"{rows:,} row(s) of {entry.file} given up: {why}")


def _settle(context: CliContext, exchange: str, *, arrived: bool, as_json: bool) -> None:
    from poc.delivery.outbox_actions import settle
    from poc.ledger.lookup import find_by_prefix
    from poc.retries.breaker_store import delete_breakers

    with exclusive_exchange(context, exchange) as (ledger, entry):
        rows = settle(ledger, entry, _now_us(), arrived=arrived)
        if not arrived:
            delete_breakers(ledger, entry.partner)
            ledger.commit()
        else:
            _record_word(context, ledger, entry)
        outcome = find_by_prefix(ledger, entry.exchange_id).outcome
    if as_json:
        echo_json({"exchange_id": entry.exchange_id, "file": entry.file, "rows": rows, "outcome": outcome})
        return
    result = "counted as delivered" if arrived else "the next `milepost run` sends them again"
    print_line(f"{rows:,} row(s) of {entry.file}: {result}.")


def _record_word(context: CliContext, ledger: Ledger, before: ExchangeRecord) -> None:
    """Record a person's word on an exchange as a run event, so that what is measured follows it."""
    from datetime import UTC, datetime

    from metrics.events import SpoolRecorder
    from poc.pipeline.capabilities import resolve_level
    from poc.service.person_event import person_event

    entry = ledger.get(before.exchange_id)
    assert entry is not None  # noqa: S101 (it was changed just now; tells the type checker)
    level = resolve_level(context.workspace.settings.level)
    with closing(SpoolRecorder(context.workspace.spool)) as recorder:
        recorder.record(
            person_event(
                ledger, entry, attempt=before.attempt, level=level, now=datetime.now(UTC), release=context.release
            )
        )


def _resend_partners(context: CliContext, partners: list[str], now_us: int, *, as_json: bool) -> None:
    from poc.delivery.outbox_actions import resend_all
    from poc.ledger.ledger import open_ledger

    with closing(open_ledger(context.workspace.ledger)) as ledger:
        resent = resend_all(ledger, partners, now_us)
    if as_json:
        counts = {"exchanges": resent.exchanges, "rows": resent.rows, "ambiguous_rows": resent.ambiguous_rows}
        echo_json({"partners": partners, **counts})
        return
    what = f"{resent.exchanges:,} exchange(s) of {', '.join(partners) or 'no partner'}, {resent.rows:,} row(s)"
    print_line(f"{what}: the next `milepost run` sends them again.")
    if resent.ambiguous_rows:
        print_line(f"{resent.ambiguous_rows:,} row(s) stay ambiguous: ask the partner, see `milepost outbox ls`.")


def _now_us() -> int:
    from datetime import UTC, datetime

    return int(datetime.now(UTC).timestamp() * 1_000_000)
