"""What can go wrong with a plan, named by what the caller does next.

PlanError   mend the named line of the milestone file, or choose a code that is in it (exit 2)
"""


class PlanError(Exception):
    """The milestone file cannot be used; the message names the place, the value and the choices."""

    exit_code = 2
