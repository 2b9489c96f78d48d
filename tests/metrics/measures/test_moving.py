"""Measures of feeds that move: what is unexplained, which feeds are cut over, and whether the monolith still runs."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from metrics.collector.spool_parser import parse_line
from metrics.events import to_line
from metrics.measures.movement import Movement
from metrics.measures.registry import MEASURES
from metrics.measures.window import load_window
from metrics.route_events import ParityEvent, RouteEvent
from metrics.store.writer import insert_events
from tests.metrics.measures.live_days import ASKED, FIRST, both, day, keep


def compared(number, sha256, unexplained=0, judged_at_us=1, **changes):
    """Return the comparison of a file of 100 records on a day."""
    when = (FIRST + timedelta(days=number)).isoformat()
    values = {
        "mode": "live", "faults": "real", "series": "", "partner": "AA", "feed": "flights", "file": f"{sha256}.csv",
        "input_sha256": sha256, "block": when, "block_end": when, "stage": "shadow", "compared_at_us": 1,
        "judged_at_us": judged_at_us, "compared": 100, "equal": 100 - unexplained, "differences": unexplained,
        "unexplained": unexplained, "causes": {"value": unexplained} if unexplained else {},
    } | changes  # fmt: skip
    return ParityEvent(**values)


def moved(number, stage, feed="flights", **changes):
    """Return the change of a feed's stage on a day."""
    when = (FIRST + timedelta(days=number)).isoformat()
    return RouteEvent(
        mode="live", faults="real", series="", partner="AA", feed=feed, block=when, block_end=when,
        changed_at_us=number * 10**6, stage=stage, previous="", **changes,
    )  # fmt: skip


def insert(db, *events):
    """Insert events as they come from the spool."""
    return insert_events(db, [parse_line(to_line(event)) for event in events])


def reading(db, name, **changes):
    """Return the reading of a measure."""
    return MEASURES[name].read(db, replace(ASKED, **changes))


def test_unexplained_differences_are_those_of_the_newest_judgement_of_each_file(live_db):
    """A file that was judged again counts once, whatever the order in which its events come."""
    first, again = compared(0, "a", 3), compared(0, "a", 1, judged_at_us=2)
    assert insert(live_db, again, first, again, compared(1, "b"), compared(2, "c"), compared(3, "d")) == 4
    result = reading(live_db, "parity_unexplained")
    assert (result.estimate, result.n, result.blocks, result.grade, result.missing) == (1, 400, 4, "A", "")
    assert live_db.execute("SELECT causes FROM parity WHERE input_sha256 = 'a'").fetchone()[0] == '{"value":1}'


def test_parity_counts_the_feeds_and_days_of_its_question(live_db):
    """Files of other feeds and of later days are not counted."""
    insert(live_db, *(compared(n, str(n), 1, feed=feed) for n in range(6) for feed in ("flights", "orders")))
    result = reading(live_db, "parity_unexplained", scope=("*/flights",), end=FIRST + timedelta(days=3))
    assert (result.estimate, result.n) == (4, 400)
    assert "was compared by parity" in reading(live_db, "parity_unexplained", scope=("UA/*",)).missing


def test_answers_of_production_are_those_of_compared_files(live_db):
    """Equal records over all that were compared, of the same files on both sides: grade A."""
    keep(live_db, *both(range(6)))
    assert reading(live_db, "answers_equal").estimate is None
    insert(live_db, *(compared(n, str(n), n) for n in range(4)))
    result = reading(live_db, "answers_equal")
    assert (result.estimate, result.n, result.grade) == (pytest.approx(394 / 400), 400, "A")


def test_feeds_are_cut_over_while_the_service_alone_sends_them(live_db):
    """The share is that of the end of the period; a feed that goes back counts no longer."""
    keep(live_db, *both(range(6)), *both(range(6), feed="orders"))
    assert "no feed has a route yet" in reading(live_db, "feeds_cut_over").missing
    insert(live_db, moved(0, "shadow"), moved(1, "service"), moved(4, "monolith"), moved(5, "retired"))
    shares = [reading(live_db, "feeds_cut_over", end=FIRST + timedelta(days=n)).estimate for n in (0, 3, 4, 5)]
    assert shares == [0, 0.5, 0, 0.5]
    result = reading(live_db, "feeds_cut_over")
    assert (result.n, result.blocks, result.grade) == (2, 6, "A")
    window = load_window(live_db, ASKED)
    cut = MEASURES["feeds_cut_over"].compute(window.until(FIRST + timedelta(days=3)))
    assert cut == reading(live_db, "feeds_cut_over", end=FIRST + timedelta(days=3))


def test_the_monolith_may_not_run_after_the_day_of_the_cut_over(live_db):
    """Runs on feeds that are not cut over, and up to the day of the change, are no calls after the move."""
    keep(live_db, *both(range(3)), *both(range(6), feed="orders"), *(day(n) for n in range(3, 6)))
    assert "no feed is at stage `service` yet" in reading(live_db, "monolith_calls").missing
    insert(live_db, moved(2, "service"))
    assert (reading(live_db, "monolith_calls").estimate, reading(live_db, "monolith_calls").n) == (0, 18)
    keep(live_db, day(5, "monolith", 10))
    assert reading(live_db, "monolith_calls").estimate == 2


def test_a_move_is_a_part_of_the_inputs_of_a_number(live_db):
    """The hash of a reading changes with a comparison, and is the old one where no feed moves."""
    keep(live_db, *both(range(6)))
    before = reading(live_db, "operator_touches").inputs_sha256
    assert Movement().inputs() == ()
    insert(live_db, compared(0, "a", 1))
    assert reading(live_db, "operator_touches").inputs_sha256 != before


def test_a_change_of_stage_counts_once(live_db):
    """The same event may be collected again."""
    assert insert(live_db, moved(0, "shadow", forced=1), moved(0, "shadow", forced=1), moved(1, "canary")) == 2


@pytest.mark.parametrize("changes", [{"block": "2014-02-30"}, {"unexplained": -1}, {"causes": {"value": "1"}}])
def test_a_comparison_that_is_none_is_refused(changes):
    """The parser of the spool is strict."""
    with pytest.raises(ValueError, match="not an event"):
        parse_line(to_line(replace(compared(0, "a"), **changes)))
