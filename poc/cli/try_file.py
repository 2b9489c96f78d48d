"""`milepost try`: what would become of a file, with nothing sent and nothing entered."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, echo_json
from poc.cli.run import outcome_line
from poc.text import format_utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.cli.console import CliContext
    from poc.config.partner import Feed
    from poc.exchanges.trial import Trial
    from poc.ledger.lookup import ReceivedBefore

#: The most numbers of quarantined rows that are printed; `--json` has more.
MAX_PRINTED_ROWS = 10


@click.command("try")
@click.argument("feed", metavar="PARTNER/FEED")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--rows", type=click.IntRange(0, 1000), default=3, show_default=True, help="Most mapped rows to show.")
@AS_JSON
@click.pass_context
def try_file(ctx: click.Context, feed: str, file: Path, rows: int, as_json: bool) -> None:
    """Show what would become of FILE, which may lie anywhere: its rows, and the request that would be sent.

    Nothing is sent, the ledger is only read, and the file stays where it is. Secrets have to be set, and are masked.

    Exit codes: 0 it would be delivered, also with quarantined rows within the budget; 2 the workspace or the file's
    name has a mistake; 3 it would be refused.
    """
    from datetime import UTC, datetime

    from metrics.process_end import cleaning_up_on_terminate
    from poc.errors import BadInput
    from poc.exchanges import trial
    from poc.pipeline.capabilities import resolve_level
    from poc.pipeline.prepared_feed import prepare_feed
    from poc.transports.http import new_session
    from poc.transports.inbox import belongs_to_feed

    context: CliContext = ctx.obj
    workspace = context.workspace
    partner, slash, feed_id = feed.partition("/")
    if not slash:
        workspace.select_feeds(partner)
        raise BadInput(
            f"name a feed of {partner}: {', '.join(f'{partner}/{each}' for _, each in workspace.select_feeds(partner))}"
        )
    _, config = workspace.get_feed(partner, feed_id)
    level = resolve_level(workspace.settings.level)
    with cleaning_up_on_terminate(), new_session() as session:
        prepared = prepare_feed(workspace, partner, feed_id, level, session)
        result = trial.try_file(prepared, file, datetime.now(UTC), workspace.ledger, rows)
    note = ""
    if not belongs_to_feed(file.name, config):
        note = f"In the inbox no run would take it: the feed takes files whose names match `{config.files}`."
    if as_json:
        echo_json({"partner": partner, "feed": feed_id, "file": str(file), "note": note, **trial_json(result, config)})
    else:
        for line in trial_lines(result, config):
            print_line(line)
        if note:
            print_line(note)
    ctx.exit(3 if result.receipt.outcome == "refused" else 0)


def trial_json(result: Trial, config: Feed) -> dict[str, Any]:
    """Return a trial as JSON."""
    receipt, request = result.receipt, result.request
    return {
        "outcome": "refused" if receipt.outcome == "refused" else "delivered",
        "rows": receipt.account.as_dict(),
        "quarantined_rows": list(receipt.quarantined_rows),
        "reasons": dict(receipt.reasons),
        "findings": [finding._asdict() for finding in receipt.findings],
        "error_type": receipt.error_type,
        "error": receipt.error,
        "budget": {"rows": config.budget.rows, "share": config.budget.share},
        "sha256": receipt.sha256,
        "size_bytes": receipt.bytes_in,
        "received_before": None if result.received is None else result.received._asdict(),
        "requests": receipt.calls,
        "bytes_out": receipt.bytes_out,
        "first_request": request and {
            "method": request.method, "url": request.url, "size_bytes": request.size_bytes,
            "headers": dict(request.headers),
        },
        "delivered_file": result.file and str(result.file),
        "head": result.head,
        "first_rows": list(result.first_rows),
    }  # fmt: skip


def trial_lines(result: Trial, config: Feed) -> Iterator[str]:
    """Yield a trial as lines of text."""
    receipt, budget = result.receipt, config.budget
    line = outcome_line("refused" if receipt.outcome == "refused" else "would be delivered", receipt.account.as_dict())
    yield f"A trial, nothing is sent: {line}"
    unsaid = receipt.error  # by the findings, which are listed below
    for finding in receipt.findings:
        unsaid = unsaid.replace(finding.note, "")
    if unsaid.strip("; "):
        yield f"  {receipt.error}"
    if receipt.outcome != "refused" and receipt.account.rows_by_outcome["quarantined"]:
        numbers = receipt.quarantined_rows
        more = ", ..." if receipt.account.rows_by_outcome["quarantined"] > MAX_PRINTED_ROWS else ""
        listed = f"{', '.join(map(str, numbers[:MAX_PRINTED_ROWS]))}{more}"
        yield f"Would be quarantined: row {listed}; the budget is {budget.rows:,} rows or {budget.share:.0%} of a file"
        yield "  " + ", ".join(f"{code}: {count:,}" for code, count in sorted(receipt.reasons.items()))
    for finding in receipt.findings:
        yield f"  {f'row {finding.row}: ' if finding.row else ''}{finding.text()}"
    if result.received is not None:
        yield received_text(result.received)
    if result.first_rows:
        yield "The first rows as the partner would get them:"
        for text in (result.head, *result.first_rows):
            if text:
                yield f"  {text.rstrip()}"
    if receipt.outcome != "refused":
        yield from delivery_lines(result)


def delivery_lines(result: Trial) -> Iterator[str]:
    """Yield what would be sent to the partner, or written into its folder."""
    count, size_bytes = result.receipt.calls, result.receipt.bytes_out
    if result.request is not None:
        request = result.request
        yield f"{count:,} request(s) with {size_bytes:,} bytes; the first:"
        yield f"  {request.method} {request.url}"
        for name, value in request.headers:
            yield f"  {name}: {value}"
    elif result.file is not None:
        yield f"One file with {size_bytes:,} bytes: {result.file}"
    else:
        yield "No row would be sent."


def received_text(received: ReceivedBefore) -> str:
    """Return what an earlier exchange of the same bytes means for the file."""
    head = f"This very file was received on {format_utc(received.opened_at_us)} as {received.file}"
    where = f"exchange {received.exchange_id[:12]}, {received.outcome.replace('_', ' ')}"
    if received.outcome in {"refused", "failed", "open"}:
        return f"{head} ({where}); handed in again, it would be tried again."
    return f"{head} ({where}); handed in again, nothing of it would be sent."
