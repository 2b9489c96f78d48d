"""Windows of production: paired and unpaired sides, grades, hashes, and cuts at any day."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from metrics.measures.registry import MEASURES
from metrics.measures.window import load_window
from metrics.question import block_days, block_word
from tests.metrics.measures.live_days import ASKED, FIRST, SAVED, both, day, keep


def test_a_block_is_a_replayed_week_or_a_day_of_production():
    """A block has seven days or one, and the word for it says so."""
    assert (block_days("replay"), block_days("live")) == (7, 1)
    assert (block_word("replay"), block_word("live")) == ("week", "day")


def test_selected_strata_read_like_their_own_scope(live_db):
    """The strata of one partner give the number of a question about this partner, without the hash of all strata."""
    keep(live_db, *both(range(6)), *both(range(6), partner="DL", held=50))
    window = load_window(live_db, ASKED)
    rows = [row for row, (partner, _, _) in enumerate(window.strata) if partner == "DL"]
    reading = SAVED(window.select(rows))
    asked = SAVED(load_window(live_db, replace(ASKED, scope=("DL/*",))))
    assert (reading.estimate, reading.low, reading.n) == pytest.approx((asked.estimate, asked.low, asked.n))
    assert (reading.inputs_sha256, window.select(rows).strata) == ("", (("DL", "flights", 3),))


def test_a_window_without_hashes_gives_the_same_numbers(live_db):
    """Switching hashing off changes nothing else, also after a cut."""
    keep(live_db, *both(range(6)))
    window = load_window(live_db, ASKED)
    day = FIRST + timedelta(days=4)
    reading = SAVED(replace(window, hashed=False).until(day))
    assert reading == replace(SAVED(window.until(day)), inputs_sha256="")


def test_the_same_files_on_the_same_days_have_grade_a(live_db):
    """A production shadow is paired and of grade A."""
    keep(live_db, *both(range(6)))
    reading = SAVED(load_window(live_db, ASKED))
    assert (reading.grade, reading.paired, reading.blocks, reading.scale) == ("A", True, 6, "log_ratio")
    assert reading.low < reading.estimate < reading.high
    assert reading.estimate == pytest.approx(1 - 24.6 / 66)
    assert (reading.n, reading.missing, reading.faults_sha256) == (24, "", None)


@pytest.mark.parametrize(
    ("changes", "grade"),
    [
        ({"inputs_sha256": "other files"}, "C"),
        ({"inputs_sha256": None}, "C"),
        ({"imported": 1}, "D"),
        ({"imported": 1, "inputs_sha256": None}, "D"),
    ],
)
def test_the_worst_cell_decides_the_grade(live_db, changes, grade):
    """Different or unknown files on one day give C; an imported log on one day gives D."""
    keep(live_db, *both(range(5)), day(5, "monolith", 10, **changes), day(5))
    assert SAVED(load_window(live_db, ASKED)).grade == grade


def test_a_cell_that_is_not_compared_does_not_lower_the_grade(live_db):
    """An imported log of a feed that the service does not serve yet changes the coverage, not the grade."""
    keep(live_db, *both(range(5)), day(1, "monolith", 10, partner="DL", imported=1))
    reading = SAVED(load_window(live_db, ASKED))
    assert reading.grade == "A"
    assert reading.coverage == pytest.approx(54 / 64)


def test_history_is_used_where_no_day_is_shared(live_db):
    """The monolith's days before the start are compared as a series of their own: unpaired, grade D."""
    keep(live_db, *(day(n, "monolith", 10 + n % 3) for n in range(-7, 0)), *(day(n) for n in range(5)))
    reading = SAVED(load_window(live_db, ASKED))
    assert (reading.paired, reading.grade, reading.blocks, reading.n, reading.missing) == (False, "D", 5, 24, "")
    assert reading.estimate == pytest.approx(1 - 4 / (78 / 7))
    assert reading.low < reading.estimate < reading.high
    assert reading.spread > 0  # the service's days are all alike; the noise is the monolith's


def test_the_noise_of_both_sides_adds_up(live_db):
    """An unpaired range is wider when the service's days differ too, and ends where its own formula says."""
    past = [day(n, "monolith", 10 + n % 3) for n in range(-7, 0)]
    keep(live_db, *past, *(day(n) for n in range(5)))
    steady = SAVED(load_window(live_db, ASKED))
    live_db.execute("UPDATE run_block SET busy_ns = busy_ns + 500000000 WHERE block LIKE '%5' AND level = 1")
    shaky = SAVED(load_window(live_db, ASKED))
    assert shaky.high - shaky.low > steady.high - steady.low


def test_enough_history_replaces_few_shared_days(live_db):
    """Two shared days of four give no range; with a history of four days the sides are compared unpaired."""
    keep(live_db, *both(range(2)), day(2), day(3))
    early = SAVED(load_window(live_db, ASKED))
    assert (early.paired, early.blocks, early.grade, early.low) == (True, 2, "A", None)
    assert early.missing == "2 of 4 days; enough around 8 Mar 2014 at this rate"
    keep(live_db, day(-3, "monolith"), day(-2, "monolith"))
    late = SAVED(load_window(live_db, ASKED))
    assert (late.paired, late.blocks, late.grade, late.missing) == (False, 4, "D", "")


