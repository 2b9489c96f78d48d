"""The page of one milestone as values: its events, criteria and spending, on an example year."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.presenters import milestone_detail
from dashboard.presenters.milestone_detail import Spending

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient


M2_PLAN = "good rows delivered all, good rows quarantined none, processing time saved at least 30%"
UNTIL_MAY = [
    ("1 Apr 2013", "Start, by the plan", ""),
    ("1 Apr 2013", "First evidence of service@2", ""),
    ("14 Apr 2013", "First plan recorded", f"due 30 Jun 2013; {M2_PLAN}"),
    ("14 Apr 2013", "Status: not enough evidence", "was not started"),
    ("14 Apr 2013", "Decided: paused until 5 May 2013", "Example Owner: Example: the <b>team</b> is away"),
]
SINCE_MAY = [
    ("12 May 2013", "Re-planned, revision 2", "due was 30 Jun 2013 and is 14 Jul 2013"),
    ("12 May 2013", "Decided: resumed", "Example Deputy: Example: the team is back"),
    ("23 Jun 2013", "Good rows delivered: target first reached", ""),
    ("23 Jun 2013", "Good rows quarantined: target first reached", ""),
    ("23 Jun 2013", "Processing time saved: guardrail first held", ""),
    ("23 Jun 2013", "Proven", "7 days early"),
]


def test_what_happened_is_told_in_order(example: FlaskClient, values_of: Callable) -> None:
    """Plans, first evidence, decisions, targets reached and proof stand by day, each once."""
    events = values_of(example, "/milestones/M2")["page"].events
    assert [(event.day, event.text, event.why) for event in events] == UNTIL_MAY + SINCE_MAY


def test_an_earlier_day_knows_nothing_of_later_ones(example: FlaskClient, values_of: Callable) -> None:
    """As of a day while it was paused, nothing had been resumed, re-planned or spent."""
    page = values_of(example, "/milestones/M2?as_of=2013-04-20")["page"]
    assert (page.milestone.status_text, page.milestone.hold) == ("not enough evidence", "paused")
    assert [(event.day, event.text, event.why) for event in page.events] == UNTIL_MAY
    assert page.spending == Spending(spent="Not recorded, of 40,000", recorded=False, over=False, entries=())


def test_spending_is_listed_with_its_corrections(example: FlaskClient, values_of: Callable) -> None:
    """Each entry has its day, amount and note; a correction has a true minus sign; too much is said."""
    assert values_of(example, "/milestones/M1")["page"].spending == Spending(
        spent="11,500 of 40,000",
        recorded=True,
        over=False,
        entries=(
            ("17 Feb 2013", "12,000.00", "Example: two people, six weeks"),
            ("3 Mar 2013", "−500.00", "Example: entered twice"),
        ),
    )
    assert values_of(example, "/milestones/M2")["page"].spending.over


def test_every_number_measured_leads_to_its_runs(example: FlaskClient, values_of: Callable) -> None:
    """Each criterion has the name of its reading, and query keys of exactly the runs that it counts, if any."""
    page = values_of(example, "/milestones/M2")["page"]
    assert [(row.measured, row.key, row.counted_keys) for row in (*page.targets, *page.guardrails)] == [
        ("all", "M2:good_rows_delivered:standard", {}),
        ("0", "M2:false_rejects:standard", {}),
        ("64% less time", "M2:busy_time_saved:standard", {"counted": "M2:busy_time_saved:standard"}),
    ]


def test_no_reader_waits_for_a_milestones_page(app_on: Callable[..., Flask], example_year: Any) -> None:
    """Where views are kept, the page of every milestone is made before anybody asks for it."""
    app = app_on(example_year.store, milestones=example_year.milestones, built=4, keep_s=60.0)
    values = app.extensions["views"].newest()._values
    assert {(milestone_detail.milestone_page, code) for code in ("M1", "M2", "M3", "M4")} <= set(values)
