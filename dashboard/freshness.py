"""How far the data goes, how much of it there is, and whether it is late: the line that stands on every page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard import frames, words

if TYPE_CHECKING:
    from sqlite_utils import Database

    from dashboard.snapshot import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """What the line says."""

    upto: str
    runs: str


def freshness(db: Database, view: View) -> Freshness:
    """The line of a view."""
    replayed = " (replayed calendar)" if view.mode == "replay" else ""
    return Freshness(
        upto=f"Data up to {words.day(view.today, year=True)}{replayed}",
        runs=f"{words.plural(frames.runs_measured(db), 'run')} measured",
    )
