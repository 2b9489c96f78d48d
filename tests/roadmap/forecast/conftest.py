"""Fixtures of the tests in this folder."""

from __future__ import annotations

import pytest

from roadmap.plan.loader import load_plan


@pytest.fixture
def milestone(one_milestone):
    """At least 30% saved, and nothing lost, from 7 Jan to 31 Mar 2013."""
    return load_plan(one_milestone).milestone("M1")


@pytest.fixture
def asking(one_milestone):
    """A function that makes a milestone of one target, and how long it takes."""

    def make(name, goal, due="2013-03-31", rules=""):
        text = one_milestone.read_text().split("[[milestone.metric]]")[0].replace("2013-03-31", due) + rules
        one_milestone.write_text(f'{text}\n[[milestone.metric]]\nname = "{name}"\n{goal}\n')
        return load_plan(one_milestone, 1).milestone("M1")

    return make
