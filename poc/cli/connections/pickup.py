"""`milepost pickup`: what was fetched from partners' places; and the fetching with which `milepost run` begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from metrics.terminal import print_line
from poc.cli.console import AS_JSON, echo_json
from poc.text import format_utc

if TYPE_CHECKING:
    from collections.abc import Iterator

    from poc.cli.console import CliContext
    from poc.config.pickup import Pickup
    from poc.config.workspace import Workspace
    from poc.errors import ExchangeError
    from poc.pickup.store import PickedFile

#: Files of a place that `milepost pickup ls` shows without `--last`.
LISTED = 20

#: What is said where no feed has a pick-up.
NONE_CONFIGURED = "No file is fetched; a table [feed.NAME.pickup] in a partner's file says from where."

#: The states of files in words.
WORDS = {
    "seen": "lies at the place, not fetched yet",
    "fetched": "fetched, and gets its name in the inbox",
    "placed": "fetched into the inbox; its exchange is not finished",
}

#: What is said of a file whose exchange is finished, before the next look at the place.
EXCHANGED = "exchanged; the next look does at the place what `after` says"

#: What became of a file at its place, in words.
AFTER_WORDS = {
    "kept": "exchanged; kept at the place",
    "moved": "exchanged; moved at the place",
    "deleted": "exchanged; deleted at the place",
    "gone": "exchanged; no longer at the place",
    "skipped": "skipped by a person; not fetched",
    "replaced": "exchanged; replaced at the place by another version",
}


@click.group()
def pickup() -> None:
    """Show what was fetched from partners' places, and decide what is: tables `[feed.NAME.pickup]` name the places."""


@pickup.command("ls")
@click.argument("feed", metavar="[PARTNER[/FEED]]", required=False)
@click.option("--last", type=click.IntRange(min=1), default=LISTED, show_default=True, help="So many of each place.")
@AS_JSON
@click.pass_obj
def list_files(context: CliContext, feed: str | None, last: int, as_json: bool) -> None:
    """List the places with whether they work, and their newest files with what was done. Asks no place."""
    states = read_states(context.workspace, feed, last)
    if as_json:
        echo_json(states)
        return
    for state in states:
        for line in state_lines(state):
            print_line(line)
    if not states:
        print_line(NONE_CONFIGURED)


