"""URLs of lists of runs: a number on a page links to exactly the runs that it counts.

Keys are those of `/runs`: side, state, partner, feed, faults, range, from (`from_`), to, attempt, fingerprint, counted.
"""

from __future__ import annotations

from dashboard.filters.query_string import join_values, query_values
from dashboard.pages.request import page_url

__all__ = ["failures", "join_values", "quarantine", "run", "runs"]


def runs(**keys: object) -> str:
    """Return the URL of a list of runs, as of the day of this page.

    Args:
        keys: keys of the filter; a tuple holds several values of one key. A day may be a date. A key with None or an
            empty value is left out. `counted` is `CODE:MEASURE:FAULTS`.
    """
    return page_url("runs.page", **query_values(keys))


def run(number: int) -> str:
    """Return the URL of one run."""
    return page_url("runs.detail", number=number)


def failures(**keys: object) -> str:
    """Return the URL of the page of failures, filtered by the same keys as `runs`."""
    return page_url("failures.page", **query_values(keys))


def quarantine(**keys: object) -> str:
    """Return the URL of the page of quarantined rows, filtered by the same keys as `runs`."""
    return page_url("quarantine.page", **query_values(keys))
