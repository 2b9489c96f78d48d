"""What can go wrong with a plan or a decision, named by what the caller does next.

PlanError   mend the named line of the milestone file, or choose a code or a day that is in it (exit 2)
Refused     nothing was recorded; the message says what can be (exit 2)
"""


class PlanError(Exception):
    """The milestone file cannot be used; the message names the place, the value and the choices."""

    exit_code = 2


class Refused(Exception):
    """A decision, an amount or a day that makes no sense as things stand; nothing was recorded."""

    exit_code = 2
