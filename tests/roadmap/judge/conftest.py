"""Fixtures of the tests in this folder."""

from __future__ import annotations

import pytest

from roadmap.plan.loader import load_plan


@pytest.fixture
def make(one_milestone):
    """A function that makes the milestone with other lines in its file; blocks are weeks, or days."""
    text = one_milestone.read_text()

    def milestone(due="2013-03-31", more="", block_days=7):
        one_milestone.write_text(text.replace("2013-03-31", due).replace('code = "M1"', f'code = "M1"\n{more}'))
        return load_plan(one_milestone, block_days).milestone("M1")

    return milestone
