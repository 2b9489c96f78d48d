"""The routes of feeds that a request may see: all of them, kept for a moment, and one in full."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboard.pages.request import current_scope, migration_reader, settings

if TYPE_CHECKING:
    from dashboard.migration_state import FeedMigration, MigrationState


def read_routes() -> MigrationState | None:
    """Return all routes; None without a service. Raises ServiceUnreadable."""
    return migration_reader().current()


def read_route(partner: str, feed: str) -> FeedMigration | None:
    """Return the route of one feed; None where it has none. Raises ServiceUnreadable."""
    read = settings().read_route
    return None if read is None else read(partner, feed)


def has_routes() -> bool:
    """Return whether the navigation has Migration: a feed that may be seen has a route. No route is read for it."""
    return any(map(current_scope().covers, settings().routed_partners()))
