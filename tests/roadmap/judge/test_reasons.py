"""Facts and forecasts that put a milestone at risk: below, at and above each limit."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from roadmap.judge.status import judge
from roadmap.model import Evidence
from roadmap.plan.loader import load_plan
from tests.roadmap.judge.judged_milestone import DUE, GOOD, LOST, LOST_READING, SAVED, SAVED_READING, START, day, found


@pytest.mark.parametrize(("block_days", "mode", "last"), [(7, "replay", 1), (1, "live", 73)])
@pytest.mark.parametrize("review", [0, 3])
def test_the_last_responsible_start_leaves_time_for_evidence_and_review(make, block_days, mode, last, review):
    """Twelve blocks and the review fit after it; a day later it is a fact that they do not."""
    milestone = make("2013-03-31" if not review else "2013-04-03", f"evidence.review_days = {review}", block_days)
    late = judge(milestone, Evidence(mode=mode), day(last + 1), 1)
    assert (late.last_start, milestone.last_start(block_days)) == (day(last), day(last))
    assert found(milestone, day(last), mode=mode)[0] in {"insufficient", "stalled"}
    if last < 21:
        assert (late.status, late.reasons[0].code) == ("at_risk", "fact:started_too_late")
        assert "for 12 weeks of evidence by" in late.reasons[0].text


def test_the_last_start_of_a_short_milestone_in_production_is_a_fact(make):
    """Blocks are days there, and reasons say days."""
    milestone = make("2013-01-20", block_days=1)
    assert found(milestone, day(3), mode="live")[0] == "insufficient"
    verdict = judge(milestone, Evidence(mode="live"), day(4), 1)
    assert verdict.reasons[0].text == (
        "fact: the last day to start was 9 Jan 2013, for 12 days of evidence by 20 Jan 2013, and service@1 has not run"
    )


def test_the_present_day_in_production_can_still_have_a_run(make):
    """Twelve days for twelve blocks: a day without a run so far can still have one; the day after, one is missing."""
    milestone = make("2013-01-18", block_days=1)
    readings = {
        SAVED: replace(SAVED_READING, mode="live", blocks=5, low=None, high=None, missing="5 of 12 days"),
        LOST: replace(LOST_READING, mode="live", blocks=5, missing="5 of 12 days"),
    }
    evidence = {"readings": readings, "first_day": START, "last_day": day(5)}
    assert found(milestone, day(6), **evidence)[0] == "insufficient"
    assert found(milestone, day(7), **evidence) == ("at_risk", ["fact:too_few_blocks_left"])


def test_a_single_week_is_singular(make):
    """One more week needed, and none left."""
    readings = {key: replace(reading, blocks=11, missing="11 of 12 weeks") for key, reading in GOOD.items()}
    verdict = judge(make(), Evidence(readings=readings, first_day=START, last_day=date(2013, 3, 24)), DUE, 1)
    assert verdict.reasons[0].text == ("fact: 1 more week of evidence is needed, and 0 are left before 31 Mar 2013")


@pytest.mark.parametrize(
    ("estimate", "code"), [(0.91, None), (0.90, None), (0.899, "fact:ceiling:recovered_unattended")]
)
def test_a_ceiling_below_the_target_is_a_fact(one_milestone, estimate, code):
    """Six of twelve weeks: 90% can still become 95%, and 89.9% cannot."""
    text = one_milestone.read_text().replace('"busy_time_saved"', '"recovered_unattended"').replace("0.30", "0.95")
    one_milestone.write_text(text)
    half = replace(SAVED_READING, estimate=estimate, blocks=6, low=None, high=None, missing="6 of 12", scale=None)
    readings = {("recovered_unattended", "standard"): half, LOST: replace(LOST_READING, blocks=6, missing="6 of 12")}
    middle = date(2013, 2, 17)
    status, codes = found(
        load_plan(one_milestone).milestone("M1"), middle, readings=readings, first_day=START, last_day=middle
    )
    assert (status, codes[0]) == (("at_risk", code) if code else ("insufficient", "insufficient"))


@pytest.mark.parametrize(("estimate", "code"), [(0.04, None), (0.041, "fact:floor:failed_final")])
def test_a_floor_above_the_target_is_a_fact(one_milestone, estimate, code):
    """For an `at_most` target, the least possible value must not lie above it."""
    text = one_milestone.read_text().replace('"busy_time_saved"\nat_least = 0.30', '"failed_final"\nat_most = 0.02')
    one_milestone.write_text(text)
    half = replace(SAVED_READING, estimate=estimate, blocks=6, low=None, high=None, missing="6 of 12", scale=None)
    readings = {("failed_final", "standard"): half, LOST: replace(LOST_READING, blocks=6, missing="6 of 12")}
    middle = date(2013, 2, 17)
    _, codes = found(
        load_plan(one_milestone).milestone("M1"), middle, readings=readings, first_day=START, last_day=middle
    )
    assert codes[0] == (code or "insufficient")


def test_facts_come_before_forecasts(make):
    """A lost record comes first, then that the proof is unlikely."""
    readings = {
        SAVED: replace(SAVED_READING, estimate=0.31, blocks=6, low=None, high=None, missing="6 of 12 weeks"),
        LOST: replace(LOST_READING, estimate=1.0, blocks=6),
    }
    middle = date(2013, 2, 17)
    assert found(make(), middle, readings=readings, first_day=START, last_day=middle) == (
        "at_risk",
        ["fact:breached:lost_records", "forecast:unlikely:busy_time_saved"],
    )


@pytest.mark.parametrize(
    ("blocks", "estimate", "expected"),
    [(5, 0.31, "insufficient"), (6, 0.31, "at_risk"), (6, 0.40, "insufficient"), (6, 0.20, "at_risk")],
)
def test_forecasts_take_six_weeks(make, blocks, estimate, expected):
    """Five weeks give no forecast; six weeks with odds below 50% are a risk, and with good odds none."""
    early = {"blocks": blocks, "missing": f"{blocks} of 12 weeks"}
    readings = {
        SAVED: replace(SAVED_READING, estimate=estimate, low=None, high=None, **early),
        LOST: replace(LOST_READING, **early),
    }
    today = day(7 * blocks)
    verdict = judge(make(), Evidence(readings=readings, first_day=START, last_day=today), today, 1)
    assert verdict.status == expected
    assert all(reason.text.startswith("forecast: ") for reason in verdict.reasons if expected == "at_risk")


def test_odds_of_half_are_the_limit(make):
    """Just above one in two is no risk, just below is one."""
    middle = date(2013, 2, 17)

    def odds(estimate):
        early = {"blocks": 6, "missing": "6 of 12 weeks"}
        readings = {
            SAVED: replace(SAVED_READING, estimate=estimate, low=None, high=None, **early),
            LOST: replace(LOST_READING, **early),
        }
        verdict = judge(make(), Evidence(readings=readings, first_day=START, last_day=middle), middle, 1)
        return verdict.status, verdict.forecasts[0].odds

    above, below = odds(0.3284), odds(0.3282)
    assert above[0] == "insufficient"
    assert 0.5 <= above[1] < 0.51
    assert below[0] == "at_risk"
    assert 0.49 < below[1] < 0.5
