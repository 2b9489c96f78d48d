"""Gains by partner: the milestone's own question, one partner at a time, out of one reading of the rollups."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from dashboard.queries.partner_gains import gains_by_milestone
from metrics.measures.comparison import busy_time_saved
from metrics.store.database import open_reader
from roadmap.judge.evidence import milestone_question

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask

    from dashboard.cache.view import View


@pytest.fixture(scope="module")
def seen(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> View:
    """A made-up year in which one partner has almost no weeks, and nobody counted in one week what partners hold."""
    store = made_up()
    db = sqlite3.connect(store)
    with db:
        db.execute("DELETE FROM run_block WHERE partner = 'F9' AND block > '2013-01-20'")
        db.execute("UPDATE run_block SET held = NULL WHERE block = '2013-02-04'")
    db.close()
    return app_on(store).extensions["views"].newest()


def test_a_partners_gain_equals_that_of_its_own_question(seen: View) -> None:
    """Cutting the window gives the number and the range that asking for the partner's feeds alone gives."""
    milestone = seen.plan.milestones[0]
    with closing(open_reader(seen.store)) as db:
        found = gains_by_milestone(db, seen)["M1"]
        assert len(found.partners) == 4
        for gain in found.partners:
            asked = replace(
                milestone_question(milestone, found.end, "replay", "standard"), scope=(f"{gain.partner}/flights",)
            )
            alone = busy_time_saved(db, asked)
            assert (gain.estimate, gain.low, gain.high) == pytest.approx((alone.estimate, alone.low, alone.high))


def test_the_partners_runs_add_up_to_the_milestones(seen: View) -> None:
    """What each partner counts is exactly its share of what the milestone's own reading counts."""
    reading = next(c.reading for c in seen.verdicts[0].criteria if c.name == "busy_time_saved")
    assert sum(gain.runs for gain in seen.cached(gains_by_milestone)["M1"].partners) == reading.n


def test_partners_with_too_few_runs_come_last(seen: View) -> None:
    """A partner with three weeks has no range, so it is no number to show; those known come by their gain."""
    found = seen.cached(gains_by_milestone)["M1"]
    assert [gain.partner for gain in found.partners if not gain.has_range] == ["F9"]
    assert found.partners[-1].partner == "F9"
    known = [gain.estimate for gain in found.partners if gain.has_range]
    assert known == sorted(known, reverse=True)


def test_a_milestone_without_runs_has_no_gains(seen: View) -> None:
    """Without a run of its subject there are no gains to cut."""
    assert set(seen.cached(gains_by_milestone)) == {"M1"}
