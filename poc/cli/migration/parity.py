"""`milepost parity`: whether two sides send the same records, and what is decided about their differences."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, echo_json
from poc.cli.migration.compare_files import VALUES, compare_files

if TYPE_CHECKING:
    from datetime import date, datetime

    from poc.cli.console import CliContext
    from poc.config.workspace import Workspace


@click.group()
def parity() -> None:
    """Compare what two sides send, such as the monolith and the service, and decide about the differences."""


parity.add_command(compare_files)


@parity.command("status")
@AS_JSON
@click.pass_obj
def show_status(context: CliContext, as_json: bool) -> None:
    """Show for each feed how many files were compared, and how many differences are unexplained."""
    from poc.ledger.opening import open_ledger
    from poc.parity.feed_parity import parity_state
    from poc.parity.store import compared_feeds

    workspace, now = context.workspace, _now()
    rows: list[dict[str, Any]] = []
    with closing(open_ledger(workspace.ledger)) as ledger:
        for partner, feed in compared_feeds(ledger):
            state = parity_state(workspace, ledger, partner, feed, now)
            rows.append(
                {
                    "partner": partner, "feed": feed, "files_compared": state.files_compared,
                    "records_compared": state.records_compared, "unexplained": state.unexplained,
                    "accepted": state.accepted, "to_fix": state.to_fix,
                    "unexplained_files": state.unexplained_files, "by_cause": dict(state.by_cause),
                    "newest_at": _time_text(state.newest_at_us),
                }
            )  # fmt: skip
    if as_json:
        echo_json(rows)
        return
    for row in rows:
        causes = ", ".join(f"{cause} {count:,}" for cause, count in row["by_cause"].items())
        print_line(
            f"{row['partner']}/{row['feed']}: {row['files_compared']:,} files, {row['records_compared']:,} records; "
            f"{row['unexplained']:,} unexplained{f' ({causes})' if causes else ''}, {row['accepted']:,} accepted, "
            f"{row['to_fix']:,} to fix; last compared {row['newest_at']}"
        )
    if not rows:
        print_line("No file was compared yet. `milepost parity compare LEFT RIGHT` compares any two files.")


@parity.command("show")
@click.argument("name", metavar="PARTNER/FEED")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="Only files that were compared since this day (UTC).")
@VALUES
@AS_JSON
@click.pass_obj
def show_feed(context: CliContext, name: str, since: datetime | None, values: bool, as_json: bool) -> None:
    """Show the differences of a feed by cause and field, what is decided about them, and examples."""
    from datetime import UTC

    from poc.ledger.opening import open_ledger
    from poc.parity.dispositions import load_dispositions
    from poc.parity.report import FEED_SIDES, cause_lines, cause_rows, example_rows
    from poc.parity.store import compared_files, read_state

    workspace, today = context.workspace, _now().date()
    partner, feed = _named_feed(workspace, name)
    since_us = 0 if since is None else int(since.replace(tzinfo=UTC).timestamp() * 1_000_000)
    with closing(open_ledger(workspace.ledger)) as ledger:
        files = compared_files(ledger, partner, feed, since_us)
        dispositions = load_dispositions(workspace.root, partner)
        state = read_state(ledger, dispositions, partner, feed, today, since_us)
    counts: dict[tuple[str, str], int] = {}
    for file in files:
        for key, count in file.differences.items():
            counts[key] = counts.get(key, 0) + count
    expired = [each for each in dispositions.disposition if each.has_expired(today)]
    report: dict[str, Any] = {
        "partner": partner, "feed": feed, "files_compared": state.files_compared,
        "records_compared": state.records_compared, "unexplained": state.unexplained, "accepted": state.accepted,
        "to_fix": state.to_fix, "newest_at": _time_text(state.newest_at_us),
        "causes": cause_rows(counts, feed, dispositions, today),
        "examples": example_rows(((file.file, e) for file in reversed(files) for e in file.examples), values=values),
        "expired": [each.model_dump(mode="json") for each in expired],
        "files": [
            {
                "file": file.file, "sha256": file.sha256, "stage": file.stage,
                "compared_at": _time_text(file.compared_at_us), "left_records": file.left_records,
                "right_records": file.right_records, "equal_records": file.equal_records,
                "differences": sum(file.differences.values()),
            }
            for file in files
        ],
    }  # fmt: skip
    if as_json:
        echo_json(report)
        return
    print_line(
        f"{partner}/{feed}: {state.files_compared:,} files, {state.records_compared:,} records compared; "
        f"{state.unexplained:,} unexplained, {state.accepted:,} accepted, {state.to_fix:,} to fix"
    )
    for line in cause_lines(report["causes"], report["examples"], FEED_SIDES):
        print_line(line)
    for each in expired:
        print_line(f"expired on {each.until}: {each.decision} of {each.cause} in {each.field} ({each.owner})")


@parity.command("accept")
@click.argument("name", metavar="PARTNER/FEED")
@click.option("--cause", required=True, help="Cause of the differences, such as `rounding`.")
@click.option("--field", default="*", show_default=True, help="The partner's field, or a pattern of fields.")
@click.option("--reason", required=True, help="Why, for the next person who reads it.")
@click.option("--owner", required=True, help="Who answers for it.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day on which it holds.")
@click.option(
    "--decision",
    type=click.Choice(["accept", "fix-here", "fix-there", "ask-partner"]),
    default="accept",
    show_default=True,
    help="`accept` lets the differences stay and takes --until; the others say who has to act.",
)
@AS_JSON
@click.pass_obj
def accept_differences(
    context: CliContext,
    name: str,
    cause: str,
    field: str,
    reason: str,
    owner: str,
    until: datetime | None,
    decision: str,
    as_json: bool,
) -> None:
    """Write into parity/PARTNER.toml what is decided about a class of differences of a feed.

    What no entry explains is unexplained, and so is what an expired one was about. The files that were compared are
    judged again.
    """
    from metrics.events import SpoolRecorder
    from poc.ledger.opening import open_ledger
    from poc.parity.dispositions import add_disposition, make_disposition
    from poc.parity.feed_parity import parity_state, record_again

    workspace, now = context.workspace, _now()
    partner, feed = _named_feed(workspace, name)
    last_day: date | None = None if until is None else until.date()
    new = make_disposition(
        feed=feed, field=field, cause=cause, decision=decision, reason=reason, owner=owner, until=last_day
    )
    with closing(open_ledger(workspace.ledger)) as ledger, closing(SpoolRecorder(workspace.spool)) as recorder:
        before = parity_state(workspace, ledger, partner, feed, now)
        path = add_disposition(workspace.root, partner, new)
        record_again(workspace, ledger, partner, feed, now, recorder)
        state = parity_state(workspace, ledger, partner, feed, now)
    explained = before.unexplained - state.unexplained
    if as_json:
        values = {"file": str(path), "disposition": new.model_dump(mode="json")}
        echo_json({**values, "explained": explained, "unexplained": state.unexplained})
        return
    print_line(
        f"{path}: {decision} of {cause} in {field}; it explains {explained:,} differences, and {state.unexplained:,} "
        "stay unexplained"
    )


def _named_feed(workspace: Workspace, name: str) -> tuple[str, str]:
    """Return partner and feed of `PARTNER/FEED`. Raises BadInput."""
    from poc.errors import BadInput

    partner, slash, feed = name.partition("/")
    if not slash:
        feeds = ", ".join(f"{partner}/{each}" for _, each in workspace.select_feeds(partner))
        raise BadInput(f"name a feed of {partner}: {feeds}")
    workspace.get_feed(partner, feed)
    return partner, feed


def _time_text(at_us: int | None) -> str | None:
    from poc.text import format_utc

    return None if at_us is None else format_utc(at_us)


def _now() -> datetime:
    from datetime import UTC, datetime

    return datetime.now(UTC)
