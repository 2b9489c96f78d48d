"""Plans, forecasts and criteria, read back as they were recorded."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from dashboard.queries.plan_history import CriteriaCount, RecordedForecast, criteria_counts, recorded_forecasts
from metrics.store.database import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlite_utils import Database


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    """A store with two milestones judged on two days, and one of them, dropped from the plan, on the first only."""
    db = open_store(tmp_path / "metrics.db", "replay")
    judged = (
        (1, "M1", "2013-01-06", ("insufficient", "insufficient")),
        (2, "M2", "2013-01-06", ("insufficient",)),
        (3, "M1", "2013-01-13", ("insufficient", "insufficient")),
        (4, "M1", "2013-01-13", ("met", "held")),
    )
    results = [
        {"evaluation_id": number, "code": code, "name": f"measure {place}", "verdict": verdict}
        for number, code, _, verdicts in judged
        for place, verdict in enumerate(verdicts)
    ]
    forecasts = (
        ("2013-01-06", "busy_time_saved", "2013-03-03"), ("2013-01-06", "failed_first", "2013-02-03"),
        ("2013-01-13", "busy_time_saved", "2013-03-10"), ("2013-01-13", "failed_first", None),
    )  # fmt: skip
    with db.conn:
        db.table("evaluation").insert_all({"id": n, "code": code, "as_of": as_of} for n, code, as_of, _ in judged)
        db.table("metric_result").insert_all(results)
        db.table("forecast").insert_all(
            {"code": "M1", "name": name, "as_of": as_of, "due": "2013-03-31", "expected_on": on}
            for as_of, name, on in forecasts
        )
    yield db
    db.close()


def test_a_milestone_is_expected_on_the_day_of_its_latest_target(db: Database) -> None:
    """The latest day counts; a target that is not expected at all leaves no day. Either is named."""
    due = date(2013, 3, 31)
    assert recorded_forecasts(db, "M1", date(2013, 12, 31)) == (
        RecordedForecast(
            code="M1",
            as_of=date(2013, 1, 6),
            due=due,
            expected_on=date(2013, 3, 3),
            latest_targets=("busy_time_saved",),
        ),
        RecordedForecast(
            code="M1", as_of=date(2013, 1, 13), due=due, expected_on=None, latest_targets=("failed_first",)
        ),
    )


def test_criteria_are_counted_by_the_last_evaluation_of_a_day(db: Database) -> None:
    """Judged twice on a day counts once, as it was judged last; what left the plan leaves the scope."""
    assert criteria_counts(db, date(2013, 12, 31)) == (
        CriteriaCount(as_of=date(2013, 1, 6), met=0, scope=3),
        CriteriaCount(as_of=date(2013, 1, 13), met=2, scope=2),
    )


def test_only_what_was_recorded_by_the_day_counts(db: Database) -> None:
    """As of an earlier day only what was recorded by then is known."""
    assert [one.as_of for one in recorded_forecasts(db, "M1", date(2013, 1, 7))] == [date(2013, 1, 6)]
    assert [one.as_of for one in criteria_counts(db, date(2013, 1, 7))] == [date(2013, 1, 6)]
    assert criteria_counts(db, date(2013, 1, 1)) == ()
