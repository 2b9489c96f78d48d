"""The cost index: its weights, its coverage, and what it does not compare."""

from __future__ import annotations

import math

import numpy as np
import pytest

from metrics.stats.cost_index import PairedTotals, cost_index, pair_cells


def make_sides(subject_busy_s, subject_held, control_busy_s, control_held):
    """Return both sides from nested lists: strata x blocks."""
    return PairedTotals(
        subject_busy_s=np.array(subject_busy_s, dtype=float),
        subject_held=np.array(subject_held, dtype=float),
        control_busy_s=np.array(control_busy_s, dtype=float),
        control_held=np.array(control_held, dtype=float),
    )


def paired_index(sides, weights):
    """Return the index of the cells that both sides have."""
    return cost_index(*pair_cells(sides), weights)


def test_mean_of_the_blocks_is_the_log_of_the_index():
    """The linearised blocks average to the log of the index itself."""
    rng = np.random.default_rng(2)
    sides = make_sides(*(rng.uniform(1, 9, (5, 14)) for _ in range(4)))
    index = paired_index(sides, np.array([0.1, 0.2, 0.3, 0.3, 0.1]))
    assert index.z.mean() == pytest.approx(math.log(index.index), abs=1e-12)


def test_index_weighs_strata_by_the_pinned_weights():
    """Half the cost in three quarters of the work, the same in the rest: 37.5% saved."""
    sides = make_sides([[5, 5], [3, 3]], [[10, 10], [3, 3]], [[10, 10], [3, 3]], [[10, 10], [3, 3]])
    index = paired_index(sides, np.array([0.75, 0.25]))
    assert index.index == pytest.approx(0.625)
    assert index.coverage == 1


def test_a_stratum_of_one_side_lowers_coverage_and_nothing_else():
    """Work that only the control has done is not compared, and lowers the coverage."""
    nan = float("nan")
    sides = make_sides([[5, 5], [nan, nan]], [[10, 10], [nan, nan]], [[10, 10], [3, 3]], [[10, 10], [3, 3]])
    index = paired_index(sides, np.array([0.6, 0.4]))
    assert index.index == pytest.approx(0.5)
    assert index.coverage == pytest.approx(0.6)


def test_a_cell_of_one_side_is_left_out_on_both():
    """A week that the subject missed in one stratum does not add to the control's cost."""
    nan = float("nan")
    sides = make_sides([[5, nan]], [[10, nan]], [[10, 90]], [[10, 10]])
    assert paired_index(sides, np.array([1.0])).index == pytest.approx(0.5)


def test_a_stratum_without_deliveries_does_not_flatter():
    """A stratum whose records did not arrive costs as if one record had arrived, and is not left out."""
    sides = make_sides([[5, 5], [3, 3]], [[10, 10], [0, 0]], [[10, 10], [3, 3]], [[10, 10], [3, 3]])
    index = paired_index(sides, np.array([0.75, 0.25]))
    assert index.index == pytest.approx(0.75 * 0.5 + 0.25 * 6)
    assert index.z.mean() == pytest.approx(math.log(index.index))


def test_sides_without_a_common_stratum_have_no_index():
    """The index is then None."""
    nan = float("nan")
    assert paired_index(make_sides([[1.0]], [[1.0]], [[nan]], [[nan]]), np.array([1.0])) is None


def test_a_shift_of_the_mix_does_not_turn_a_loss_into_a_gain():
    """Every feed is 10% slower; the plain mean of costs says far better, the index says 10% worse."""
    control_held = np.array([[10.0] * 12, [1000.0] * 12])
    subject_held = np.array([[1000.0] * 12, [10.0] * 12])
    rates = np.array([[1.0], [10.0]])
    sides = make_sides(subject_held * rates * 1.1, subject_held, control_held * rates, control_held)
    naive = 1 - (sides.subject_busy_s.sum() / subject_held.sum()) / (sides.control_busy_s.sum() / control_held.sum())
    assert naive > 0.8
    weights = sides.control_busy_s.sum(axis=1) / sides.control_busy_s.sum()
    assert 1 - paired_index(sides, weights).index == pytest.approx(-0.10)
