"""Judged in production: a day counts when it is over, and the weights are pinned on what a verdict rests on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from metrics.events import RunEvent, RunKey
from metrics.store.database import open_store
from metrics.store.writer import insert_events
from poc.pipeline.levels import HIGHEST_LEVEL
from roadmap.judge.evaluate import evaluate, judge_all, judge_as_of
from roadmap.plan.loader import load_plan
from roadmap.plan.template import live_template

START = date(2026, 3, 2)
TWELFTH, AFTER = date(2026, 3, 13), date(2026, 3, 14)


@pytest.fixture
def live_db(tmp_path):
    """An empty live store."""
    db = open_store(tmp_path / "metrics-live.db", "live")
    yield db
    db.close()


@pytest.fixture
def plan(one_milestone):
    """A function that gives the plan: at least 30% saved from 2 Mar 2026 on, twelve days, and what is changed."""

    def make(rules='min_grade = "C"', due="2026-04-30"):
        text = one_milestone.read_text().split("[[milestone.guardrail]]")[0]
        text = text.replace("2013-01-07", "2026-03-02").replace("2013-03-31", due)
        one_milestone.write_text(
            text.replace("[[milestone.metric]]", f"evidence = {{ {rules} }}\n\n[[milestone.metric]]")
        )
        return load_plan(one_milestone, 1)

    return make


def run(system, day, seconds, number=0, feed="flights", source="measured"):
    """A run in production of 100 records."""
    key = RunKey(
        system=system, level=int(system == "service"), mode="live", faults="real", series="", round=1,
        exchange_id=f"AA/{feed}/{day}-{number}", attempt=1,
    )  # fmt: skip
    return RunEvent(
        key=key, partner="AA", feed=feed, file=f"{day}-{number}.csv", block=day.isoformat(),
        block_end=day.isoformat(), release="1", due_at_us=0, started_at_us=0, duration_ns=int(seconds * 1e9),
        outcome="done", records=100, rows={"in": 100, "delivered": 100}, source=source,
    )  # fmt: skip


def keep(db, *runs):
    """Put runs into the store."""
    with db.atomic():
        insert_events(db, [("run", one) for one in runs])


def both(day, service_s, number=0):
    """A run of either side: ten seconds of the monolith, and so many of the service."""
    return [run("monolith", day, 10 + day.day % 2 / 10, number), run("service", day, service_s, number)]


def every_way(db, plan, day):
    """The verdicts on the one milestone, by all three ways of judging."""
    return [evaluate(db, plan, day, 1, 1)[0], judge_all(db, plan, day, 1)[0], judge_as_of(db, plan, day, 1)[1][0]]


@pytest.mark.parametrize("fixed", [False, True])
def test_an_unfinished_day_proves_nothing(live_db, plan, fixed):
    """Eleven complete days and a morning are no proof, by all three ways of judging; the morning's number is shown."""
    rules = ('min_grade = "C", mode = "fixed"', "2026-03-13") if fixed else ()
    asked = plan(*rules)
    for number in range(12):
        keep(live_db, *both(START + timedelta(days=number), 4.0))
    for found in every_way(live_db, asked, TWELFTH):
        (criterion,) = found.criteria
        assert (found.status == "proven", found.proven_on, criterion.met_on) == (False, None, None)
        assert (criterion.reading.blocks, criterion.reading.end) == (12, TWELFTH)
    assert live_db.execute("SELECT COUNT(*) FROM evaluation WHERE status = 'proven'").fetchone()[0] == 0


@pytest.mark.parametrize("fixed", [False, True])
@pytest.mark.parametrize(("evening", "proven_on"), [(4.0, TWELFTH), (400.0, None)])
def test_the_day_after_the_whole_day_is_judged(live_db, plan, fixed, evening, proven_on):
    """A good evening proves the milestone as of that day; after a bad one it is not proven."""
    rules = ('min_grade = "C", mode = "fixed"', "2026-03-13") if fixed else ()
    asked = plan(*rules)
    for number in range(12):
        keep(live_db, *both(START + timedelta(days=number), 4.0))
    evaluate(live_db, asked, TWELFTH, 1, 1)
    keep(live_db, *both(TWELFTH, evening, number=1))
    assert [found.proven_on for found in every_way(live_db, asked, AFTER)] == [proven_on] * 3


def test_fixed_mode_in_production_waits_for_the_end_of_the_due_date(live_db, plan):
    """On the due date itself a bad morning is not judged either."""
    asked = plan('min_grade = "C", mode = "fixed"', "2026-03-13")
    for number in range(12):
        keep(live_db, *both(START + timedelta(days=number), 9.9))
    on_due, after = (judge_all(live_db, asked, day, 1)[0].criteria[0] for day in (TWELFTH, AFTER))
    assert (on_due.verdict, on_due.why) == ("insufficient", "judged once, on 13 Mar 2026")
    assert after.verdict == "not_met"


def test_weights_of_a_history_stay_when_more_of_it_is_read_later(live_db, plan):
    """The control's own past alone is enough to be judged by, so it pins the weights; older logs do not change them."""
    asked = plan('min_grade = "D"')
    for number in range(12):
        before, day = START - timedelta(days=12 - number), START + timedelta(days=number)
        for feed, seconds in (("flights", 10.0), ("bookings", 30.0)):
            keep(live_db, run("monolith", before, seconds + number % 2 / 10, 0, feed, "imported"))
            keep(live_db, run("service", day, seconds / 2, 0, feed))
    day = START + timedelta(days=12)
    evaluate(live_db, asked, day, 1, 1)
    pinned = list(live_db.table("baseline_weight").rows)
    assert [round(row["weight"], 2) for row in pinned] == [0.75, 0.25]
    older = [START - timedelta(days=number) for number in range(20, 40)]
    keep(live_db, *(run("monolith", before, 99.0, 0, "flights", "imported") for before in older))
    evaluate(live_db, asked, day + timedelta(days=1), 1, 2)
    assert list(live_db.table("baseline_weight").rows) == pinned


def test_a_log_and_a_service_prove_the_first_milestone_of_a_new_workspace(live_db, tmp_path):
    """Thirty days of a log, and then thirty of a service that takes half the time; the second needs both at once."""
    path = tmp_path / "new.toml"
    path.write_text(live_template(START))
    for number in range(30):
        before, day = START - timedelta(days=30 - number), START + timedelta(days=number)
        for place in range(8):
            keep(live_db, run("monolith", before, 10 + number % 2 / 10, place, source="imported"))
            serviced = run("service", day, 5 + number % 2 / 10, place)
            keep(live_db, replace(serviced, key=replace(serviced.key, level=HIGHEST_LEVEL)))
    first, second = evaluate(live_db, load_plan(path, 1), START + timedelta(days=30), HIGHEST_LEVEL, 1)
    assert (first.status, {criterion.reading.grade for criterion in first.criteria}) == ("proven", {"D"})
    assert second.status == "not_started"
