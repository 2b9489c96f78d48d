"""Errors of plans and decisions, named by what the caller does next.

PlanError   correct the named line of the milestone file, or choose a code or a day that is in it (exit 2)
Refused     nothing was recorded; the message says what can be recorded (exit 2)
"""


class PlanError(Exception):
    """The milestone file cannot be used; the message names the place, the value and the choices."""

    exit_code = 2


class Refused(Exception):
    """A decision, an amount or a day that does not fit the present state; nothing was recorded."""

    exit_code = 2
