"""What people count, in words: counts where there are no prices, and money in production alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from metrics.measures.effort_saved import DOUBLE, HALF
from metrics.prices import Prices
from roadmap.worth.table import table_lines, worth_sentence, worth_table
from tests.roadmap.judge.judged_milestone import SAVED_READING
from tests.roadmap.worth.test_money import FIGURES, MONTH, SIDE

PRICES = Prices(currency="EUR", person_hour=60.0, touch_minutes=15.0, machine_hour=0.1, since=date(2012, 12, 1))
EFFORT = replace(SAVED_READING, measure="effort_saved", beside={HALF: 0.5, DOUBLE: 0.7})


def test_every_sum_has_its_prices_beside_it_and_the_effort_at_half_and_double():
    """In production, with prices, both sides have money."""
    lines = table_lines(worth_table(replace(FIGURES, prices=PRICES, effort=EFFORT)))
    prices = "At EUR 60.00 an hour of a person, 15 minutes each time, and EUR 0.10 an hour of a machine"
    prices += "; prices of 1 Dec 2012."
    assert lines == (
        "Hands a month: monolith 4.0 times, 1h 00m; service@4 4.0 times, 1h 00m (15 minutes each)",
        (
            "Waiting a month: monolith half within 1m 00s, 95% within 10m 00s; service@4 half within 1m 00s, 95% "
            "within 10m 00s (from due to delivered)"
        ),
        (
            "Failures a month: monolith 3.0 at the first attempt, 1.0 in the end, of 100; service@4 3.0 at the first "
            "attempt, 1.0 in the end, of 100"
        ),
        "Machine time a month: monolith 2h 00m; service@4 2h 00m",
        "Records a month: monolith 10,000; service@4 10,000",
        "Money a month: monolith EUR 100.00; service@4 EUR 100.00",
        "Effort saved: 65%, likely 63% to 67%; 50% at half the touch_minutes, 70% at double the touch_minutes.",
        prices,
    )


def test_without_prices_nothing_is_valued_and_a_replay_has_no_money():
    """Hands, waiting, failures and time stand all the same; what was not recorded is no zero."""
    unknown = replace(SIDE, touches=None, touch_hours=None, money=None, wait_p95_s=None)
    figures = replace(FIGURES, month=replace(MONTH, control=unknown), effort=None)
    assert [row.control for row in worth_table(figures).rows] == [
        "not recorded", "half within 1m 00s, no 95th percentile", "3.0 at the first attempt, 1.0 in the end, of 100",
        "2h 00m", "10,000", "not valued",
    ]  # fmt: skip
    table = worth_table(replace(figures, mode="replay"))
    assert (table.rows[-1].subject, table.prices) == ("a replay has no money", "")
    assert worth_sentence(table) == (
        "In a replayed month: hands not recorded before and 4.0 times, 1h 00m now, machine time 2h 00m before and "
        "2h 00m now. Effort: not valued."
    )
    assert table_lines(worth_table(replace(figures, month=None))) == ()


def test_a_number_is_better_only_where_the_service_takes_less_of_it():
    """Less waiting at the middle with more at the end is not better; nor is more work, or what was not recorded."""
    service = replace(
        SIDE, touches=0, wait_p50_s=30.0, wait_p95_s=900.0, first_failed=5.0, machine_hours=1.0, money=None
    )
    rows = worth_table(replace(FIGURES, month=replace(MONTH, subject=service))).rows
    assert [row.name for row in rows if row.is_better] == ["Hands", "Machine time"]
