"""Effort saved: hands and machines at fixed prices, per record, mix held still, and what a month takes."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from metrics.measures.effort_saved import DOUBLE, HALF, effort_saved
from metrics.measures.monthly_effort import MONTH_DAYS, monthly_effort
from metrics.measures.window import load_window
from metrics.prices import Prices
from metrics.store.database import open_store
from tests.metrics.measures.live_days import ASKED as LIVE_DAYS
from tests.metrics.measures.live_days import day, keep
from tests.metrics.measures.replay_weeks import ASKED, insert, week

PRICES = Prices(currency="EUR", person_hour=60.0, touch_minutes=10.0, machine_hour=36.0, since=date(2012, 12, 1))
QUESTION = replace(ASKED, prices=PRICES)


def touched(db, number, side, touches, busy_s, partner="AA", held=100):
    """A week of one side: an exchange, and one more attempt that a person started for each touch."""
    events = week(number, side, busy_s=busy_s, partner=partner, held=held)
    run = events[0][1]
    insert(db, [("run", replace(run, operator_touch=int(touches > 0))), *events[1:]])
    more = [
        ("run", replace(run, key=replace(run.key, exchange_id=f"{run.key.exchange_id}-{i}"), operator_touch=1))
        for i in range(int(touches) - 1)
    ]
    insert(db, [(name, replace(event, duration_ns=0)) for name, event in more])


def test_a_touch_and_an_hour_of_a_machine_are_priced(compare_db):
    """The control: a touch (10.00) and 1,000 s of machine (10.00) a week; the service: 500 s (5.00). It saves 75%."""
    for number in range(4):
        touched(compare_db, number, "monolith", 1, 1000.0)
        touched(compare_db, number, "service", 0, 500.0)
    reading = effort_saved(load_window(compare_db, QUESTION))
    assert reading.estimate == pytest.approx(0.75)
    assert reading.beside == {HALF: pytest.approx(1 - 5 / 15), DOUBLE: pytest.approx(1 - 5 / 30)}
    assert (reading.blocks, reading.grade, reading.prices) == (4, "B", PRICES.sha256[:8])
    assert reading.low < 0.75 < reading.high <= 1


def test_the_mix_of_files_cannot_flatter(compare_db):
    """A service that is no better in any feed saves nothing, though it did mostly the feed that needs few hands."""
    for number in range(4):
        touched(compare_db, number, "monolith", 2, 100.0, "AA", held=100)
        touched(compare_db, number, "monolith", 1, 100.0, "BB", held=100)
        touched(compare_db, number, "service", 1, 50.0, "AA", held=50)
        touched(compare_db, number, "service", 2, 200.0, "BB", held=200)
    assert effort_saved(load_window(compare_db, QUESTION)).estimate == pytest.approx(0)


def test_a_feed_counts_by_the_effort_that_it_took_in_the_monolith(compare_db):
    """AA took three touches a week and takes one; BB took one and takes one: two of four are saved, not two thirds."""
    for number in range(4):
        touched(compare_db, number, "monolith", 3, 0.1, "AA")
        touched(compare_db, number, "monolith", 1, 0.1, "BB")
        touched(compare_db, number, "service", 1, 0.1, "AA")
        touched(compare_db, number, "service", 1, 0.1, "BB")
    assert effort_saved(load_window(compare_db, QUESTION)).estimate == pytest.approx(0.5, abs=0.001)


def test_a_quiet_quarter_of_the_service_proves_little(compare_db):
    """Without a touch in a few weeks, the range still has the noise of one touch more."""
    for number in range(6):
        touched(compare_db, number, "monolith", 1, 0.1)
        touched(compare_db, number, "service", 0, 0.1)
    reading = effort_saved(load_window(compare_db, QUESTION))
    assert reading.estimate > 0.99
    assert reading.low < 0.6


@pytest.mark.parametrize(
    ("prices", "why"),
    [
        (None, "not valued: `[worth]` in milepost.toml has no prices"),
        (replace(PRICES, since=date(2013, 1, 7)), "its prices hold since 2013-01-07, which is not before the start"),
        (replace(PRICES, fixed_on=date(2013, 2, 1)), "its prices were recorded on 2013-02-01, after the start"),
    ],
)
def test_prices_that_are_missing_or_late_prove_nothing(compare_db, prices, why):
    """There is no range, and the reading says why."""
    for number in range(4):
        touched(compare_db, number, "monolith", 1, 10.0)
        touched(compare_db, number, "service", 0, 5.0)
    reading = effort_saved(load_window(compare_db, replace(ASKED, prices=prices)))
    assert reading.missing.startswith(why)
    assert reading.low is None


def test_a_bound_is_true_as_often_as_it_says(tmp_path):
    """40 simulated programmes with a true saving of 60%: at most one lower bound in twenty lies above it."""
    rng = np.random.default_rng(5)
    above = 0
    for trial in range(40):
        db = open_store(tmp_path / f"{trial}.db", "replay")
        for number in range(13):
            touched(db, number, "monolith", int(rng.poisson(10)), 360.0)
            touched(db, number, "service", int(rng.poisson(4)), 144.0)
        reading = effort_saved(load_window(db, replace(QUESTION, bound="fixed")))
        assert reading.low is not None
        above += reading.low > 0.6
        db.close()
    assert above <= 4


def test_a_month_counts_hands_machine_time_and_failures_once_whatever_the_rounds(compare_db):
    """Two rounds of the same weeks are the same month; a replay has no money."""
    for number in range(4):
        for number_of_round in (1, 2):
            for side, touch, busy_s in (("monolith", 1, 3600.0), ("service", 0, 1800.0)):
                events = week(number, side, busy_s=busy_s, key={"round": number_of_round}, operator_touch=touch)
                insert(compare_db, events)
    month = monthly_effort(load_window(compare_db, QUESTION), PRICES)
    per_month = MONTH_DAYS / 28 * 4
    assert (month.days, month.blocks) == (28, 4)
    assert month.control.touches == pytest.approx(per_month)
    assert month.control.touch_hours == pytest.approx(per_month / 6)
    assert (month.subject.touches, month.subject.money, month.control.money) == (0, None, None)
    assert (month.control.machine_hours, month.subject.machine_hours) == pytest.approx((per_month, per_month / 2))
    assert month.subject.exchanges == pytest.approx(per_month)


def test_production_has_money_and_what_the_control_would_take_for_the_same_records(live_db):
    """The service did half of the records: the monolith's money is that of its own, and of the same records half."""
    for number in range(10):
        keep(live_db, day(number, "monolith", 36.0, operator_touches=2), day(number, busy_s=3.6, held=50))
    month = monthly_effort(load_window(live_db, LIVE_DAYS), PRICES)
    a_day = 2 * 10 + 36 / 3600 * 36
    assert month.control.money == pytest.approx(a_day * MONTH_DAYS)
    assert month.same_records_money == pytest.approx(a_day / 2 * MONTH_DAYS)
    assert month.subject.money == pytest.approx(3.6 / 3600 * 36 * MONTH_DAYS)
    assert month.control.wait_p95_s == pytest.approx(9)
    unpriced = monthly_effort(load_window(live_db, LIVE_DAYS), None)
    assert (unpriced.control.money, unpriced.control.touch_hours, unpriced.same_records_money) == (None, None, None)
    assert unpriced.control.touches == pytest.approx(2 * MONTH_DAYS)


