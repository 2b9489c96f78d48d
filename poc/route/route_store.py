"""The routes of feeds in the ledger: where each is, and every change of it. Rows are only added."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import sqlalchemy as sa

from metrics.route_events import RouteEvent
from poc.ledger.tables.route import FILE_SENDER, ROUTE_CHANGE
from poc.route.stages import Position

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from poc.ledger.ledger import Ledger
    from poc.route.stages import Stage

Action: TypeAlias = Literal["advance", "back", "hold", "release"]

_OF_FEED = sa.and_(ROUTE_CHANGE.c.partner == sa.bindparam("of_partner"), ROUTE_CHANGE.c.feed == sa.bindparam("of_feed"))
SELECT_CHANGES = sa.select(ROUTE_CHANGE).where(_OF_FEED).order_by(ROUTE_CHANGE.c.id.desc())
SELECT_NEWEST = SELECT_CHANGES.limit(1)
SELECT_HAS_HISTORY = sa.select(
    sa.exists().where(_OF_FEED)
    | sa.exists().where(
        FILE_SENDER.c.partner == sa.bindparam("of_partner"), FILE_SENDER.c.feed == sa.bindparam("of_feed")
    )
)
INSERT_CHANGE = sa.insert(ROUTE_CHANGE)
#: The newest change of each feed.
SELECT_ALL_NEWEST = sa.select(ROUTE_CHANGE).where(
    ROUTE_CHANGE.c.id.in_(
        sa.select(sa.func.max(ROUTE_CHANGE.c.id)).group_by(ROUTE_CHANGE.c.partner, ROUTE_CHANGE.c.feed)
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteChange:
    """One change of a route, who made it and why, with what its gate or guardrail counted at that moment."""

    partner: str
    feed: str
    at_us: int
    action: Action
    stage_before: Stage
    position: Position  #: from this change on
    held: bool = False  #: it does not advance until it is released
    who: str  #: the user of the operating system or of the dashboard; `milepost` for an automatic change
    why: str
    owner: str = ""  #: who answers for a change against its gate
    forced: bool = False  #: against its gate
    automatic: bool = False  #: by a guardrail
    evidence: Mapping[str, Any] = field(default_factory=dict)
    id: int = 0


@dataclass(frozen=True, slots=True)
class Route:
    """Where a feed is on its route; `since_us` and `change_id` are 0 for one that has never changed."""

    position: Position = field(default_factory=lambda: Position("monolith"))
    held: bool = False
    since_us: int = 0  #: when it came to this stage and share
    change_id: int = 0  #: the change that brought it there
    last: RouteChange | None = None  #: the newest change, which may also be a hold or a release

    @property
    def stage(self) -> Stage:
        """The stage."""
        return self.position.stage


def read_route(ledger: Ledger, partner: str, feed: str) -> Route:
    """Return the route of a feed as the ledger has it now. Raises TryLater, LedgerDamaged."""
    rows = ledger.execute(SELECT_NEWEST, {"of_partner": partner, "of_feed": feed})
    if not rows:
        return Route()
    newest = _change_of(rows[0])
    if newest.action in {"advance", "back"}:
        return Route(newest.position, newest.held, newest.at_us, newest.id, newest)
    changes = read_changes(ledger, partner, feed)
    moved = next((change for change in changes if change.action in {"advance", "back"}), None)
    if moved is None:
        return Route(newest.position, newest.held, last=newest)
    return Route(newest.position, newest.held, moved.at_us, moved.id, newest)


def has_history(ledger: Ledger, partner: str, feed: str) -> bool:
    """Return whether a feed has or had a route by which a file was given to a side. Raises TryLater, LedgerDamaged."""
    return bool(ledger.execute(SELECT_HAS_HISTORY, {"of_partner": partner, "of_feed": feed})[0][0])


def read_changes(ledger: Ledger, partner: str, feed: str) -> list[RouteChange]:
    """Return the changes of a feed's route, newest first. Raises TryLater, LedgerDamaged."""
    return [_change_of(row) for row in ledger.execute(SELECT_CHANGES, {"of_partner": partner, "of_feed": feed})]


def newest_changes(ledger: Ledger) -> list[RouteChange]:
    """Return the newest change of each feed that has one. Raises TryLater, LedgerDamaged."""
    return [_change_of(row) for row in ledger.execute(SELECT_ALL_NEWEST, {})]


def add_change(ledger: Ledger, change: RouteChange) -> None:
    """Add a change; the caller commits. Raises TryLater, LedgerDamaged."""
    values = {
        "at_us": change.at_us, "partner": change.partner, "feed": change.feed, "action": change.action,
        "stage_before": change.stage_before, "stage": change.position.stage, "share": change.position.share,
        "held": int(change.held), "who": change.who, "why": change.why, "owner": change.owner,
        "forced": int(change.forced), "automatic": int(change.automatic),
        "evidence": json.dumps(change.evidence, sort_keys=True),
    }  # fmt: skip
    ledger.execute(INSERT_CHANGE, values)


def route_event(change: RouteChange) -> RouteEvent:
    """Return the event of a change of the stage, for charts and milestones."""
    day = datetime.fromtimestamp(change.at_us / 1_000_000, UTC).date().isoformat()
    return RouteEvent(
        mode="live", faults="real", series="", partner=change.partner, feed=change.feed, block=day, block_end=day,
        changed_at_us=change.at_us, stage=change.position.stage, previous=change.stage_before,
        forced=int(change.forced), automatic=int(change.automatic),
    )  # fmt: skip


def _change_of(row: Sequence[Any]) -> RouteChange:
    key, at_us, partner, feed, action, before, stage, share, held, who, why, owner, forced, automatic, evidence = row
    return RouteChange(
        partner=partner,
        feed=feed,
        at_us=at_us,
        action=cast("Action", action),
        stage_before=cast("Stage", before),
        position=Position(cast("Stage", stage), share),
        held=bool(held),
        who=who,
        why=why,
        owner=owner,
        forced=bool(forced),
        automatic=bool(automatic),
        evidence=json.loads(evidence or "{}"),
        id=key,
    )
