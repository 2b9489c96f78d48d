"""`milepost route`: who exchanges the files of a feed for real, and moving it from the monolith to the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, current_us, echo_json, print_done

if TYPE_CHECKING:
    from poc.cli.console import CliContext

FEED = click.argument("feed", metavar="PARTNER/FEED")
WHY = click.option("--why", default="", metavar="TEXT", help="The reason; it is kept with the change.")


@click.group()
def route() -> None:
    """Move a feed from the monolith to the service, stage by stage, and back."""


@route.command()
@AS_JSON
@click.pass_context
def ls(ctx: click.Context, as_json: bool) -> None:
    """List the feeds that have a monolith, with their stage and what blocks the next one."""
    from poc.cli.migration.route_acts import list_routes
    from poc.route.stages import position_in_words

    context: CliContext = ctx.obj
    rows = list_routes(context.workspace, current_us())
    if as_json:
        echo_json(rows)
        return
    if not rows:
        print_line("No feed has a route: name its monolith with `[feed.NAME.monolith]` in the partner's file.")
    for row in rows:
        next_step = f"; next: {position_in_words(row['next'])}" if row["next"] else ""
        blocked = f" ({row['reasons'][0]})" if row["reasons"] else ""
        held = ", held" if row["held"] else ""
        print_line(f"{row['partner']}/{row['feed']}: {position_in_words(row['position'])}{held}{next_step}{blocked}")


@route.command()
@FEED
@AS_JSON
@click.pass_context
def show(ctx: click.Context, feed: str, as_json: bool) -> None:
    """Show the stage of a feed, the gate before the next one, the files of each side, and all changes."""
    from poc.cli.migration.route_acts import show_route

    context: CliContext = ctx.obj
    row = show_route(context.workspace, feed, current_us())
    if as_json:
        echo_json(row)
        return
    for line in route_lines(row):
        print_line(line)


@route.command()
@FEED
@click.option("--anyway", is_flag=True, help="Advance although the gate is closed; needs --why and --owner.")
@WHY
@click.option("--owner", default="", metavar="NAME", help="With --anyway: who answers for it.")
@AS_JSON
@click.pass_context
def advance(ctx: click.Context, feed: str, anyway: bool, why: str, owner: str, as_json: bool) -> None:
    """Advance a feed to the next stage of its route.

    Exit codes: 5 a gate failed, as there are unexplained differences, a guardrail is breached or the feed is held; 6
    there is not enough evidence yet. All reasons are printed.
    """
    from poc.cli.migration.route_acts import advance_feed
    from poc.route.moves import AdvanceRefused

    try:
        done = advance_feed(ctx.obj, feed, current_us(), anyway=anyway, why=why, owner=owner)
    except AdvanceRefused as refused:
        if as_json:
            gate = refused.gate
            echo_json({"feed": feed, "next": str(gate.next_position), "reasons": gate.reasons, **gate.evidence})
        for reason in refused.gate.reasons:
            print_line(f"milepost: {feed} does not advance to {refused.gate.next_position.words}: {reason}", err=True)
        ctx.exit(refused.exit_code)
    print_done(done, as_json=as_json)


@route.command()
@FEED
@click.option("--to", type=click.Choice(["monolith", "shadow", "canary", "service"]), help="An earlier stage.")
@WHY
@AS_JSON
@click.pass_context
def back(ctx: click.Context, feed: str, to: Any, why: str, as_json: bool) -> None:
    """Let the monolith exchange every file of a feed again, from the next one on.

    It goes back to `shadow`, or from there to `monolith`; `--to` names another earlier stage. A running service does so
    with the next file. What one side has begun, it ends. `--why` is needed.
    """
    from poc.cli.migration.route_acts import back_feed

    print_done(back_feed(ctx.obj, feed, current_us(), to=to, why=why), as_json=as_json)


@route.command()
@FEED
@click.option("--release", is_flag=True, help="Let it advance again.")
@WHY
@AS_JSON
@click.pass_context
def hold(ctx: click.Context, feed: str, release: bool, why: str, as_json: bool) -> None:
    """Hold a feed at its stage: it does not advance until it is released. `--why` is needed."""
    from poc.cli.migration.route_acts import hold_feed

    print_done(hold_feed(ctx.obj, feed, current_us(), release=release, why=why), as_json=as_json)


@route.command()
@FEED
@click.argument("file")
@click.option("--arrived", "arrived", flag_value=True, default=None, help="The partner has it: it counts as sent.")
@click.option("--again", "arrived", flag_value=False, help="The partner has nothing of it: the command runs again.")
@WHY
@AS_JSON
@click.pass_context
def settle(ctx: click.Context, feed: str, file: str, arrived: bool | None, why: str, as_json: bool) -> None:
    """Say what became of FILE, on which the monolith's command was killed: ask the partner first.

    So it is for one on which the command fails, or that is no longer in the inbox.
    """
    from poc.cli.migration.route_acts import settle_file

    if arrived is None:
        raise click.UsageError("either --arrived or --again")
    print_done(settle_file(ctx.obj, feed, file, current_us(), arrived=arrived, why=why), as_json=as_json)


def route_lines(row: dict[str, Any]) -> list[str]:
    """Return the lines that describe a route."""
    from poc.route.stages import position_in_words

    held = ", held" if row["held"] else ""
    lines = [f"{row['partner']}/{row['feed']}: {position_in_words(row['position'])}{held}; {row['meaning']}"]
    monolith, service = row["files"]["monolith"], row["files"]["service"]
    lines.append(
        f"files of the monolith: {monolith['given']} given, {monolith['done']} done, {monolith['failed']} failed"
    )
    lines.append(
        f"files of the service at this stage: {service['given']} given, {service['done']} done, "
        f"{service['failed']} failed, {service['ambiguous']} ambiguous"
    )
    if "files_compared" in row["evidence"]:
        lines.append(
            f"compared at this stage: {row['evidence']['files_compared']} files, "
            f"{row['evidence']['unexplained']} unexplained differences"
        )
    lines += [f"  {file['file']}: {file['state']}; {file['note']}".rstrip("; ") for file in row["waiting"]]
    if row["next"]:
        command = "" if row["reasons"] else f"; `milepost route advance {row['scope']}`"
        lines.append(f"next: {position_in_words(row['next'])}{command}")
    lines += [f"  {reason}" for reason in row["reasons"]]
    for change in row["changes"]:
        forced = f", against its gate; {change['owner']} answers for it" if change["forced"] else ""
        why = f": {change['why']}" if change["why"] else ""
        where = "at" if change["action"] in {"hold", "release"} else "to"
        position = position_in_words(change["position"])
        lines.append(f"{change['at']} {change['action']} {where} {position} by {change['who']}{forced}{why}")
    return lines
