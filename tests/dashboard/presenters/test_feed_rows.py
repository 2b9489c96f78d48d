"""What a partner's page says of few exchanges: counts and no rates, and nothing of what is usual."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import plotly.graph_objects as go

from dashboard.charts import partner_failures
from dashboard.presenters import feed_rows
from dashboard.queries.partners import PartnerBlock
from metrics.queries.feed_health import FeedState

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

    from metrics.events import RunEvent

FIRST = date(2013, 1, 7)
STATE = FeedState(
    partner="AA", feed="f", state="too_little", since_us=None, why="", last_good_at_us=None, last_good_run_id=None,
    last_run_id=1, usual_gap_s=None, runs=4, exchanges=4, failed=0, delay_p50_s=6.0, delay_p95_s=30.0, side="service@1",
)  # fmt: skip


def week(number: int, side: str = "service@1", many: int = 3) -> PartnerBlock:
    """A week in which the monolith failed once and the service never."""
    first = FIRST + timedelta(weeks=number)
    return PartnerBlock(
        block=first, block_end=first + timedelta(days=6), side=side, milestone="M1", control=(1, many),
        subject=(0, many),
    )  # fmt: skip


def test_few_exchanges_are_counted_by_month() -> None:
    """Failed of how many, a point a month, and a point more where another level of the service took over."""
    blocks = [*(week(n) for n in range(6)), *(week(n, "service@2") for n in range(6, 20))]
    chart = partner_failures.partner_failures_chart("AA", blocks, "replay")
    go.Figure(chart.figure)
    assert chart.title == "Failed first attempts: 0 of 60 with the service, 20 of 60 with the monolith"
    assert chart.what.startswith("Exchanges of AA whose first attempt failed, by month, under standard faults.")
    assert [(row["block"], row["control_first"], row["control_exchanges"]) for row in chart.rows] == [
        ("2013-01-07", 4, 12), ("2013-02-04", 2, 6), ("2013-02-18", 2, 6), ("2013-03-04", 4, 12), ("2013-04-01", 5, 15),
        ("2013-05-06", 3, 9),
    ]  # fmt: skip
    assert chart.columns[3].label == "Monolith, failed"
    assert chart.figure["data"][0]["hovertemplate"] == "%{y:,.0f} failed"


def test_many_exchanges_are_a_rate_by_week() -> None:
    """Weeks as they are, of every 1,000."""
    chart = partner_failures.partner_failures_chart("AA", [week(n, many=50) for n in range(20)], "replay")
    assert len(chart.rows) == 20
    assert chart.rows[0]["control_first"] == 20
    assert chart.title == "Fewer failed first attempts in 20 of 20 weeks, more in none"
    assert "of every 1,000, by week" in chart.what


def test_a_few_blocks_have_a_tick_each() -> None:
    """No day is named twice, one block stands in the middle, and counts are whole."""
    day = replace(week(0), block_end=FIRST, control=None, subject=(1, 3))
    one = partner_failures.partner_failures_chart("AA", [day], "live").figure["layout"]
    two = partner_failures.partner_failures_chart("AA", [day, replace(day, block=FIRST + timedelta(1))], "live").figure[
        "layout"
    ]
    assert (one["xaxis"]["tickvals"], one["xaxis"]["range"]) == (["2013-01-07"], ["2013-01-06", "2013-01-08"])
    assert two["xaxis"]["tickvals"] == ["2013-01-07", "2013-01-08"]
    assert one["yaxis"]["dtick"] == 1


def test_few_exchanges_tell_no_usual_wait() -> None:
    """Below the least from which anything is usual, no wait is: neither on the page nor in its data."""
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
