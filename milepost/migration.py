"""The routes of feeds for the dashboard, which does not import the service."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from milepost.errors import expected_errors_as

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from dashboard.migration_state import (
        ComparedDay,
        DayDifferences,
        FeedMigration,
        MigrationState,
        ParityNow,
        RouteNow,
        SideFiles,
        StageChange,
    )
    from poc.config.workspace import Workspace
    from poc.parity.compared_days import ComparedDay as DayOfFeed
    from poc.route.route_store import RouteChange

#: Exit code of a gate that failed, as opposed to one that lacks evidence.
FAILED = 5


def routed_partners(workspace: Workspace) -> frozenset[str]:
    """Return the partners with a feed that names its monolith. It reads no file."""
    return frozenset(
        name for name, partner in workspace.partners.items() if any(feed.monolith for feed in partner.feed.values())
    )


def read_migration(workspace: Workspace, now: datetime) -> MigrationState:
    """Return the routes of all feeds, their differences by day, and the newest changes.

    A workspace in which no feed names its monolith reads nothing.

    Raises:
        ServiceUnreadable: the ledger cannot be read.
    """
    from dashboard.migration_state import MigrationState
    from dashboard.service_state import ServiceUnreadable
    from poc.cli.migration.route_acts import feeds_with_route, list_routes
    from poc.ledger.opening import open_ledger
    from poc.parity.compared_days import compared_days
    from poc.route.route_store import read_changes

    feeds = feeds_with_route(workspace)
    if not feeds:
        return MigrationState(at=now)
    with expected_errors_as(ServiceUnreadable):
        found = {(row["partner"], row["feed"]): row for row in list_routes(workspace, _micros(now))}
        with closing(open_ledger(workspace.ledger)) as ledger:
            days = {name: compared_days(ledger, *name) for name in feeds}
            changes = [change for name in feeds for change in read_changes(ledger, *name)]
            routes = tuple(_route_now(found[name], _parity_now(workspace, name, days[name], now)) for name in feeds)
    differences, compared = _by_day([(partner, day) for (partner, _), of_feed in days.items() for day in of_feed])
    return MigrationState(
        at=now,
        routes=routes,
        differences=differences,
        compared=compared,
        changes=tuple(_stage_change(change) for change in sorted(changes, key=lambda change: -change.at_us)),
    )


def read_feed_migration(workspace: Workspace, partner: str, feed: str, now: datetime) -> FeedMigration | None:
    """Return the route of one feed in full; None where it has none.

    Raises:
        ServiceUnreadable: the ledger cannot be read.
    """
    from dashboard.migration_state import FeedMigration
    from dashboard.service_state import ServiceUnreadable
    from poc.cli.migration.route_acts import feeds_with_route, show_route
    from poc.ledger.opening import open_ledger
    from poc.parity.compared_days import compared_days
    from poc.route.route_store import read_changes

    if (partner, feed) not in feeds_with_route(workspace):
        return None
    with expected_errors_as(ServiceUnreadable):
        row = show_route(workspace, f"{partner}/{feed}", _micros(now))
        with closing(open_ledger(workspace.ledger)) as ledger:
            days = compared_days(ledger, partner, feed)
            changes = read_changes(ledger, partner, feed)
            route = _route_now(row, _parity_now(workspace, (partner, feed), days, now))
    differences, compared = _by_day([(partner, day) for day in days])
    called = row["monolith_called_at"]
    return FeedMigration(
        route=route,
        monolith=_side_files(row["files"]["monolith"]),
        service=_side_files(row["files"]["service"]),
        monolith_called_at=None if called is None else _parse(called),
        waiting=tuple((file["file"], file["note"] or file["state"]) for file in row["waiting"]),
        changes=tuple(map(_stage_change, changes)),
        differences=differences,
        compared=compared,
    )


def _parity_now(workspace: Workspace, name: tuple[str, str], days: Sequence[DayOfFeed], now: datetime) -> ParityNow:
    """Return the parity of a feed by the dispositions of now. Raises BadInput."""
    from dashboard.migration_state import ParityNow
    from poc.parity.compared_days import state_of_days
    from poc.parity.dispositions import load_dispositions

    if not days:
        return ParityNow()
    partner, feed = name
    state = state_of_days(days, feed, load_dispositions(workspace.root, partner), now.astimezone(UTC).date())
    return ParityNow(
        files=state.files_compared,
        records=state.records_compared,
        unexplained=state.unexplained,
        accepted=state.accepted,
        to_fix=state.to_fix,
        by_cause=state.by_cause,
        newest_at=None if state.newest_at_us is None else _moment(state.newest_at_us),
    )


def _by_day(days: Sequence[tuple[str, DayOfFeed]]) -> tuple[tuple[DayDifferences, ...], tuple[ComparedDay, ...]]:
    """Return the differences by partner, day and cause, and the days on which files of a partner were compared."""
    from dashboard.migration_state import ComparedDay, DayDifferences

    counts: Counter[tuple[str, date, str]] = Counter()
    for partner, day in days:
        for (_, cause), count in day.differences.items():
            counts[partner, day.day, cause] += count
    differences = (
        DayDifferences(partner=partner, day=day, cause=cause, differences=count)
        for (partner, day, cause), count in sorted(counts.items())
    )
    compared = sorted({(partner, day.day) for partner, day in days})
    return tuple(differences), tuple(ComparedDay(partner=partner, day=day) for partner, day in compared)


def _route_now(row: Mapping[str, Any], parity: ParityNow) -> RouteNow:
    from dashboard.migration_state import RouteNow

    return RouteNow(
        partner=row["partner"],
        feed=row["feed"],
        stage=row["stage"],
        share=row["share"],
        position=row["position"],
        since=None if row["since"] is None else _parse(row["since"]),
        is_held=row["held"],
        next_position=row["next"] or "",
        reasons=tuple(row["reasons"]),
        has_failed=row["exit_code"] == FAILED,
        parity=parity,
    )


def _side_files(counts: Mapping[str, int]) -> SideFiles:
    from dashboard.migration_state import SideFiles

    failed = counts["failed"] + counts.get("ambiguous", 0)
    return SideFiles(given=counts["given"], done=counts["done"], failed=failed)


def _stage_change(change: RouteChange) -> StageChange:
    from dashboard.migration_state import StageChange

    return StageChange(
        partner=change.partner,
        feed=change.feed,
        at=_moment(change.at_us),
        action=change.action,
        before=change.stage_before,
        position=str(change.position),
        who=change.who,
        why=change.why,
        owner=change.owner,
        forced=change.forced,
        automatic=change.automatic,
    )


def _parse(text: str) -> datetime:
    """Return a moment as the commands print it, `2013-01-07 06:00:00 UTC`."""
    return datetime.fromisoformat(text.removesuffix(" UTC")).replace(tzinfo=UTC)


def _micros(now: datetime) -> int:
    return round(now.timestamp() * 1_000_000)


def _moment(at_us: int) -> datetime:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC)
