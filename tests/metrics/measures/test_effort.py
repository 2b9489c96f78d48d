"""Calls, memory, touches, delays and the difference of failures, from rollups to readings."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date, timedelta

import pytest

from metrics.measures.effort import NO_MEMORY, NOTHING_HELD
from metrics.measures.registry import MEASURES
from metrics.measures.window import load_window
from metrics.question import Question
from metrics.stats.proportions import newcombe
from metrics.stats.quantiles import t_quantile
from metrics.store.database import open_store

ASKED = Question(
    subject="service@1", start=date(2013, 1, 7), end=date(2013, 12, 29), series="s", min_blocks=4, bound="fixed"
)


@pytest.fixture
def replay_db(tmp_path):
    """An empty replay store."""
    db = open_store(tmp_path / "metrics.db", "replay")
    yield db
    db.close()


def week(number, side="service", partner="AA", **changes):
    """The rollup of one side's week (from 0): ten exchanges, 1,000 records."""
    first = date(2013, 1, 7) + timedelta(weeks=number)
    return {
        "block": first.isoformat(), "block_end": (first + timedelta(days=6)).isoformat(), "system": side,
        "level": int(side == "service"), "mode": "replay", "faults": "standard", "series": "s", "partner": partner,
        "feed": "flights", "band": 3, "rounds": 1, "attempts": 12, "exchanges": 10, "busy_ns": 4 * 10**9,
        "operator_touches": 0, "calls": 20, "first_failed": 0, "still_failed": 0, "due": 1000, "held": 1000,
        "peak_rss_bytes": 90_000_000, "delay_p50_us": 2_000_000, "delay_p95_us": 9_000_000,
    } | changes  # fmt: skip


def ask(db, name, *rows, **changes):
    """Insert rollups and compute a measure."""
    db.table("run_block").insert_all(rows)
    return MEASURES[name].compute(load_window(db, replace(ASKED, **changes)))


def test_calls_are_a_ratio_of_sums(replay_db):
    """100 calls for 4,000 records are 25 a thousand, not the mean of the weekly ratios."""
    calls, held = (10, 30, 20, 40), (500, 1500, 500, 1500)
    rows = [week(n, calls=c, held=h) for n, (c, h) in enumerate(zip(calls, held, strict=True))]
    reading = ask(replay_db, "calls_per_1000_records", *rows)
    assert (reading.estimate, reading.n, reading.n_of, reading.blocks) == (pytest.approx(25), 4000, "records held", 4)
    assert reading.low < reading.ci_high
    assert 0 <= reading.low < 25 < reading.high
    assert (reading.scale, reading.grade) == ("plain", "B")
    assert reading.spread == pytest.approx((reading.high - 25) / t_quantile(0.95, 3) * 2)


def test_constant_calls_have_a_range_with_a_width(replay_db):
    """Weeks that are all alike do not prove that the next is."""
    reading = ask(replay_db, "calls_per_1000_records", *(week(n) for n in range(4)))
    assert reading.low < reading.estimate == 20 < reading.high
    assert reading.note == "the weeks hardly vary, so the range assumes a noise of 1% in each week"


def test_calls_without_a_record_have_no_ratio(replay_db):
    """Without a delivered record there is no number, and the reason says so."""
    reading = ask(replay_db, "calls_per_1000_records", *(week(n, held=0) for n in range(4)))
    assert (reading.estimate, reading.missing) == (None, NOTHING_HELD)


def test_no_touch_still_has_a_range(replay_db):
    """Forty exchanges without a touch leave 25 a thousand as one standard error; more rounds do not narrow it."""
    once = ask(replay_db, "operator_touches", *(week(n) for n in range(4)))
    assert (once.estimate, once.low, once.n) == (0, 0, 40)
    assert once.high == pytest.approx(25 * t_quantile(0.95, 3))
    replay_db.execute("UPDATE run_block SET rounds = 2, exchanges = 20")
    twice = ask(replay_db, "operator_touches")
    assert twice.high == pytest.approx(25 * t_quantile(0.95, 3) / math.sqrt(2))


def test_touches_are_per_thousand_exchanges(replay_db):
    """Three touches in forty exchanges are 75 in a thousand."""
    reading = ask(replay_db, "operator_touches", *(week(n, operator_touches=int(n < 3)) for n in range(4)))
    assert reading.estimate == pytest.approx(75)


def test_delays_are_means_of_percentiles(replay_db):
    """Cells weigh by their exchanges inside a week, and weeks weigh alike."""
    rows = [week(0, delay_p50_us=1_000_000), week(0, partner="DL", exchanges=30, delay_p50_us=5_000_000)]
    rows += [week(n, delay_p50_us=2_000_000) for n in (1, 2, 3)]
    reading = ask(replay_db, "delay_p50", *rows)
    assert (reading.estimate, reading.blocks, reading.n) == ((4 + 2 + 2 + 2) / 4, 4, 70)
    assert reading.low < 2.5 < reading.high
    assert ask(replay_db, "delay_p95").estimate == pytest.approx(9)


