"""What a person does with a route: advance it, go back, hold it, and say what became of a file that was killed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from poc.errors import BadInput, TryLater
from poc.route.file_senders import unsettled_files, update_sender
from poc.route.gates import check_gate
from poc.route.route_store import RouteChange, add_change, read_changes, read_route
from poc.route.sides.command import is_command_running
from poc.route.sides.handed_file import file_folder
from poc.route.stages import STAGES, Position, back_position

if TYPE_CHECKING:
    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger
    from poc.parity.state import ParityReader
    from poc.route.file_senders import FileSender
    from poc.route.gates import Gate
    from poc.route.stages import Stage


@dataclass(frozen=True, slots=True, kw_only=True)
class Decider:
    """Who decides, why, and when. `owner` answers for a change against its gate."""

    who: str
    why: str = ""
    owner: str = ""
    now_us: int
    seen: int | None = None  #: how many changes of the route the person knew of; None where nobody says


class AdvanceRefused(BadInput):
    """A feed may not advance; `gate` says why."""

    def __init__(self, name: str, gate: Gate) -> None:
        super().__init__(f"{name} does not advance to {gate.next_position.words}: {gate.reasons[0]}", gate.reasons)
        self.gate = gate
        self.exit_code = gate.exit_code


def check_has_route(workspace: Workspace, partner: str, feed: str) -> None:
    """Raise BadInput for a feed that does not exist or has no monolith, and so no route."""
    if workspace.get_feed(partner, feed)[1].monolith is None:
        raise BadInput(
            f"{partner}/{feed} has no route: its feed names no monolith; add `[feed.{feed}.monolith]` to "
            f"{workspace.root / 'partners' / f'{partner}.toml'}"
        )


def advance(
    workspace: Workspace, ledger: Ledger, partner: str, feed: str, parity: ParityReader, by: Decider, *, anyway: bool
) -> RouteChange:
    """Advance a feed to the next stage of its route, and commit.

    Args:
        workspace: the workspace.
        ledger: its ledger.
        partner: the feed's partner.
        feed: the feed.
        parity: returns the state of parity of a feed.
        by: who decides; with `anyway`, why and who answers for it.
        anyway: against the gate; it is recorded with what the gate said.

    Raises:
        AdvanceRefused: the gate is closed; exit code 5 (a gate failed) or 6 (not enough evidence).
        BadInput: the feed is retired, or a reason or an owner is missing.
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    check_has_route(workspace, partner, feed)
    if anyway and not (by.why.strip() and by.owner.strip()):
        raise BadInput("--anyway needs --why TEXT and --owner NAME: who answers for it, and why")
    _begin(ledger, partner, feed, by)
    config = workspace.get_feed(partner, feed)[1].route
    route = read_route(ledger, partner, feed)
    gate = check_gate(ledger, config, partner, feed, route, parity, by.now_us)
    if gate is None:
        ledger.roll_back()
        raise BadInput(f"{partner}/{feed} is retired, the last stage of its route")
    if gate.reasons and not anyway:
        ledger.roll_back()
        raise AdvanceRefused(f"{partner}/{feed}", gate)
    return _add(
        ledger,
        RouteChange(
            partner=partner,
            feed=feed,
            at_us=by.now_us,
            action="advance",
            stage_before=route.stage,
            position=gate.next_position,
            who=by.who,
            why=by.why.strip(),
            owner=by.owner.strip() if gate.reasons else "",
            forced=bool(gate.reasons),
            evidence={**gate.evidence, "reasons": list(gate.reasons)} if gate.reasons else gate.evidence,
        ),
    )


