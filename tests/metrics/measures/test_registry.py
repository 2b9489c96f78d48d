"""Definitions of the measures: complete, read strictly, and each bound to its function."""

from __future__ import annotations

from datetime import date

import pytest

from metrics.measures.registry import COMPUTE, MEASURES, parse_measures
from metrics.measures.resilience import MIN_OUTAGES
from metrics.question import Question
from metrics.store.database import open_store

ONE_MEASURE = """
[measures.peak_memory]
title = "Peak memory"
direction = "at_most"
unit = "MB"
kind = "census"
best = 0.0
lowest = 0.0
definition = "The most memory."
formula = "max(bytes)"
range = "count"
exclusions = "Nothing."
minimum = "{min_outages} outages."

[ranges]
count = "None."
"""


@pytest.fixture
def measures_db(tmp_path):
    """An empty replay store."""
    db = open_store(tmp_path / "metrics.db", "replay")
    yield db
    db.close()


def test_the_measures_are_those_that_milestones_use():
    """The headline measure, the targets and guardrails, and what is shown beside them."""
    assert set(MEASURES) == {
        "busy_time_saved", "answers_equal", "lost_records", "partner_duplicates", "good_rows_delivered",
        "false_rejects", "recovered_unattended", "wasted_calls", "failed_first", "failed_final",
        "failed_first_avoided", "failed_final_avoided", "programme_time_saved", "delay_p50", "delay_p95",
        "peak_memory", "calls_per_1000_records", "operator_touches", "effort_saved",
        "parity_unexplained", "feeds_cut_over", "monolith_calls",
    }  # fmt: skip
    assert len(MEASURES) == len(COMPUTE)


@pytest.mark.parametrize("measure", MEASURES.values(), ids=lambda measure: measure.name)
def test_each_measure_is_defined_and_says_why_it_has_no_number(measure, measures_db):
    """All texts and limits are there; on an empty store the estimate is None, with a reason."""
    assert measure.direction in {"at_least", "at_most"}
    assert measure.kind in {"census", "sampled"}
    assert measure.definition.endswith(".")
    assert measure.exclusions.endswith(".")
    assert measure.formula
    assert measure.best == (1 if measure.direction == "at_least" else 0)
    assert measure.lowest <= measure.best
    question = Question(subject="service@1", start=date(2013, 1, 1), end=date(2013, 3, 31))
    reading = measure.read(measures_db, question)
    assert (reading.measure, reading.estimate, reading.blocks) == (measure.name, None, 0)
    assert reading.missing


def only_peak_memory(monkeypatch, text):
    """The measures of a text, where the code has the function of peak memory only."""
    monkeypatch.setattr("metrics.measures.registry.COMPUTE", {"peak_memory": COMPUTE["peak_memory"]})
    return parse_measures(text)


def test_numbers_of_the_code_are_filled_in(monkeypatch):
    """A placeholder becomes the number that the code uses, and the range is resolved to its text."""
    measure = only_peak_memory(monkeypatch, ONE_MEASURE)["peak_memory"]
    assert (measure.minimum, measure.range_text) == (f"{MIN_OUTAGES} outages.", "None.")


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ('unit = "MB"', "", TypeError),
        ('unit = "MB"', 'unit = "MB"\nunits = "MB"', TypeError),
        ("peak_memory]", "peak_memroy]", ValueError),
        ('range = "count"', 'range = "counts"', KeyError),
        ("{min_outages}", "{max_outages}", KeyError),
        ("[ranges]", '[measures.extra]\nrange = "count"\n[ranges]', KeyError),
    ],
)
def test_definitions_that_do_not_fit_the_code_are_refused(monkeypatch, old, new, error):
    """A missing or unknown key, measure, range or placeholder is an error, never ignored."""
    assert old in ONE_MEASURE
    with pytest.raises(error):
        only_peak_memory(monkeypatch, ONE_MEASURE.replace(old, new))
