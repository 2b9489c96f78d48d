"""`milepost expect`: when files are due, whether they came, and the judgement of past days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, echo_json

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date, datetime

    from poc.cli.console import CliContext
    from poc.config.workspace import Workspace
    from poc.schedule.expectation_states import ExpectationState

#: What is said where no feed has an expectation.
NONE_EXPECTED = "No file is expected; a table [feed.NAME.expect] in a partner's file says when one is."

DATE = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.argument("feed", metavar="[PARTNER[/FEED]]", required=False)
@click.option("--count", type=click.IntRange(1, 1000), default=3, show_default=True, help="So many moments to come.")
@click.option("--backfill", type=DATE, metavar="DATE", help="Judge the moments since this day that are not judged yet.")
@click.option("--to", type=DATE, metavar="DATE", help="With --backfill: the last day; by default all up to now.")
@AS_JSON
@click.pass_obj
def expect(
    context: CliContext, feed: str | None, count: int, backfill: datetime | None, to: datetime | None, as_json: bool
) -> None:
    """Show when files are due next, in local time and UTC, and whether they came by the last moment.

    With --backfill: judge past days, from when the ledger says that exchanges were opened. It can be interrupted, and
    goes on where it was; what is judged is not judged again.
    """
    from datetime import UTC, datetime

    workspace = context.workspace
    if to is not None and backfill is None:
        raise click.UsageError("--to goes with --backfill")
    if backfill is not None:
        judge_past_days(workspace, feed, backfill.date(), None if to is None else to.date(), as_json=as_json)
        return
    now = datetime.now(UTC)
    states = read_states(workspace, feed, now)
    if as_json:
        echo_json([state_json(state, now, count) for state in states])
        return
    for state in states:
        for line in state_lines(state, now, count):
            print_line(line)
    if not states:
        print_line(NONE_EXPECTED)


def read_states(workspace: Workspace, feed: str | None, now: datetime) -> list[ExpectationState]:
    """Return the states of the expectations that PARTNER or PARTNER/FEED names; of all for None.

    Raises:
        BadInput: there is no such partner or feed.
        TryLater, LedgerDamaged: the ledger cannot be read.
    """
    from contextlib import closing, nullcontext

    from poc.alerts.read_ledger import open_ledger_read_only
    from poc.schedule.expectation_states import expectation_states

    feeds = workspace.select_feeds(feed)
    ledger = open_ledger_read_only(workspace.ledger)
    with closing(ledger) if ledger is not None else nullcontext():
        return [state for state in expectation_states(workspace, ledger, now) if (state.partner, state.feed) in feeds]


def state_lines(state: ExpectationState, now: datetime, count: int) -> Iterator[str]:
    """Yield an expectation, its last moment and the next ones as lines of text."""
    from poc.schedule.expectation_states import next_moments
    from poc.schedule.local_time import format_local
    from poc.schedule.wording import describe_last, describe_rule

    yield f"{state.partner}/{state.feed}: {describe_rule(state.expect)}"
    yield f"  last: {describe_last(state, now)}"
    if len(state.missed) > 1:
        first = format_local(state.missed[0], state.expect.zone_info, now)
        yield f"        {len(state.missed)} times in a row, first at {first}"
    moments = next_moments(state, now, count)
    for moment in moments:
        yield f"  next: {format_local(moment, state.expect.zone_info, now)} ({moment:%Y-%m-%d %H:%M} UTC)"
    if not moments:
        yield "  next: after the next file" if state.expect.within else "  next: never"


def state_json(state: ExpectationState, now: datetime, count: int) -> dict[str, Any]:
    """Return the JSON object of an expectation's state; times are in UTC."""
    from poc.schedule.expectation_states import next_moments
    from poc.schedule.wording import describe_rule

    return {
        "partner": state.partner,
        "feed": state.feed,
        "rule": describe_rule(state.expect),
        "zone": state.expect.zone,
        "state": state.last_state,
        "last_due": _iso(state.last_due),
        "last_arrived_at": _iso(state.last_arrived_at),
        "late_s": state.late_s,
        "missed": [_iso(moment) for moment in state.missed],
        "next_due": [_iso(moment) for moment in next_moments(state, now, count)],
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="seconds")


def judge_past_days(workspace: Workspace, feed: str | None, first: date, last: date | None, *, as_json: bool) -> None:
    """Judge the moments of past days, and print for each feed what came of those that were not judged before.

    Raises BadInput, TryLater, LedgerDamaged.
    """
    from collections import Counter
    from contextlib import closing
    from datetime import UTC, datetime

    from poc.ledger.opening import open_ledger
    from poc.schedule.backfill import backfill
    from poc.schedule.tick_store import TickStore
    from poc.schedule.ticks import ARRIVED, LATE, NOT_ARRIVED
    from poc.schedule.wording import format_tick

    results = []
    with closing(open_ledger(workspace.ledger)) as ledger:
        for partner, feed_id in workspace.select_feeds(feed):
            rule = workspace.get_feed(partner, feed_id)[1].expect
            if rule is None:
                continue
            counts = Counter({ARRIVED: 0, LATE: 0, NOT_ARRIVED: 0})
            for ticks in backfill(rule, TickStore(ledger, partner, feed_id), first, last, lambda: datetime.now(UTC)):
                counts.update(tick.state for tick in ticks)
                for tick in ticks if not as_json else ():
                    if tick.state != ARRIVED:
                        print_line(f"{partner}/{feed_id}: {format_tick(tick, rule, datetime.now(UTC))}")
            results.append({"partner": partner, "feed": feed_id, **counts})
    if as_json:
        echo_json(results)
        return
    for result in results:
        texts = ", ".join(f"{result[state]:,} {state.replace('_', ' ')}" for state in (ARRIVED, LATE, NOT_ARRIVED))
        print_line(f"{result['partner']}/{result['feed']}: judged now: {texts}")
    if not results:
        print_line(NONE_EXPECTED)
