"""Errors of pages, named by what the reader does next.

NothingYet     measure something, with the command that it names
StillReading   wait: the first view is being made
NoSuchDay      choose a day that has data
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date


class NothingYet(Exception):
    """There is nothing to show: no metrics database, or no ended run in it."""

    def __init__(self, title: str, text: str, command: str) -> None:
        super().__init__(text)
        self.title = title
        self.command = command


class StillReading(Exception):
    """Another request is making the first view."""


class NoSuchDay(Exception):
    """A day after the store's calendar, or before the first run."""

    def __init__(self, day: date, first: date, today: date) -> None:
        where = "is in the future" if day > today else "is before the first run"
        super().__init__(f"as_of={day} {where}: the data covers {first} to {today}; choose one of these days")
