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

#: What became of a file at its place, in words.
AFTER_WORDS = {
    "kept": "exchanged; kept at the place",
    "moved": "exchanged; moved at the place",
    "deleted": "exchanged; deleted at the place",
    "gone": "exchanged; no longer at the place",
    "replaced": "exchanged; replaced at the place by another version",
}


@click.group()
def pickup() -> None:
    """Show what was fetched from partners' places. Places are tables `[feed.NAME.pickup]` of a partner's file."""


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


def read_states(workspace: Workspace, feed: str | None, last: int) -> list[dict[str, Any]]:
    """Return the places of feeds with their newest files, newest first.

    Raises:
        BadInput: there is no such partner or feed.
        TryLater, LedgerDamaged: the ledger cannot be read.
    """
    from contextlib import closing, nullcontext
    from dataclasses import asdict

    from poc.alerts.read_ledger import open_ledger_read_only
    from poc.pickup.store import files_of_place, read_place

    keys = [key for key in workspace.select_feeds(feed) if workspace.get_feed(*key)[1].pickup]
    ledger = open_ledger_read_only(workspace.ledger) if keys else None
    states = []
    with closing(ledger) if ledger is not None else nullcontext():
        for partner, feed_id in keys:
            config = workspace.get_feed(partner, feed_id)[1].pickup
            assert config is not None  # noqa: S101 (selected above; tells the type checker)
            place = None if ledger is None else read_place(ledger, partner, feed_id)
            files = [] if ledger is None else files_of_place(ledger, partner, feed_id, config.url)
            current = asdict(place) if place is not None and place.place == config.url else {}
            states.append(
                {
                    "partner": partner,
                    "feed": feed_id,
                    "place": config.url,
                    "looked_at_us": current.get("looked_at_us"),
                    "failing_since_us": current.get("failing_since_us"),
                    "error": current.get("error", ""),
                    "files": [file_json(file) for file in reversed(files[-last:])],
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
