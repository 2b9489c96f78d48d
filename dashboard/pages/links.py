"""Addresses of lists of runs, built in one place: a number on a page leads to exactly the runs that it counts.

Keys are those of `/runs`: side, state, partner, feed, faults, range, from (`from_`), to, attempt, fingerprint, counted.
"""

from __future__ import annotations

from dashboard.filters.query_string import join_values, query_values
from dashboard.pages.request import here

__all__ = ["failures", "join_values", "quarantine", "run", "runs"]


def runs(**keys: object) -> str:
    """The address of a list of runs, as of the day that this page is as of.

    Args:
        keys: what to pick by; several values of one key as a tuple. A day may be a date. What is None or empty picks
            any. `counted` is `CODE:MEASURE:FAULTS`.
    """
    return here("runs.page", **query_values(keys))


def run(number: int) -> str:
    """The address of one run."""
    return here("runs.one", number=number)


def failures(**keys: object) -> str:
    """The address of failures that are alike, by the same keys."""
    return here("failures.page", **query_values(keys))


def quarantine(**keys: object) -> str:
    """The address of what was set aside, by the same keys."""
    return here("quarantine.page", **query_values(keys))
