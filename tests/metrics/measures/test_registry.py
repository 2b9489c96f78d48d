"""The named measures: known, defined, and honest about what nothing records."""

from __future__ import annotations

from datetime import date

import pytest

from metrics.measures.registry import ALL, MEASURES
from metrics.question import Question
from metrics.store.database import open_store


@pytest.fixture
def measures_db(tmp_path):
    """An empty replay store."""
    db = open_store(tmp_path / "metrics.db", "replay")
    yield db
    db.close()


def test_every_measure_of_the_plan_is_known():
    """All names that evidence.md uses: headline, targets, and what stands beside them."""
    assert set(MEASURES) == {
        "busy_time_saved", "answers_equal", "lost_records", "partner_duplicates", "good_rows_delivered",
        "false_rejects", "recovered_unattended", "wasted_calls", "failed_first", "failed_final",
        "failed_first_avoided", "failed_final_avoided", "programme_time_saved", "delay_p50", "delay_p95",
        "peak_memory", "calls_per_1000_records", "operator_touches",
    }  # fmt: skip


@pytest.mark.parametrize("measure", ALL, ids=lambda measure: measure.name)
def test_every_measure_is_defined_and_says_when_it_has_no_number(measure, measures_db):
    """Direction, kind, words and formula are there; on an empty store it is None, with a reason."""
    assert measure.direction in {"at_least", "at_most"}
    assert measure.kind in {"census", "sampled"}
    assert measure.definition.endswith(".")
    assert measure.formula
    assert measure.best == (1 if measure.direction == "at_least" else 0)
    assert measure.lowest <= measure.best
    asked = Question(subject="service@1", start=date(2013, 1, 1), end=date(2013, 3, 31))
    found = measure.read(measures_db, asked)
    assert (found.measure, found.estimate, found.blocks) == (measure.name, None, 0)
    assert found.missing
