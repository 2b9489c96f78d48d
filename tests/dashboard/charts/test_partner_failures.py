"""The chart of one partner's failures: rates of many exchanges, counts of few."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import plotly.graph_objects as go

from dashboard.charts import partner_failures
from dashboard.queries.partners import PartnerBlock

FIRST = date(2013, 1, 7)


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


def test_a_partner_without_blocks_has_an_empty_figure() -> None:
    """No exchange of either side is no error."""
    chart = partner_failures.partner_failures_chart("AA", [], "replay")
    assert (chart.rows, chart.figure["data"]) == ([], [])
    assert chart.title == "Failed first attempts: no week has both sides yet"
