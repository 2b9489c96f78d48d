"""What a person sees of routes and does with them: one function for each, for commands and dashboard alike."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from poc.cli.console import Done
from poc.text import format_utc

if TYPE_CHECKING:
    from datetime import datetime

    from poc.cli.console import CliContext
    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger
    from poc.route.moves import Decider
    from poc.route.route_store import RouteChange
    from poc.route.stages import Stage


def list_routes(workspace: Workspace, now_us: int) -> list[dict[str, Any]]:
    """Return one row for each feed with a route: its stage, the next one, and what blocks it.

    Raises TryLater, LedgerDamaged.
    """
    from poc.ledger.opening import open_ledger

    feeds = feeds_with_route(workspace)
    if not feeds:
        return []
    with closing(open_ledger(workspace.ledger)) as ledger:
        return [_row(workspace, ledger, partner, feed, now_us) for partner, feed in feeds]


def show_route(workspace: Workspace, name: str, now_us: int) -> dict[str, Any]:
    """Return the row of one feed, with the files of each side, those that wait for a person, and all changes.

    Raises BadInput, TryLater, LedgerDamaged.
    """
    from poc.ledger.opening import open_ledger
    from poc.route.counts import monolith_counts, service_counts
    from poc.route.file_senders import unsettled_files
    from poc.route.route_store import read_changes, read_route
    from poc.route.stages import STAGES

    partner, feed = _feed_of(workspace, name)
    with closing(open_ledger(workspace.ledger)) as ledger:
        position = read_route(ledger, partner, feed)
        monolith, called_us = monolith_counts(ledger, partner, feed)
        service = service_counts(ledger, partner, feed, position.since_us)
        waiting = [sender for sender in unsettled_files(ledger, partner, feed) if sender.state != "given"]
        return {
            **_row(workspace, ledger, partner, feed, now_us),
            "meaning": STAGES[position.stage],
            "monolith_called_at": None if called_us is None else format_utc(called_us),
            "files": {
                "monolith": {"given": monolith.given, "done": monolith.done, "failed": monolith.failed},
                "service": {
                    "given": service.given, "done": service.done, "failed": service.failed,
                    "ambiguous": service.ambiguous,
                },
            },
            "waiting": [
                {"file": sender.file, "state": sender.state, "attempt": sender.attempt, "note": sender.note}
                for sender in waiting
            ],
            "changes": [change_json(change) for change in read_changes(ledger, partner, feed)],
        }  # fmt: skip


def advance_feed(
    context: CliContext, name: str, now_us: int, *, anyway: bool = False, why: str = "", owner: str = "", who: str = "",
    seen: int | None = None,
) -> Done:  # fmt: skip
    """Advance a feed; `seen` is how many changes of its route the person knew of.

    Raises AdvanceRefused, BadInput, TryLater, LedgerDamaged.
    """
    from poc.ledger.opening import open_ledger
    from poc.route.moves import advance
    from poc.route.parity_states import parity_reader

    workspace = context.workspace
    partner, feed = _feed_of(workspace, name)
    with closing(open_ledger(workspace.ledger)) as ledger:
        reader = parity_reader(workspace, ledger, from_us(now_us))
        by = _decider(who, why, now_us, owner, seen)
        return _done(context, advance(workspace, ledger, partner, feed, reader, by, anyway=anyway))


def back_feed(
    context: CliContext, name: str, now_us: int, *, to: Stage | None = None, why: str = "", who: str = "",
    seen: int | None = None,
) -> Done:  # fmt: skip
    """Let a feed go back; `seen` as for `advance_feed`. Raises BadInput, TryLater, LedgerDamaged."""
    from poc.ledger.opening import open_ledger
    from poc.route.moves import go_back

    workspace = context.workspace
    partner, feed = _feed_of(workspace, name)
    with closing(open_ledger(workspace.ledger)) as ledger:
        by = _decider(who, why, now_us, seen=seen)
        return _done(context, go_back(workspace, ledger, partner, feed, by, to))


def hold_feed(
    context: CliContext, name: str, now_us: int, *, release: bool = False, why: str = "", who: str = "",
    seen: int | None = None,
) -> Done:  # fmt: skip
    """Hold a feed at its stage, or release it; `seen` as for `advance_feed`.

    Raises BadInput, TryLater, LedgerDamaged.
    """
    from poc.ledger.opening import open_ledger
    from poc.route.moves import hold

    workspace = context.workspace
    partner, feed = _feed_of(workspace, name)
    with closing(open_ledger(workspace.ledger)) as ledger:
        by = _decider(who, why, now_us, seen=seen)
        return _done(context, hold(workspace, ledger, partner, feed, by, release=release))


def settle_file(
    context: CliContext, name: str, file: str, now_us: int, *, arrived: bool, why: str = "", who: str = ""
) -> Done:
    """Say what became of a file that the monolith is not done with. Raises BadInput, TryLater, LedgerDamaged."""
    from poc.ledger.lease import exclusive_feed
    from poc.ledger.opening import open_ledger
    from poc.route.moves import settle

    workspace = context.workspace
    partner, feed = _feed_of(workspace, name)
    lease_s = workspace.settings.work.lease_s
    with (
        closing(open_ledger(workspace.ledger)) as ledger,
        exclusive_feed(ledger, partner, feed, lease_s=lease_s),
    ):
        sender = settle(workspace, ledger, partner, feed, file, _decider(who, why, now_us), arrived=arrived)
    what = "counts as sent by the monolith" if arrived else "the next `milepost run` gives it to the monolith again"
    values = {"partner": partner, "feed": feed, "file": sender.file, "state": sender.state, "note": sender.note}
    return Done(f"{sender.file}: {what}.", values)


def feeds_with_route(workspace: Workspace) -> list[tuple[str, str]]:
    """Return the feeds that have a monolith, and so a route."""
    return [name for name in workspace.select_feeds(None) if workspace.get_feed(*name)[1].monolith is not None]


def change_json(change: RouteChange) -> dict[str, Any]:
    """Return a change of a route for JSON."""
    return {
        "at": format_utc(change.at_us), "action": change.action, "from": change.stage_before,
        "stage": change.position.stage, "share": change.position.share, "position": str(change.position),
        "who": change.who, "why": change.why, "owner": change.owner, "forced": change.forced,
        "automatic": change.automatic, "evidence": dict(change.evidence),
    }  # fmt: skip


def _row(workspace: Workspace, ledger: Ledger, partner: str, feed: str, now_us: int) -> dict[str, Any]:
    from poc.route.gates import check_gate
    from poc.route.parity_states import parity_reader
    from poc.route.route_store import read_route

    current = read_route(ledger, partner, feed)
    config = workspace.get_feed(partner, feed)[1].route
    gate = check_gate(ledger, config, partner, feed, current, parity_reader(workspace, ledger, from_us(now_us)), now_us)
    return {
        "partner": partner, "feed": feed, "scope": f"{partner}/{feed}", "stage": current.stage,
        "share": current.position.share, "position": str(current.position), "held": current.held,
        "since": format_utc(current.since_us) if current.since_us else None,
        "next": None if gate is None else str(gate.next_position),
        "exit_code": 0 if gate is None else gate.exit_code,
        "reasons": [] if gate is None else list(gate.reasons),
        "evidence": {} if gate is None else dict(gate.evidence),
    }  # fmt: skip


def from_us(now_us: int) -> datetime:
    """Return the time of microseconds since 1970, in UTC."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(now_us / 1_000_000, UTC)


