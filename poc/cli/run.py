"""`milepost run`: send what is due and exchange the files in the inboxes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from metrics.terminal import print_line
from poc.cli.console import CliContext, write_receipts
from poc.cli.operations.log_options import log_options
from poc.text import format_utc

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from poc.config.workspace import Workspace
    from poc.exchanges.receipt import Receipt
    from poc.schedule.send_hours import WaitingFeed
    from poc.service.runner import RunResult


@click.command()
@click.argument("feed", metavar="[PARTNER[/FEED]]", required=False)
@click.option("--level", type=int, help="Service level; by default that of the workspace, else the highest.")
@click.option("--json", "as_json", is_flag=True, help="Print one receipt per line, as JSON.")
@log_options
@click.pass_context
def run(
    ctx: click.Context,
    feed: str | None,
    level: int | None,
    as_json: bool,
    log_format: str | None,
    log_level: str | None,
    log_file: Path | None,
) -> None:
    """Send what is due and exchange the files in the inboxes: all, or those of one partner or feed.

    Ctrl-C ends it within five seconds; the next run takes up what was under way. With an option of the log, each
    exchange is also a line in it, as is each problem that begins or ends.

    Exit codes: 0 all done, also with quarantined rows within the budget; 3 a file breaks its contract and is now in
    var/refused; 4 a delivery failed, is due later, or may have arrived without an answer, or a monolith's command
    failed; 5 a feed went back on its route by itself; see `milepost status`.
    """
    import json
    from contextlib import ExitStack, closing
    from datetime import UTC, datetime

    from metrics.events import SpoolRecorder
    from metrics.process_end import STOP_S, ending_after_interrupt
    from poc.cli.migration.monolith_output import print_monolith_run
    from poc.pipeline.capabilities import resolve_level
    from poc.schedule.expectation_job import ExpectationJob
    from poc.service.inbox_run import run_inbox
    from poc.service.private_files import make_private
    from poc.service.runner import tune_garbage_collector
    from poc.transports.inbox import Inboxes

    context: CliContext = ctx.obj
    workspace = context.workspace
    if note := make_private(workspace.root / "var"):
        print_line(f"milepost: {note}", err=True)
    if unclaimed := Inboxes(workspace).unclaimed():
        text = f"{len(unclaimed)} file(s) belong to no feed, the first is {unclaimed[0]}"
        print_line(f"milepost: {text}; `milepost status` lists them with the reason", err=True)
    level = resolve_level(workspace.settings.level if level is None else level)
    outcomes = set(report_problems(workspace, feed))
    ExpectationJob(
        lambda: workspace, lambda: datetime.now(UTC), lambda text: print_line(f"milepost: {text}", err=True)
    )()
    tune_garbage_collector()
    with ExitStack() as resources:
        log = resources.enter_context(open_run_log(workspace, log_format, log_level, log_file))
        resources.enter_context(ending_after_interrupt(STOP_S))
        recorder = resources.enter_context(closing(SpoolRecorder(workspace.spool)))
        outcomes |= fetch_files(workspace, feed)
        results = run_inbox(
            workspace, feed, level, lambda: datetime.now(UTC), recorder, context.release,
            notify=lambda text: print_line(f"milepost: {text}", err=True),
        )  # fmt: skip
        for result in resources.enter_context(closing(results)):
            log(result)
            if result.monolith is not None:
                outcomes.add(result.monolith.outcome)
                print_monolith_run(result, result.monolith, as_json=as_json)
                continue
            if result.receipt is None:
                code = 0 if result.error is None else result.error.exit_code
                outcomes.add(OUTCOME_BY_EXIT_CODE.get(code, "mistake"))
                print_line(f"milepost: {result.partner}/{result.feed}: {result.error}", err=True)
                continue
            outcomes.add(result.receipt.outcome)
            if as_json:
                click.echo(json.dumps(result_json(result, result.receipt)))
            else:
                for line in result_lines(result, result.receipt):
                    print_line(line)
    write_receipts(workspace)
    print_what_waits(workspace, feed, is_idle=not outcomes, as_json=as_json)
    if later := due_later(workspace, feed):
        how = "`milepost serve` sends them by itself, `milepost run` when their time has come"
        print_line(f"{later} exchange(s) are due later: {how}.", err=as_json)
        outcomes.add("due")
    notify_targets(context)
    ctx.exit(next((code for outcome, code in EXIT_CODES if outcome in outcomes), 0))


@contextmanager
def open_run_log(
    workspace: Workspace, log_format: str | None, log_level: str | None, log_file: Path | None
) -> Iterator[Callable[[RunResult], None]]:
    """Open the log of a run: a function that logs a result; at the end, log the alerts that began or ended in it.

    Without any option, nothing is logged.

    Raises:
        BadInput: the file cannot be opened.
        TryLater, LedgerDamaged: the ledger cannot be read.
    """
    if log_format is None and log_level is None and log_file is None:
        yield lambda _: None
        return
    import os
    from datetime import UTC, datetime

    from poc.alerts.open_alerts import read_open_alerts
    from poc.cli.operations.log_options import logger_of, new_run_id
    from poc.logs.alert_log import AlertLog
    from poc.logs.exchange_log import ExchangeLog
    from poc.logs.logger import close_logger

    logger = logger_of(log_format, log_level, log_file)
    try:
        run_id = new_run_id()
        alerts = AlertLog(logger, run_id, read_open_alerts(workspace, datetime.now(UTC), os.environ))
        log = ExchangeLog(logger, run_id)

        def log_result(result: RunResult) -> None:
            error = result.error or result.note or (result.receipt.error if result.receipt else "")
            log.result(result, str(error))

        yield log_result
        alerts.update(read_open_alerts(workspace, datetime.now(UTC), os.environ))
    finally:
        close_logger(logger)


def notify_targets(context: CliContext) -> None:
    """Tell people what has begun and what has ended; a failure is a line on stderr, and none of the run."""
    import os
    from datetime import UTC, datetime

    if not context.workspace.settings.notify:
        return
    from poc.errors import LedgerDamaged, TryLater
    from poc.notify.notifier import tell_people

    try:
        for attempt in tell_people(
            context.workspace, lambda: datetime.now(UTC), os.environ, context.milestone_statuses
        ):
            if attempt.error:
                text = f"{attempt.notification.target}: not told: {attempt.error}; see `milepost notify ls`"
                print_line(f"milepost: {text}", err=True)
    except (TryLater, LedgerDamaged) as error:
        print_line(f"milepost: notifications: {error}", err=True)


def print_what_waits(workspace: Workspace, feed: str | None, *, is_idle: bool, as_json: bool) -> None:
    """Print which files wait for their sending hours, and why a run that is idle had nothing to do."""
    from datetime import UTC, datetime

    from poc.schedule.send_hours import waiting_feeds
    from poc.transports.inbox import Inboxes

    inboxes, now = Inboxes(workspace), datetime.now(UTC)
    waiting = [row for row in waiting_feeds(inboxes, feed, now) if row.files]
    for row in waiting:
        print_line(waiting_line(row), err=as_json)
    if not is_idle or as_json or waiting:
        return
    ahead = [file for folder in inboxes.folders(feed) for file in folder.dated_ahead(now)]
    changing = sum(len(folder.files) for folder in inboxes.folders(feed)) - len(ahead)
    note = f"; {changing} file(s) changed a moment ago and wait until they settle" if changing else ""
    print_line(f"No file waits in the inboxes{note}.")
    if ahead:
        print_line(dated_ahead_text(ahead))


def waiting_line(row: WaitingFeed) -> str:
    """Return the line about the files of a feed that wait for its sending hours."""
    from datetime import UTC, datetime

    from poc.schedule.local_time import format_local

    until = format_local(row.until, row.zone, datetime.now(UTC))
    return f"{row.partner}/{row.feed}: {row.files} file(s) wait until {until}"


def dated_ahead_text(ahead: Sequence[tuple[Path, float]]) -> str:
    """Return the sentence about files that are dated ahead of the clock."""
    path, complete_s = min(ahead, key=lambda file: file[1])
    return (
        f"{len(ahead)} file(s) are dated ahead of this machine's clock, and are exchanged when it has reached their "
        f"date: {path} after {format_utc(int(complete_s * 1_000_000))}. Compare the clocks, or agree on a `done_file`."
    )


def fetch_files(workspace: Workspace, feed: str | None) -> set[str]:
    """Fetch what lies at the places of feeds; print how many files came, and return the outcomes of what failed."""
    if not any(workspace.get_feed(*key)[1].pickup for key in workspace.select_feeds(feed)):
        return set()
    from poc.cli.connections.pickup import fetch_and_print

    return {OUTCOME_BY_EXIT_CODE.get(error.exit_code, "mistake") for error in fetch_and_print(workspace, feed)}


def report_problems(workspace: Workspace, feed: str | None) -> Iterator[str]:
    """Print what is wrong with the files of the partners that are left out, and yield their outcome."""
    for partner, problem in workspace.problems.items():
        if feed is None or feed.partition("/")[0] == partner:
            print_line(f"milepost: {problem}; this partner is left out", err=True)
            yield "mistake"


def result_json(result: RunResult, receipt: Receipt) -> dict[str, Any]:
    """Return the JSON object of a run's receipt."""
    from poc.service.line_protocol import receipt_json

    head = {"partner": result.partner, "feed": result.feed, "file": str(result.path)}
    run = {"exchange_id": receipt.exchange_id, "attempt": receipt.attempt, **receipt_json(receipt)}
    run["error"] = run["error"] or result.note
    run["repeated_rows"] = receipt.repeated_rows
    return {**head, **run, "findings": [finding._asdict() for finding in receipt.findings]}