def test_enough_shared_days_need_no_history(live_db):
    """With enough days in common the history no longer counts."""
    keep(live_db, *both(range(4)))
    alone = SAVED(load_window(live_db, ASKED))
    keep(live_db, *(day(n, "monolith", 99) for n in range(-9, 0)))
    reading = SAVED(load_window(live_db, ASKED))
    assert (reading.paired, reading.grade, reading.estimate) == (True, "A", alone.estimate)
    assert reading.inputs_sha256 != alone.inputs_sha256  # unpinned weights include the history


def test_unknown_records_are_not_compared(live_db):
    """A day whose records were not counted adds its time to neither side."""
    keep(live_db, *both(range(4)), day(4, "monolith", 10), day(4, busy_s=400, held=None, due=None))
    reading = SAVED(load_window(live_db, ASKED))
    assert (reading.blocks, reading.estimate > 0.5) == (4, True)


def test_a_reading_has_the_hash_of_its_faults(live_db):
    """The hash of the fault rates comes with every number; an empty one is None."""
    keep(live_db, *both(range(4)))
    assert SAVED(load_window(live_db, ASKED)).faults_sha256 is None
    live_db.table("series").insert({"mode": "live", "faults": "real", "series": "", "faults_sha256": ""})
    assert SAVED(load_window(live_db, ASKED)).faults_sha256 is None
    live_db.execute("UPDATE series SET faults_sha256 = 'f00d'")
    assert SAVED(load_window(live_db, ASKED)).faults_sha256 == "f00d"


def test_a_store_of_an_older_release_can_be_read(live_db):
    """Without newer columns and tables the numbers are the same, with grade C at best."""
    keep(live_db, *both(range(6)))
    now = SAVED(load_window(live_db, ASKED))
    for column in ("imported", "inputs_sha256"):
        live_db.execute(f"ALTER TABLE run_block DROP COLUMN {column}")
    live_db.execute("DROP TABLE series")
    then = SAVED(load_window(live_db, ASKED))
    assert (then.grade, then.estimate, then.low, then.high) == ("C", now.estimate, now.low, now.high)


cells = st.lists(
    st.tuples(
        st.integers(-8, 12),
        st.sampled_from(["monolith", "service"]),
        st.sampled_from(["AA", "B6", "DL"]),
        st.integers(0, 2),
        st.integers(1, 10**10),
        st.sampled_from([None, 0, 1, 50, 100]),
        st.integers(0, 1),
    ),
    max_size=60,
    unique_by=lambda row: row[:4],
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(rows=cells, back=st.integers(-2, 13))
def test_a_cut_gives_every_reading_of_that_day(live_db, rows, back):
    """Every measure gives the number and the hash that it gave on the day, before later data came."""
    then = FIRST + timedelta(days=back)
    live_db.execute("DELETE FROM run_block")
    rolled = [
        day(number, side, busy / 1e9, partner=partner, band=band, held=held, due=held, imported=imported)
        for number, side, partner, band, busy, held, imported in rows
    ]
    keep(live_db, *(row for row in rolled if row["block_end"] <= then.isoformat()))
    asked = [measure.compute(load_window(live_db, replace(ASKED, end=then))) for measure in MEASURES.values()]
    keep(live_db, *(row for row in rolled if row["block_end"] > then.isoformat()))
    whole = load_window(live_db, ASKED)
    later = [measure.compute(whole) for measure in MEASURES.values()]
    assert [measure.compute(whole.until(then)) for measure in MEASURES.values()] == asked
    if any(row["block"] > then.isoformat() >= FIRST.isoformat() for row in rolled):
        assert later[0].inputs_sha256 != asked[0].inputs_sha256


@pytest.mark.parametrize(
    "change",
    [
        "busy_ns = busy_ns + 1",
        "held = held - 1",
        "attempts = attempts + 1",
        "imported = 1",
        "inputs_sha256 = 'x'",
        "band = 4",
    ],
)
@pytest.mark.parametrize("number", [-3, 2])
def test_the_hash_covers_all_inputs_of_the_number(live_db, change, number):
    """A change of any cell, also of the history, changes the hash."""
    keep(live_db, *(day(n, "monolith") for n in range(-5, 3)), *(day(n) for n in range(5)))
    before = SAVED(load_window(live_db, ASKED)).inputs_sha256
    if change.startswith("inputs_sha256") and number < 0:
        return  # only files that both sides received on one day are compared
    when = (FIRST + timedelta(days=number)).isoformat()
    live_db.execute(f"UPDATE run_block SET {change} WHERE block = ? AND system = 'monolith'", [when])
    assert SAVED(load_window(live_db, ASKED)).inputs_sha256 != before


def test_a_service_without_deliveries_has_no_cost_per_record(live_db):
    """There is no number, however little time it took."""
    keep(live_db, *(day(n, "monolith", 10) for n in range(6)), *(day(n, held=0) for n in range(6)))
    reading = SAVED(load_window(live_db, ASKED))
    assert (reading.estimate, reading.low) == (None, None)
    assert reading.missing == "service@1 delivered none of the 600 records due, so a record of it has no cost"
