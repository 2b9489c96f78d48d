"""Readings halfway through a milestone, for tests of forecasts."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

from metrics.measures.reading import Reading

START, DUE = date(2013, 1, 7), date(2013, 3, 31)


HALFWAY = date(2013, 2, 17)  # six weeks had, six to come


SAVED = Reading(
    measure="busy_time_saved", estimate=0.40, low=None, high=None, ci_low=0.3, ci_high=0.5, n=120, n_of="runs",
    blocks=6, coverage=0.9, grade="B", faults="standard", mode="replay", series="s", method="3", start=START,
    end=HALFWAY, missing="6 of 12 weeks", inputs_sha256="1", scale="log_ratio", spread=0.1,
)  # fmt: skip


LOST = replace(SAVED, measure="lost_records", estimate=0.0, n=1200, n_of="records due", scale=None, spread=None)


SHARE = replace(SAVED, estimate=1.0, n=120, n_of="exchanges", scale="wilson", spread=None, effect=1.0)


def wilson(failed, counted, effect=1.0, z=1.959963984540054):
    """Wilson's limits of a rate, as in his paper of 1927: where the rate lies z standard errors of the limit away."""
    n, p = counted / effect, failed / counted
    root = z * math.sqrt(z * z + 4 * n * p * (1 - p))
    return tuple((2 * n * p + z * z + sign * root) / (2 * (n + z * z)) for sign in (-1, 1))
