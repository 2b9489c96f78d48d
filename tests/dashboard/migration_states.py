"""Routes of five feeds at all stages, as the front door would hand them in."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

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

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2013, 4, 2, 12, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script>/x"


def a_route(partner: str, stage: str, next_position: str, **values: object) -> RouteNow:
    """The route of a partner's feed flights, which nothing blocks but for the values that are given."""
    given = {
        "share": {"canary": 0.1, "service": 1.0, "retired": 1.0}.get(stage, 0.0), "position": stage,
        "since": NOON - timedelta(days=9), "is_held": False, "reasons": (), "has_failed": False, **values,
    }  # fmt: skip
    return RouteNow(partner=partner, feed="flights", stage=stage, next_position=next_position, **given)  # type: ignore[arg-type]


def a_change(partner: str, days_ago: int, action: str, before: str, position: str, **values: object) -> StageChange:
    """A change of its route by ada."""
    given = {"who": "ada", "why": "", **values}
    return StageChange(
        partner=partner, feed="flights", at=NOON - timedelta(days=days_ago), action=action, before=before,
        position=position, **given,  # type: ignore[arg-type]
    )  # fmt: skip


STATE = MigrationState(
    at=NOON,
    routes=(
        a_route(
            "AA", "service", "retired", reasons=("12 of 30 days without a call of the monolith",),
            parity=ParityNow(files=40, records=3_210, accepted=12, newest_at=NOON),
        ),
        a_route(
            "B6", "shadow", "canary at 0.1", has_failed=True,
            reasons=(
                "31 unexplained difference(s); `milepost parity show B6/flights` lists them",
                "18 of 20 files compared in shadow",
            ),
            parity=ParityNow(files=18, records=900, unexplained=31, by_cause={"rounding": 28, "value": 3}),
        ),
        a_route("DL", "canary", "canary at 0.5", position="canary at 0.1", parity=ParityNow(files=25, records=1_000)),
        a_route(
            "UA", "monolith", "shadow", since=None, is_held=True, has_failed=True,
            reasons=("held by ada: wait; `milepost route hold UA/flights --release`",),
        ),
        a_route(HOSTILE, "retired", ""),
    ),
    differences=(
        DayDifferences(partner="B6", day=date(2013, 3, 30), cause="rounding", differences=20),
        DayDifferences(partner="B6", day=date(2013, 4, 1), cause="rounding", differences=8),
        DayDifferences(partner="B6", day=date(2013, 4, 1), cause="value", differences=3),
        DayDifferences(partner="AA", day=date(2013, 3, 28), cause="whitespace", differences=12),
    ),
    compared=tuple(
        ComparedDay(partner=partner, day=date(2013, 3, day)) for partner in ("AA", "B6") for day in range(20, 32)
    ),
    changes=(
        a_change("DL", 2, "advance", "canary", "canary at 0.1", why="after a look at it"),
        a_change(
            "DL", 5, "back", "canary", "shadow", who="milepost", automatic=True, why="3 record(s) were not delivered"
        ),
        a_change("AA", 9, "advance", "canary", "service", forced=True, owner="bob", why="the year ends"),
        a_change("UA", 10, "hold", "monolith", "monolith", why="wait"),
    ),
)  # fmt: skip


def feed_migration(partner: str, feed: str) -> FeedMigration | None:
    """The route of one of these feeds in full."""
    found = next((route for route in STATE.routes if (route.partner, route.feed) == (partner, feed)), None)
    if found is None:
        return None
    return FeedMigration(
        route=replace(found), monolith=SideFiles(given=90, done=89, failed=1),
        service=SideFiles(given=12, done=12, failed=0), monolith_called_at=NOON, waiting=(("a.csv", "killed"),),
        changes=tuple(change for change in STATE.changes if change.partner == partner),
        differences=tuple(row for row in STATE.differences if row.partner == partner),
        compared=tuple(row for row in STATE.compared if row.partner == partner),
    )  # fmt: skip


@pytest.fixture(scope="session")
def moving() -> dict[str, Callable[..., object]]:
    """The settings of a dashboard with these routes."""
    return {
        "routed_partners": lambda: [route.partner for route in STATE.routes],
        "migration": lambda: STATE, "read_route": feed_migration,
    }  # fmt: skip
