"""Errors of plans and decisions, named by what the caller does next.

PlanError   correct the named line of the milestone file, or choose a code or a day that is in it (exit 2)
Refused     nothing was recorded; the message says what can be recorded (exit 2)
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class PlanError(Exception):
    """The milestone file cannot be used; the message names the place, the value and the choices.

    `mistakes` are all mistakes of the file, one line each.
    """

    exit_code = 2

    def __init__(self, message: str, mistakes: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.mistakes = tuple(mistakes) or (message,)


class Refused(Exception):
    """A decision, an amount or a day that does not fit the present state; nothing was recorded."""

    exit_code = 2
