"""Open problems as text, and the state of a feed over which something is open."""

from datetime import timedelta

import pytest

from dashboard.presenters import problems
from dashboard.presenters.feed_rows import STATES_BY_NAME, FeedRow
from dashboard.service_state import ServiceState


def row(partner, state="on_time"):
    """A feed in a state by its measured runs."""
    return FeedRow(
        partner=partner, feed="flights", name=partner, feed_name="flights", address=partner,
        state=STATES_BY_NAME[state], why="as measured",
    )  # fmt: skip


def test_a_problem_is_one_row_of_text(make_problem):
    """The count is part of its name, how long it lasts is rounded, and only a partner with a page is linked."""
    failed = make_problem("failed", "files failed", count=1234, alerts=1234)
    new = make_problem(
        "disk_full", "disk nearly full", partner="", feed="", ago=timedelta(seconds=59), severity="warning"
    )
    first, second = problems.problem_rows((failed, new), failed.since + timedelta(hours=2), {"AA"})
    assert (first.chip, first.label, first.partner, first.address, first.lasts) == (
        "missed", "1,234 files failed", "AA", "AA", "for 2 h"
    )  # fmt: skip
    assert (second.chip, second.label, second.partner, second.address, second.lasts) == (
        "at_risk", "Disk nearly full", "", "", ""
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "feed", "state"),
    [
        ("partner_down", "", "partner_down"), ("partner_down", "flights", "partner_down"),
        ("partner_paused", "", "action_needed"), ("failed", "flights", "action_needed"),
        ("ambiguous", "flights", "action_needed"), ("refused", "flights", "action_needed"),
        ("not_arrived", "flights", "not_arriving"), ("late", "flights", "late"), ("disk_full", "", "on_time"),
    ],
)  # fmt: skip
def test_a_feed_is_never_on_time_over_an_open_problem(make_problem, kind, feed, state):
    """Each kind of problem of the feed or its partner gives the feed a worse state; other partners keep theirs."""
    open_now = ServiceState(at=make_problem(kind, kind).since, problems=(make_problem(kind, kind, feed=feed),))
    rows = {each.partner: each.state.name for each in problems.with_open_problems((row("UA"), row("AA")), open_now)}
    assert rows == {"AA": state, "UA": "on_time"}


def test_the_worst_of_all_counts(make_problem, make_feed_now):
    """Several problems, and what was measured: the feed has the worst state, and the reason of that."""
    late, failed = make_problem("late", "file late"), make_problem("failed", "files failed", count=2)
    state = ServiceState(at=late.since, problems=(failed, late), feeds=(make_feed_now("UA", due=2),))
    rows = problems.with_open_problems((row("UA"), row("AA"), row("B6", "not_arriving")), state)
    assert [(each.partner, each.state.name) for each in rows] == [
        ("AA", "action_needed"), ("B6", "not_arriving"), ("UA", "late")
    ]  # fmt: skip
    assert rows[0].why == "2 files failed: what is wrong with failed. `milepost status`"
    assert rows[1].why == "as measured"
    assert rows[2].why == "2 files not delivered yet; sent again automatically."
