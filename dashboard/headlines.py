"""The milestones whose gain can be the headline, read from the store once for each view."""

from __future__ import annotations

from typing import TYPE_CHECKING

from roadmap.report import headline

if TYPE_CHECKING:
    from sqlite_utils import Database

    from dashboard.view import View
    from roadmap.report.headline import HeadlineCandidate


def headlines(db: Database, view: View) -> list[HeadlineCandidate]:
    """Return every built and started milestone of a view with its reading, in order of start."""
    return headline.candidates(db, view.plan, view.verdicts, view.today, view.built, view.mode)