def _feed_of(workspace: Workspace, name: str) -> tuple[str, str]:
    from poc.errors import BadInput
    from poc.route.moves import check_has_route

    partner, _, feed = name.partition("/")
    if not feed:
        raise BadInput(f"{name!r} names no feed; write PARTNER/FEED, one of: {_choices(workspace)}")
    check_has_route(workspace, partner, feed)
    return partner, feed


def _choices(workspace: Workspace) -> str:
    return ", ".join("/".join(feed) for feed in feeds_with_route(workspace)) or "none, as no feed names its monolith"


def _decider(who: str, why: str, now_us: int, owner: str = "", seen: int | None = None) -> Decider:
    from poc.exchanges.decisions import user_name
    from poc.route.moves import Decider

    return Decider(who=who or user_name(), why=why, owner=owner, now_us=now_us, seen=seen)


def _done(context: CliContext, change: RouteChange) -> Done:
    """Record the event of a change of the stage, and return what was done."""
    from metrics.events import SpoolRecorder
    from poc.route.route_store import route_event

    scope = f"{change.partner}/{change.feed}"
    text = {
        "advance": f"{scope} advances from {change.stage_before} to {change.position.words}.",
        "back": f"{scope} goes back from {change.stage_before} to {change.position.words}, from the next file on.",
        "hold": f"{scope} is held at {change.position.words}.",
        "release": f"{scope} is released at {change.position.words}.",
    }[change.action]
    notes = []
    if change.forced:
        notes.append(
            f"Against its gate: {'; '.join(change.evidence.get('reasons', ()))}. {change.owner} answers for it."
        )
    if change.action in {"advance", "back"}:
        with closing(SpoolRecorder(context.workspace.spool)) as recorder:
            recorder.record(route_event(change))
    return Done(text, {"partner": change.partner, "feed": change.feed, **change_json(change)}, tuple(notes))