def result_lines(result: RunResult, receipt: Receipt) -> Iterator[str]:
    """Yield the lines that describe a run's receipt."""
    line = outcome_line(receipt.outcome, {**receipt.account.as_dict(), "repeated": receipt.repeated_rows})
    yield f"{result.partner}/{result.feed} {result.path.name}: {line}"
    if receipt.error:
        yield f"  {receipt.error}"
    if result.note:
        yield f"  {result.note}"
    for finding in receipt.findings:
        if finding.row:
            yield f"  row {finding.row}: {finding.text()}"
        elif receipt.outcome != "refused":  # otherwise the reason of the refusal says it
            yield f"  {finding.text()}"
    if receipt.whole and receipt.outcome in NEXT_STEPS:
        yield f"  {NEXT_STEPS[receipt.outcome].format(exchange=receipt.exchange_id[:8])}"
    if receipt.quarantined_rows:
        yield f"  quarantined; `milepost quarantine show {receipt.exchange_id[:8]}` shows the rows"


def due_later(workspace: Workspace, feed: str | None) -> int:
    """Return the number of exchanges of these feeds that resume by themselves later."""
    from contextlib import closing

    from poc.ledger.opening import open_ledger
    from poc.ledger.queries import unfinished_exchanges

    feeds = workspace.select_feeds(feed)
    with closing(open_ledger(workspace.ledger)) as ledger:
        rows = unfinished_exchanges(ledger)
    return sum(row["outcome"] == "due" and (row["partner"], row["feed"]) in feeds for row in rows)


