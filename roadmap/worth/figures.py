"""The monthly effort of both sides and the effort saved, for the question of a milestone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from metrics.measures.monthly_effort import monthly_effort
from metrics.measures.registry import MEASURES
from metrics.measures.window import load_window
from roadmap.records.prices import recorded_prices

if TYPE_CHECKING:
    from datetime import date

    from sqlite_utils import Database

    from metrics.measures.monthly_effort import MonthlyEffort
    from metrics.measures.reading import Reading
    from metrics.prices import Prices
    from metrics.question import Question


@dataclass(frozen=True, slots=True, kw_only=True)
class WorthFigures:
    """What both sides take in a month, and the share of priced effort saved."""

    mode: str  #: "replay" or "live"
    subject: str
    control: str
    month: MonthlyEffort | None  #: None: the sides have no block in common
    prices: Prices | None  #: None: the settings have none
    effort: Reading | None  #: None without prices


def worth_figures(db: Database, question: Question, today: date) -> WorthFigures:
    """Return the figures of a question, at the prices in force on a day; for a page, whatever day fixed the prices."""
    prices = recorded_prices(db, today)
    if prices is not None:
        question = replace(question, prices=replace(prices, fixed_on=None))
    window = load_window(db, question)
    return WorthFigures(
        mode=question.mode,
        subject=question.subject,
        control=question.control,
        month=monthly_effort(window, prices),
        prices=prices,
        effort=MEASURES["effort_saved"].compute(window) if prices else None,
    )
