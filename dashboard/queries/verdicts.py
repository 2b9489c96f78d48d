"""Verdicts of a view: the candidates for the headline, and those judged without recorded decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roadmap.judge.evaluate import judge_without_decisions
from roadmap.report import headline

if TYPE_CHECKING:
    from sqlite_utils import Database

    from dashboard.cache.view import View
    from roadmap.model import Verdict
    from roadmap.report.headline import HeadlineCandidate


def headline_candidates(db: Database, view: View) -> list[HeadlineCandidate]:
    """Return every built and started milestone of a view with its reading, in order of start."""
    return headline.headline_candidates(db, view.plan, view.verdicts, view.today, view.built, view.mode)


def verdicts_without_decisions(db: Database, view: View) -> tuple[Verdict, ...]:
    """Return the verdicts of a view, those set by a decision judged without it."""
    return judge_without_decisions(db, view.plan, view.verdicts, view.today, view.built)