def test_a_failure_before_a_record_was_counted_is_a_failure_of_the_month(live_db):
    """Its file has no size, and the other side nothing of that kind: without it the tiles would count more."""
    failed = {"band": -1, "held": 0, "due": 0, "exchanges": 1, "first_failed": 1, "still_failed": 1, "attempts": 1}
    for number in range(10):
        keep(live_db, day(number, "monolith", 36.0), day(number, busy_s=3.6), day(number, busy_s=0.1, **failed))
    month = monthly_effort(load_window(live_db, LIVE_DAYS), None)
    assert month.subject.first_failed == month.subject.still_failed == pytest.approx(MONTH_DAYS)
    assert (month.subject.exchanges, month.control.first_failed) == (pytest.approx(3 * MONTH_DAYS), 0)


def test_a_side_whose_touches_were_not_recorded_is_not_valued(live_db):
    """An imported log tells nothing of touches: no zero stands in for them."""
    for number in range(10):
        keep(live_db, day(number, "monolith", 36.0, operator_touches=None, imported=2), day(number, busy_s=3.6))
    window = load_window(live_db, replace(LIVE_DAYS, prices=PRICES))
    assert monthly_effort(window, PRICES).control.touches is None
    assert monthly_effort(window, PRICES).control.money is None
    assert effort_saved(window).missing == "how often a person stepped in was not recorded of both sides"
