"""A service with something open of every sort, as the front door would hand it in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from dashboard.service_state import BreakerNow, ExpectedFiles, FeedNow, Problem, ServiceState

if TYPE_CHECKING:
    from collections.abc import Callable

NOON = datetime(2013, 4, 2, 12, tzinfo=UTC)


def problem(kind: str, label: str, *, ago: timedelta = timedelta(hours=2), **values: Any) -> Problem:
    """A critical problem of AA/flights, but for the values that are given."""
    given: dict[str, Any] = {"severity": "critical", "partner": "AA", "feed": "flights", "alerts": 1, "count": 1}
    given |= {"summary": f"what is wrong with {kind}", "next_step": "milepost status", "since": NOON - ago, **values}
    return Problem(kind=kind, label=label, **given)


def feed_now(partner: str, **values: Any) -> FeedNow:
    """A feed with nothing open, but for the values that are given."""
    given: dict[str, Any] = dict.fromkeys(("due", "failed", "refused", "ambiguous", "held_rows"), 0)
    given |= {"feed": "flights", "oldest_due_at": None, "last_good_at": None, **values}
    return FeedNow(partner=partner, **given)


@pytest.fixture(scope="session")
def make_problem() -> Callable[..., Problem]:
    """The function `problem`."""
    return problem


@pytest.fixture(scope="session")
def make_feed_now() -> Callable[..., FeedNow]:
    """The function `feed_now`."""
    return feed_now


@pytest.fixture(scope="session")
def busy_service() -> Callable[[], ServiceState]:
    """A service at noon on 2 Apr 2013 whose partners each have another problem; of one, the name is hostile."""
    hostile = "<script>alert(1)</script>" + "W" * 60
    state = ServiceState(
        at=NOON,
        problems=(
            problem("workspace_problem", "workspace problem", partner="DL", feed="", ago=timedelta(0)),
            problem("partner_down", "partner down", feed="", next_step="milepost partner ls"),
            problem("failed", "files failed", partner="B6", alerts=3, count=3, ago=timedelta(days=3)),
            problem(
                "refused", "file refused", partner=hostile, severity="warning", summary=f"{'x' * 200} `<b>`",
                next_step="",
            ),
        ),
        feeds=(
            feed_now("AA", due=6, oldest_due_at=NOON - timedelta(hours=2)),
            feed_now("B6", failed=3, ambiguous=2),
            feed_now(hostile, held_rows=12_345),
            feed_now("UA", due=1, oldest_due_at=NOON - timedelta(minutes=5)),
        ),
        breakers=(BreakerNow(partner="AA", feed="", state="open"),),
        expected=(
            ExpectedFiles(
                partner=hostile, feed="flights", rule="by 06:00 UTC, daily", last="arrived", is_missing=False,
                next_due=("tomorrow 06:00",), next_at=NOON + timedelta(hours=18),
            ),
        ),
    )  # fmt: skip
    return lambda: state