@pytest.mark.parametrize(("never", "p50", "p95"), [(2, 2.0, 9.0), (3, 2.0, None), (20, 2.0, None), (21, None, None)])
def test_exchanges_never_completed_can_leave_no_delay(replay_db, never, p50, p95):
    """Of forty exchanges, three not completed leave no 95th percentile, and 21 no median."""
    rows = [week(n, still_failed=never // 4 + (never % 4 > n)) for n in range(4)]
    assert ask(replay_db, "delay_p50", *rows).estimate == p50
    late = ask(replay_db, "delay_p95")
    assert late.estimate == p95
    assert ("never completed" in late.missing) == (p95 is None)


def test_memory_is_the_most_that_any_run_used(replay_db):
    """The highest of all weeks, in MB, as a census; without recorded memory there is no number."""
    rows = [week(n, peak_rss_bytes=(90_000_000, None, 120_500_000, 80_000_000)[n]) for n in range(4)]
    reading = ask(replay_db, "peak_memory", *rows)
    assert (reading.estimate, reading.n, reading.blocks, reading.low) == (120.5, 36, 3, None)
    assert reading.missing.startswith("3 of 4 weeks")
    replay_db.execute("UPDATE run_block SET peak_rss_bytes = NULL")
    assert ask(replay_db, "peak_memory").missing == NO_MEMORY


@pytest.mark.parametrize(
    ("name", "column"), [("failed_first_avoided", "first_failed"), ("failed_final_avoided", "still_failed")]
)
def test_fewer_failures_are_a_difference_of_shares(replay_db, name, column):
    """Eight of forty with the monolith and two with the service are 15 in a hundred fewer, by Newcombe."""
    rows = [week(n, "monolith", **{column: 2}) for n in range(4)] + [week(n, **{column: n % 2}) for n in range(4)]
    reading = ask(replay_db, name, *rows)
    assert (reading.measure, reading.estimate, reading.n, reading.blocks) == (name, pytest.approx(0.15), 80, 4)
    assert (reading.ci_low, reading.ci_high) == pytest.approx(newcombe((8, 40, 1), (2, 40, 1)))
    assert reading.scale == "plain"


def test_only_what_both_exchanged_is_compared(replay_db):
    """Failures of a partner that the service does not serve yet are not counted in its favour."""
    rows = [week(n, side, first_failed=1) for n in range(4) for side in ("monolith", "service")]
    rows += [week(n, "monolith", partner="DL", first_failed=9) for n in range(4)]
    reading = ask(replay_db, "failed_first_avoided", *rows)
    assert (reading.estimate, reading.n) == (0, 80)


def test_failures_are_compared_with_history_in_production(replay_db):
    """The control's history is used, of the partners that both serve, with grade D."""
    live = {"mode": "live", "faults": "real", "series": ""}
    rows = [week(n, "monolith", first_failed=3, **live) for n in range(-5, 0)]
    rows += [week(n, "monolith", partner="DL", first_failed=9, **live) for n in range(-5, 0)]
    rows += [week(n, first_failed=1, **live) for n in range(4)]
    reading = ask(replay_db, "failed_first_avoided", *rows, **live)
    assert (reading.estimate, reading.n, reading.blocks) == (pytest.approx(0.2), 90, 4)
    assert (reading.grade, reading.paired) == ("D", False)


def test_the_programme_gain_counts_unmigrated_work_as_zero(replay_db):
    """Half the work at half the cost is a quarter saved of all of it; the range shrinks with it."""
    rows = [week(n, "monolith", partner=partner, busy_ns=10**10) for n in range(4) for partner in ("AA", "DL")]
    rows += [week(n, busy_ns=5 * 10**9 + (n % 2) * 10**8) for n in range(4)]
    alone = ask(replay_db, "busy_time_saved", *rows)
    reading = ask(replay_db, "programme_time_saved")
    assert (alone.coverage, reading.coverage, reading.blocks) == (0.5, None, 4)
    for name in ("estimate", "low", "high", "ci_low", "ci_high"):
        assert getattr(reading, name) == pytest.approx(getattr(alone, name) / 2)
    assert alone.beside == {"geometric": pytest.approx(alone.estimate), "programme": pytest.approx(reading.estimate)}
    assert reading.beside == {"migrated": 0.5, "gain": alone.estimate}
    assert reading.spread == pytest.approx(alone.spread * (1 - alone.estimate) / 2)


def test_a_rate_has_its_design_effect(replay_db):
    """The reading has the effect by which the range was divided, and the scale of the range."""
    rows = [week(n, first_failed=8 * (n == 2)) for n in range(4)]
    reading = ask(replay_db, "failed_first", *rows)
    assert reading.scale == "wilson"
    assert reading.effect > 5