@pickup.command()
@click.argument("feed", metavar="PARTNER/FEED")
@click.option("--json", "as_json", is_flag=True, help="Print the skipped files as JSON.")
@click.pass_obj
def skip(context: CliContext, feed: str, as_json: bool) -> None:
    """Do not fetch what lies at the place of PARTNER/FEED now, as another system has exchanged it; fetch what comes.

    It also releases a place that is held since a restore.
    """
    import os
    from contextlib import closing
    from time import time_ns

    from poc.ledger.opening import open_ledger
    from poc.pickup.decisions import skip_files
    from poc.places.registry import open_place

    workspace = context.workspace
    partner, feed_id, settings = select_pickup(workspace, feed)
    with closing(open_ledger(workspace.ledger)) as ledger, open_place(settings, os.environ, workspace.root) as place:
        names = skip_files(ledger, workspace, partner, feed_id, place, time_ns() // 1000)
    if as_json:
        echo_json({"feed": feed, "skipped": names})
        return
    for name in names:
        print_line(f"{feed} {name}: skipped")
    if not names:
        print_line(f"{feed}: nothing to skip; what lies there was fetched or skipped before.")


@pickup.command()
@click.argument("feed", metavar="PARTNER/FEED")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
@click.pass_obj
def release(context: CliContext, feed: str, as_json: bool) -> None:
    """Fetch again from the place of PARTNER/FEED, which is held since a restore."""
    from contextlib import closing

    from poc.ledger.opening import open_ledger
    from poc.pickup.decisions import release_place

    partner, feed_id, _ = select_pickup(context.workspace, feed)
    with closing(open_ledger(context.workspace.ledger)) as ledger:
        release_place(ledger, partner, feed_id)
    if as_json:
        echo_json({"feed": feed, "done": "released"})
    else:
        print_line(f"{feed}: files are fetched again.")


def select_pickup(workspace: Workspace, name: str) -> tuple[str, str, Pickup]:
    """Return partner, feed and place of PARTNER/FEED. Raises BadInput where there is no such feed with a pick-up."""
    from poc.errors import BadInput

    keys = workspace.select_feeds(name)
    settings = workspace.get_feed(*keys[0])[1].pickup
    if "/" not in name or settings is None:
        fetched = [f"{p}/{f}" for p, f in workspace.select_feeds(None) if workspace.get_feed(p, f)[1].pickup]
        raise BadInput(f"{name!r} is no feed that fetches files; these do: {', '.join(fetched) or 'none'}")
    return *keys[0], settings


def read_states(workspace: Workspace, feed: str | None, last: int) -> list[dict[str, Any]]:
    """Return the places of feeds with their newest files, newest first.

    Raises:
        BadInput: there is no such partner or feed.
        TryLater, LedgerDamaged: the ledger cannot be read.
    """
    from contextlib import closing, nullcontext
    from dataclasses import asdict

    from poc.alerts.read_ledger import open_ledger_read_only
    from poc.pickup.store import files_of_place, is_exchange_finished, read_place

    keys = [key for key in workspace.select_feeds(feed) if workspace.get_feed(*key)[1].pickup]
    ledger = open_ledger_read_only(workspace.ledger) if keys else None
    states = []
    with closing(ledger) if ledger is not None else nullcontext():
        for partner, feed_id in keys:
            config = workspace.get_feed(partner, feed_id)[1].pickup
            assert config is not None  # noqa: S101 (selected above; tells the type checker)
            place = None if ledger is None else read_place(ledger, partner, feed_id)
            files = [] if ledger is None else files_of_place(ledger, partner, feed_id, config.url)
            finished = {
                file.id
                for file in files[-last:]
                if ledger and file.state == "placed" and is_exchange_finished(ledger, file)
            }
            current = asdict(place) if place is not None and place.place == config.url else {}
            states.append(
                {
                    "partner": partner,
                    "feed": feed_id,
                    "place": config.url,
                    "looked_at_us": current.get("looked_at_us"),
                    "failing_since_us": current.get("failing_since_us"),
                    "error": current.get("error", ""),
                    "files": [
                        file_json(file) | {"is_exchanged": file.id in finished or file.state == "ended"}
                        for file in reversed(files[-last:])
                    ],
                }
            )
    return states


def file_json(file: PickedFile) -> dict[str, Any]:
    """Return the JSON object of a file."""
    names = (
        "name", "size_bytes", "state", "after", "sha256", "inbox_name", "first_seen_at_us", "fetched_at_us",
        "ended_at_us", "failures", "error",
    )  # fmt: skip
    return {name: getattr(file, name) for name in names}


def state_lines(state: dict[str, Any]) -> Iterator[str]:
    """Yield a place and its files as lines of text."""
    looked = f"looked at {format_utc(state['looked_at_us'])}" if state["looked_at_us"] else "not looked at yet"
    yield f"{state['partner']}/{state['feed']} from {state['place']}: {looked}"
    if state["failing_since_us"] is not None:
        yield f"  failing since {format_utc(state['failing_since_us'])}: {state['error']}"
    for file in state["files"]:
        words = AFTER_WORDS[file["after"]] if file["after"] else WORDS[file["state"]]
        if file["is_exchanged"] and not file["after"]:
            words = EXCHANGED
        yield f"  {file['name']}, {file['size_bytes']:,} bytes: {words}"
        if file["error"]:
            yield f"    {file['error']}"


def fetch_and_print(workspace: Workspace, feed: str | None) -> list[ExchangeError]:
    """Fetch what lies at the places of feeds now, print how many files came, and return the errors."""
    import os
    from time import time_ns

    from poc.pickup.once import fetch_once

    errors = []
    results = fetch_once(
        workspace, feed, lambda: time_ns() // 1000, os.environ, lambda text: print_line(f"milepost: {text}", err=True)
    )
    for partner, feed_id, count, error in results:
        if count:
            print_line(f"milepost: {partner}/{feed_id}: {count} file(s) fetched", err=True)
        if error is not None:
            errors.append(error)
            print_line(f"milepost: {partner}/{feed_id}: {error}", err=True)
    return errors
