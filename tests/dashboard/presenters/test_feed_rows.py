"""Rows of feeds with few exchanges: counts instead of rates, and no usual wait."""

from __future__ import annotations

import html
import re
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


def test_few_exchanges_make_no_rate(on: Callable[..., FlaskClient], a_run: Callable[..., RunEvent]) -> None:
    """The page says how many failed of how many; days are written as everywhere."""
    key = replace(a_run().key, faults="standard")
    rows = {"in": 4, "delivered": 3, "quarantined": 1}
    client = on(
        replace(a_run(rows=rows), key=key),
        replace(a_run(outcome="failed"), key=replace(key, exchange_id="b"), file="b.csv"),
    )
    for path in ("/partners", "/partners/AA"):
        text = " ".join(html.unescape(re.sub(r"<[^>]+>", " ", client.get(path).text)).split())
        assert "1 failed of 2" in text
        assert "500" not in text
        assert "not known yet" in text or path == "/partners"
    assert "Last in the week of Exchanges Rows reasons not recorded f 1 Jan 2013 1 1" in text