#: The exit code of a run: that of the first of these outcomes that some file has.
EXIT_CODES = (
    ("fault", 1), ("mistake", 2), ("failed", 4), ("due", 4), ("ambiguous", 4), ("refused", 3), ("breached", 5),
    ("busy", 75),
)  # fmt: skip

#: The outcome of an error, by its exit code; any other is a mistake.
OUTCOME_BY_EXIT_CODE = {1: "fault", 4: "failed", 5: "breached", 75: "busy"}

#: What a person does about an exchange in the outbox, by its outcome.
NEXT_STEPS = {
    "ambiguous": "ask the partner whether it has them; then `milepost outbox arrived {exchange}`, or "
    "`milepost outbox resend {exchange}` if it has not",
    "failed": "`milepost outbox ls` shows what failed; once that is corrected: `milepost outbox resend {exchange}`",
}


def outcome_line(outcome: str, rows: dict[str, int]) -> str:
    """Return an outcome and its account as one line of text; `repeated` are rows that the partner had already."""
    notes = {"delivered": f" (the partner had {rows['repeated']:,} of them already)"} if rows.get("repeated") else {}
    parts = [
        f"{count:,} {name.replace('_', ' ')}{notes.get(name, '')}"
        for name, count in rows.items()
        if count and name not in {"in", "repeated"}
    ]
    count_in = f"{rows['in']:,} row{'' if rows['in'] == 1 else 's'} in"
    return f"{outcome.replace('_', ' ')}; {count_in}" + (f": {', '.join(parts)}" if parts else "")
