"""`milepost roadmap show --json`: what is recorded around a verdict."""

from __future__ import annotations

from datetime import date

from metrics.store.database import open_store
from roadmap.judge.evaluate import evaluate
from roadmap.plan.loader import load_plan


def test_what_is_not_recorded_is_null(measured, data):
    """No decision, no spending and no forecast are empty or null, never 0."""
    db = open_store(measured.store, "replay")
    evaluate(db, load_plan(measured.milestones), date(2013, 3, 31), 1, 1)  # judged once, at its end: no forecast
    db.close()
    detail = data("show", "M1")
    assert (detail["spent"], detail["budget"], detail["decisions"], detail["entries"]) == (None, None, [], [])
    assert (detail["forecasts"], detail["forecast_score"]["brier"]) == ([], None)
    assert detail["forecast_score"]["text"] == "no forecast with odds so far"


def test_every_plan_stays_readable(measured, run, data):
    """The first plan and its target beside the second."""
    run("status")
    text = measured.milestones.read_text().replace("0.30", "0.50").replace('code = "M1"', 'code = "M1"\nrevision = 2')
    measured.milestones.write_text(text)
    plans = data("show", "M1")["plans"]
    assert [(plan["revision"], plan["plan"]["metrics"][0]["at_least"]) for plan in plans] == [(1, 0.3), (2, 0.5)]


def test_a_decision_keeps_its_evidence(measured, data):
    """Its choice and end, the status of that day, and the hash of the evidence."""
    data("decide", "M1", "pause", "--why", "no partner", "--owner", "Ann", "--until", "2013-05-01")
    (decision,) = data("show", "M1")["decisions"]
    assert (decision["choice"], decision["until"], decision["status"], len(decision["evidence_sha256"])) == (
        "pause", "2013-05-01", "proven", 64,
    )  # fmt: skip


def test_an_earlier_view_says_whether_it_is_what_was_recorded(measured, replay, run, data):
    """The same inputs as on that day, no evaluation of a Wednesday, and weeks that were counted anew since."""
    run("status")
    db = open_store(measured.store, "replay")
    replay(db, [12])
    db.close()
    assert data("show", "M1", "--as-of", "2013-03-31")["same_as_kept"] is True
    assert data("show", "M1", "--as-of", "2013-03-20")["same_as_kept"] is None
    db = open_store(measured.store, "replay")
    with db.atomic():
        db.execute("UPDATE run_block SET busy_ns = busy_ns + 1 WHERE system = 'service'")
    db.close()
    assert data("show", "M1", "--as-of", "2013-03-31")["same_as_kept"] is False
    note = "  note       the evaluation recorded on that day has other inputs"
    assert note in run("show", "M1", "--as-of", "2013-03-31").output
