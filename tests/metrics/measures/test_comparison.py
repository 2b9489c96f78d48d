"""The comparison of a subject with its control, from events in a store to readings."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from metrics.errors import BadInput
from metrics.measures import comparison
from metrics.measures.registry import MEASURES
from metrics.measures.weights import pin_baseline, pinned_since, pinned_weights
from metrics.measures.window import load_window
from tests.metrics.measures.replay_weeks import ASKED, answer, both, insert, week


def test_constant_pairs_have_a_range_with_a_width(compare_db):
    """Weeks of 10 s against 4 s save 60%, but not exactly 60%, and the reading says what was assumed."""
    for number in range(12):
        insert(compare_db, week(number, "monolith", 10), week(number, busy_s=4))
    reading = comparison.busy_time_saved(compare_db, replace(ASKED, min_blocks=12))
    assert reading.estimate == pytest.approx(0.6)
    assert reading.low < reading.ci_low < 0.599 < 0.601 < reading.ci_high < reading.high
    assert reading.note == "the weeks hardly vary, so the range assumes a noise of 1% in each week"


def test_time_saved_is_read_from_the_rollups(compare_db):
    """Four weeks at 40% of the cost are 60% saved, with their grade, series and coverage."""
    both(compare_db, 4)
    reading = comparison.busy_time_saved(compare_db, ASKED)
    assert reading.estimate == pytest.approx(0.6)
    assert reading.low <= 0.6 + 1e-9
    assert (reading.n, reading.n_of, reading.blocks, reading.coverage, reading.grade) == (8, "runs", 4, 1.0, "B")
    assert (reading.series, reading.missing) == ("s1", "")


def test_failed_attempts_cost_and_deliver_nothing(compare_db):
    """Half the records held in the same time is twice the cost."""
    for number in range(3):
        insert(compare_db, week(number, "monolith", 10), week(number, busy_s=10, held=50, outcome="failed"))
    assert comparison.busy_time_saved(compare_db, ASKED).estimate == pytest.approx(-1.0)


def test_time_blocked_on_a_time_out_is_not_busy(compare_db):
    """Two seconds of a hang are left out of the headline."""
    for number in range(3):
        insert(compare_db, week(number, "monolith", 10), week(number, busy_s=7, blocked_ns=2_000_000_000))
    assert comparison.busy_time_saved(compare_db, ASKED).estimate == pytest.approx(0.5)


def test_a_week_without_holdings_is_not_compared(compare_db):
    """Runs whose deliveries were never counted (a replay cut short) do not count as a block."""
    both(compare_db, 3)
    insert(compare_db, week(3, "monolith", 10), week(3, busy_s=1)[:1])
    reading = comparison.busy_time_saved(compare_db, ASKED)
    assert (reading.blocks, reading.estimate) == (3, pytest.approx(0.6))


def test_only_blocks_inside_the_period_count(compare_db):
    """A block that begins before the start or ends after the end is left out."""
    both(compare_db, 5)
    asked = replace(ASKED, end=date(2013, 2, 2), start=date(2013, 1, 8))
    assert comparison.busy_time_saved(compare_db, asked).blocks == 2


def test_a_cut_window_gives_the_reading_of_the_earlier_day(compare_db):
    """Number and hash are those of a window read for that day."""
    both(compare_db, 5)
    insert(compare_db, week(4, partner="DL"), [answer(1, 10, 9), answer(4, 10, 10)])
    pin_baseline(compare_db, ASKED, 1)
    day = date(2013, 1, 27)
    cut = load_window(compare_db, ASKED).until(day)
    asked = replace(ASKED, end=day)
    assert comparison.compute_busy_time_saved(cut) == comparison.busy_time_saved(compare_db, asked)
    assert comparison.compute_answers_equal(cut) == comparison.answers_equal(compare_db, asked)


def test_scope_picks_feeds(compare_db):
    """Globs over PARTNER/FEED choose what is compared."""
    both(compare_db, 3)
    for number in range(3):
        insert(compare_db, week(number, "monolith", 10, partner="DL"), week(number, busy_s=20, partner="DL"))
    assert comparison.busy_time_saved(compare_db, replace(ASKED, scope=("AA/*",))).estimate == pytest.approx(0.6)
    assert comparison.busy_time_saved(compare_db, replace(ASKED, scope=("DL/flights",))).estimate == pytest.approx(-1)
    assert comparison.busy_time_saved(compare_db, replace(ASKED, scope=("*/orders",))).estimate is None


def test_pinned_weights_stay(compare_db):
    """What the control does after pinning does not move the weights, and pinning again changes nothing."""
    insert(compare_db, week(0, "monolith", 30), week(0, "monolith", 10, partner="DL"))
    pin_baseline(compare_db, ASKED, 1)
    insert(compare_db, week(1, "monolith", 10, partner="DL"))
    pin_baseline(compare_db, ASKED, 2)
    pinned = pinned_weights(compare_db, replace(ASKED, series="s1"))
    assert pinned == {("AA", "flights", 3): 0.75, ("DL", "flights", 3): 0.25}
    assert [row["created_at_us"] for row in compare_db.table("baseline").rows] == [1]


def test_weights_are_in_force_from_the_day_of_their_pin(compare_db):
    """An earlier day uses the weights known then, in its own window and in a cut one alike."""
    insert(compare_db, week(0, "monolith", 30), week(1, "monolith", 10, partner="DL"), week(2, "monolith", 60))
    insert(compare_db, week(0, busy_s=3), week(1, busy_s=9, partner="DL"), week(2, busy_s=6))
    earlier, later = (replace(ASKED, series="s1", end=date(2013, 1, day)) for day in (20, 27))
    before = comparison.busy_time_saved(compare_db, earlier)
    pin_baseline(compare_db, later, 1)
    assert (pinned_weights(compare_db, earlier), pinned_weights(compare_db, later)) == (
        {},
        {("AA", "flights", 3): 0.9, ("DL", "flights", 3): 0.1},
    )
    assert (pinned_since(compare_db, earlier), pinned_since(compare_db, later)) == (None, "2013-01-27")
    window = load_window(compare_db, later)
    assert (
        comparison.busy_time_saved(compare_db, earlier)
        == comparison.compute_busy_time_saved(window.until(earlier.end))
        == before
    )
    assert window.sha256_until(earlier.end) == load_window(compare_db, earlier).sha256_until(earlier.end)


def test_a_series_is_pinned_once(compare_db):
    """A later call for an earlier day changes nothing, as days evaluated since would change."""
    insert(compare_db, week(0, "monolith", 30), week(1, "monolith", 10, partner="DL"))
    pin_baseline(compare_db, ASKED, 1)
    pin_baseline(compare_db, replace(ASKED, end=date(2013, 1, 13)), 2)
    assert [row["as_of"] for row in compare_db.table("baseline").rows] == [ASKED.end.isoformat()]


def test_weights_pinned_without_a_day_are_always_in_force(compare_db):
    """In a store of an older release, migrated or not, the pinned weights hold on every day."""
    insert(compare_db, week(0, "monolith", 30), week(1, "monolith", 10, partner="DL"))
    pin_baseline(compare_db, ASKED, 1)
    early = replace(ASKED, series="s1", end=date(2013, 1, 8))
    assert pinned_weights(compare_db, early) == {}
    compare_db.execute("UPDATE baseline SET as_of = NULL")
    carried_over = pinned_weights(compare_db, early)
    compare_db.execute("ALTER TABLE baseline DROP COLUMN as_of")
    assert (pinned_since(compare_db, early), pinned_weights(compare_db, early)) == ("", carried_over)
    assert carried_over == {("AA", "flights", 3): 0.75, ("DL", "flights", 3): 0.25}


def test_work_of_the_control_alone_lowers_coverage(compare_db):
    """A partner that the service has not served yet is missing from the share covered."""
    both(compare_db, 3)
    insert(compare_db, *(week(number, "monolith", 10 + number % 2, partner="DL") for number in range(3)))
    assert comparison.busy_time_saved(compare_db, ASKED).coverage == pytest.approx(0.5)


def test_rounds_do_not_make_blocks(compare_db):
    """A second round of the same weeks adds runs, not blocks."""
    both(compare_db, 3)
    for number in range(3):
        insert(compare_db, week(number, key={"round": 2}))
    reading = comparison.busy_time_saved(compare_db, ASKED)
    assert (reading.blocks, reading.n) == (3, 9)


def test_only_the_newest_series_is_read(compare_db):
    """An older series is read only if the question names it."""
    both(compare_db, 3)
    insert(compare_db, week(0, "monolith", 10, key={"series": "s2"}), week(0, busy_s=9, key={"series": "s2"}))
    assert comparison.busy_time_saved(compare_db, ASKED).estimate == pytest.approx(0.1)
    assert comparison.busy_time_saved(compare_db, replace(ASKED, series="s1")).estimate == pytest.approx(0.6)


def test_answers_are_a_census(compare_db):
    """One record in two hundred differs: an exact share without a range."""
    insert(compare_db, *([*week(n, "monolith"), *week(n), answer(n, 100, 100 - n)] for n in range(2)))
    reading = comparison.answers_equal(compare_db, replace(ASKED, min_blocks=2))
    assert (reading.estimate, reading.n, reading.n_of, reading.low, reading.missing) == (
        0.995,
        200,
        "records compared",
        None,
        "",
    )


def test_counts_are_sums_over_everything_due(compare_db):
    """Records lost and held twice are added up over weeks and rounds."""
    insert(compare_db, week(0, lost=2), week(1, twice=3), week(1, lost=1, key={"round": 2}))
    lost, twice = (
        MEASURES["lost_records"].read(compare_db, ASKED),
        MEASURES["partner_duplicates"].read(compare_db, ASKED),
    )
    assert (lost.estimate, twice.estimate, lost.n, lost.blocks) == (3, 3, 300, 2)


def test_uncounted_holdings_give_no_number_of_losses(compare_db):
    """Runs without a count of what the partner holds give no number of lost records."""
    insert(compare_db, week(0)[:1])
    assert MEASURES["lost_records"].read(compare_db, ASKED).estimate is None


def test_failures_are_a_share_of_exchanges(compare_db):
    """One of four exchanges failed at first, inside its range; the control can be asked as a subject."""
    insert(compare_db, week(0, outcome="failed"), week(1), week(2), week(3), *(week(n, "monolith") for n in range(4)))
    reading = comparison.failed_first(compare_db, ASKED)
    assert (reading.estimate, reading.n) == (0.25, 4)
    assert reading.low < reading.ci_low < 0.25 < reading.ci_high < reading.high
    assert comparison.failed_first(compare_db, replace(ASKED, subject="monolith")).estimate == 0
    assert MEASURES["failed_first_avoided"].read(compare_db, ASKED).estimate == -0.25


def test_block_series_leaves_gaps_as_gaps(compare_db):
    """A week that one side lacks is None for that side."""
    insert(compare_db, week(0, "monolith", 10), week(0, busy_s=4), week(1, "monolith", 10))
    first, second = comparison.block_series(compare_db, ASKED)
    assert (first["block"], first["control_busy_s"], first["subject_busy_s"], first["subject_held"]) == (
        "2013-01-07",
        10.0,
        4.0,
        100,
    )
    assert (second["subject_busy_s"], second["subject_held"], second["subject_exchanges"]) == (None, None, None)


def test_unknown_subject_names_the_choices(compare_db):
    """The name of a subject that does not exist is an error that names the choices."""
    with pytest.raises(BadInput, match="unknown subject 'servce@1'; choose `monolith` or `service@1`"):
        comparison.busy_time_saved(compare_db, replace(ASKED, subject="servce@1"))