def go_back(
    workspace: Workspace, ledger: Ledger, partner: str, feed: str, by: Decider, to: Stage | None = None
) -> RouteChange:
    """Let the monolith exchange every file of a feed again from the next one on, and commit.

    `to` is an earlier stage; by default `shadow`, and `monolith` from there. Files under way end on their side.

    Raises:
        BadInput: there is no earlier stage, or `to` is none, or the reason is missing.
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    check_has_route(workspace, partner, feed)
    _check_why(by)
    _begin(ledger, partner, feed, by)
    config = workspace.get_feed(partner, feed)[1].route
    route = read_route(ledger, partner, feed)
    position = back_position(route.position)
    if position is not None and to is not None:
        shares = {"canary": config.shares[0], "service": 1.0}
        position = Position(to, shares.get(to, 0.0))
        order = list(STAGES)
        if order.index(to) > order.index(route.stage) or position.share >= route.position.share > 0:
            position = None
    if position is None or position == route.position:
        ledger.roll_back()
        raise BadInput(f"{partner}/{feed} is at {route.position.words}; {to or 'an earlier stage'} is not further back")
    return _add(
        ledger,
        RouteChange(
            partner=partner,
            feed=feed,
            at_us=by.now_us,
            action="back",
            stage_before=route.stage,
            position=position,
            held=route.held,
            who=by.who,
            why=by.why.strip(),
        ),
    )


def hold(
    workspace: Workspace, ledger: Ledger, partner: str, feed: str, by: Decider, *, release: bool = False
) -> RouteChange:
    """Hold a feed at its stage, so that it does not advance; or release it. Commit.

    Raises:
        BadInput: it is held already, or not at all; or the reason is missing.
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    check_has_route(workspace, partner, feed)
    _check_why(by)
    _begin(ledger, partner, feed, by)
    route = read_route(ledger, partner, feed)
    if route.held is not release:
        ledger.roll_back()
        raise BadInput(f"{partner}/{feed} is {'not held' if release else 'held already'}")
    return _add(
        ledger,
        RouteChange(
            partner=partner,
            feed=feed,
            at_us=by.now_us,
            action="release" if release else "hold",
            stage_before=route.stage,
            position=route.position,
            held=not release,
            who=by.who,
            why=by.why.strip(),
        ),
    )


def settle(
    workspace: Workspace, ledger: Ledger, partner: str, feed: str, file: str, by: Decider, *, arrived: bool
) -> FileSender:
    """Settle a file that the monolith is not done with: it counts as sent, or the monolith's command runs again.

    The ledger is to be under the lease of the feed.

    Raises:
        BadInput: no such file waits.
        TryLater: the command still works on it; or as every change of the ledger.
        LedgerDamaged.
    """
    waiting = unsettled_files(ledger, partner, feed)
    chosen = [
        sender for sender in waiting if sender.file == file or (len(file) >= 8 and sender.sha256.startswith(file))
    ]
    if len(chosen) != 1:
        names = ", ".join(sender.file for sender in waiting[:5]) or "none"
        raise BadInput(f"{file!r} is no file that the monolith is not done with; such files: {names}")
    if is_command_running(file_folder(workspace, partner, feed, chosen[0].sha256)):
        raise TryLater(f"{chosen[0].file}: the monolith's command still works on it; try again when it has ended")
    note = (
        f"{'arrived' if arrived else 'again'}, says {by.who}: {by.why.strip()}" if by.why.strip() else f"says {by.who}"
    )
    state = "done" if arrived else "given"
    update_sender(ledger, chosen[0], state=state, note=note)
    ledger.commit()
    return replace(chosen[0], state="done" if arrived else "given", note=note)


def _begin(ledger: Ledger, partner: str, feed: str, by: Decider) -> None:
    """Begin a change of a route. Raises BadInput where it has changed since the person looked at it."""
    ledger.begin(f"route/{partner}/{feed}")
    if by.seen is not None and len(read_changes(ledger, partner, feed)) != by.seen:
        ledger.roll_back()
        raise BadInput(
            f"the route of {partner}/{feed} has changed since this page was loaded; load it again and decide anew"
        )


def _check_why(by: Decider) -> None:
    if not by.why.strip():
        raise BadInput("--why needs a reason: it is kept with the change")


def _add(ledger: Ledger, change: RouteChange) -> RouteChange:
    add_change(ledger, change)
    ledger.commit()
    return change
