"""What a page cannot show, named by what the reader does next.

NothingYet     measure something, with the command it names; not a fault
StillReading   wait a moment: the first view is being made
NoSuchDay      choose a day that the data has
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date


class NothingYet(Exception):
    """There is nothing to show: no store, or no runs in it."""

    def __init__(self, title: str, text: str, command: str) -> None:
        super().__init__(text)
        self.title = title
        self.command = command


class StillReading(Exception):
    """What the page is made from is being read by somebody else."""


class NoSuchDay(Exception):
    """A day that lies ahead of the store's calendar, or before anything was measured."""

    def __init__(self, day: date, first: date, today: date) -> None:
        where = "lies ahead" if day > today else "is before anything was measured"
        super().__init__(f"as_of={day} {where}: the data goes from {first} to {today}; choose a day of these")
