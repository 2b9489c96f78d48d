"""What a page cannot show, named by what the reader does next.

NothingYet     measure something, with the command it names; not a fault
StillReading   wait a moment: the first view is being made
NotYet         choose a day that has come
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
    """The measurements are being read for the first time."""


class NotYet(Exception):
    """A day that lies ahead of the store's calendar."""

    def __init__(self, day: date, today: date) -> None:
        super().__init__(f"as_of={day} lies ahead: the data has come to {today}; choose a day until then")
