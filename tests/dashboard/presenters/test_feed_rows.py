"""Rows of feeds with few exchanges: counts instead of rates, and no usual wait."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from dashboard.presenters import feed_rows
from metrics.queries.feed_health import FeedState

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

    from metrics.events import RunEvent

STATE = FeedState(
    partner="AA", feed="f", state="too_little", since_us=None, why="", last_good_at_us=None, last_good_run_id=None,
    last_run_id=1, usual_gap_s=None, runs=4, exchanges=4, failed=0, delay_p50_s=6.0, delay_p95_s=30.0, side="service@1",
)  # fmt: skip


def test_few_exchanges_have_no_usual_wait() -> None:
    """Below the least number of exchanges there is no usual wait, neither on the page nor in its data."""
    assert feed_rows.delivery_waits_s(STATE) == (None, None)
    assert feed_rows.delivery_waits_s(replace(STATE, exchanges=5)) == (6.0, 30.0)


def test_few_exchanges_make_no_rate(
    on: Callable[..., FlaskClient],
    a_run: Callable[..., RunEvent],
    values_of: Callable,
) -> None:
    """Both pages have how many failed of how many and no rate; days are written as everywhere."""
    key = replace(a_run().key, faults="standard")
    rows = {"in": 4, "delivered": 3, "quarantined": 1}
    client = on(
        replace(a_run(rows=rows), key=key),
        replace(a_run(outcome="failed"), key=replace(key, exchange_id="b"), file="b.csv"),
    )
    page = values_of(client, "/partners/AA")["page"]
    for row in (*values_of(client, "/partners")["page"]["listed"].rows, *page["rows"]):
        assert (row.failed, row.exchanges, row.rate, row.gap) == (1, 2, "", "not known yet")
    assert page["last_in"] == "Last in the week of"
    assert [(line.reason, line.feed, line.last, line.exchanges, line.rows) for line in page["facts"].reasons] == [
        ("reasons not recorded", "f", "1 Jan 2013", "1", "1"),
    ]
