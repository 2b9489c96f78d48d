"""What it takes to prove a milestone: the grade that its evidence cannot reach."""

from __future__ import annotations

from contextlib import closing
from datetime import date

import pytest

from metrics.events import RunEvent, RunKey
from metrics.store.database import open_store
from metrics.store.writer import insert_events
from roadmap.judge.evaluate import judge_all
from roadmap.plan.loader import load_plan
from roadmap.report.requirements import gather, to_text


def monolith_run(day: str, source: str) -> tuple[str, RunEvent]:
    """Return a run of the monolith in production, imported from a log or measured."""
    key = RunKey(system="monolith", level=0, mode="live", faults="real", series="", round=1, exchange_id=day, attempt=1)
    return "run", RunEvent(
        key=key, partner="AA", feed="flights", file=f"{day}.csv", block=day, block_end=day, release="1", due_at_us=0,
        started_at_us=0, duration_ns=10**9, outcome="done", records=100, rows={"in": 100}, source=source,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sources", "grade", "noted"),
    [
        (("imported", "imported"), "C", True),
        (("imported", "measured"), "C", False),
        (("imported", "imported"), "D", False),
        ((), "C", False),
    ],
)
def test_a_log_that_cannot_reach_the_grade_is_named_before_the_service_has_run(
    tmp_path, one_milestone, sources, grade, noted
):
    """Said as long as all that is known of the monolith is an imported log, and a better grade is asked for."""
    text = one_milestone.read_text().replace(
        "[[milestone.metric]]", f'evidence.min_grade = "{grade}"\n[[milestone.metric]]'
    )
    one_milestone.write_text(text)
    plan = load_plan(one_milestone, 1)
    with closing(open_store(tmp_path / "live.db", "live")) as db:
        with db.atomic():
            insert_events(db, [monolith_run(f"2013-01-0{day}", source) for day, source in enumerate(sources, 1)])
        (verdict,) = judge_all(db, plan, date(2013, 1, 9), 1)
        needed = to_text(gather(db, plan.milestone("M1"), verdict, 1))
    assert ("  grade      M1 asks for evidence of grade C; an imported log is of grade D" in needed) == noted


def test_a_replay_that_cannot_reach_the_grade_is_named(measured, data):
    """Grade A takes production."""
    path = measured.milestones
    path.write_text(path.read_text().replace("[[milestone.metric]]", 'evidence.min_grade = "A"\n[[milestone.metric]]'))
    assert data("plan", "M1")["grade_note"] == (
        'M1 asks for evidence of grade A; a replay is of grade B and cannot prove it. Let M1 ask for `min_grade = "B"`'
    )
