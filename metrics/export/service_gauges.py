"""Gauges of the exchange service now, as OpenMetrics: what is open, held, due and overdue, and the circuit breakers.

Unlike the counters of measured runs, they say how things stand at the moment of the request. A number that does not
exist, such as the age of the oldest due exchange where none is due, has no sample; it is not 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily, StateSetMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from prometheus_client import Metric

#: Gauges by name: help, and the names of the labels.
GAUGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "milepost_service_readable": ("1 if the ledger and the inboxes can be read; 0 if no other gauge can be told", ()),
    "milepost_open_alerts": ("Open problems by kind", ("kind", "severity", "partner", "feed")),
    "milepost_exchanges_waiting": (
        "Exchanges that are due, that failed for good, or were refused",
        ("partner", "feed", "outcome"),
    ),
    "milepost_oldest_due_age_seconds": ("Time since the oldest due exchange was received", ("partner", "feed")),
    "milepost_ambiguous_requests": ("Requests that may have arrived at the partner", ("partner", "feed")),
    "milepost_quarantined_rows_held": ("Rows in quarantine, not replayed and not discarded", ("partner", "feed")),
    "milepost_overdue_files": ("Expected files whose time is over and that have not come", ("partner", "feed")),
    "milepost_last_good_exchange_timestamp_seconds": (
        "When an exchange was last completed, in seconds since 1970",
        ("partner", "feed"),
    ),
}

BREAKER_STATES = ("closed", "open", "half-open", "paused")


def gauge_families(samples: Mapping[str, Iterable[tuple[Sequence[str], float]]]) -> list[Metric]:
    """Return the gauges with their samples; each sample is its label values, in the order of `GAUGES`, and a number."""
    families: list[Metric] = []
    for name, (text, labels) in GAUGES.items():
        family = GaugeMetricFamily(name, text, labels=labels)
        for values, number in samples.get(name, ()):
            family.add_metric(list(values), number)
        families.append(family)
    return families


def breaker_family(breakers: Iterable[tuple[str, str, str]]) -> Metric:
    """Return the circuit breakers, given as (partner, feed, state), as a state set; `feed` is empty for a partner's."""
    name = "milepost_circuit_breaker_state"
    text = "State of the circuit breaker of a partner, or of one feed with an address of its own"
    family = StateSetMetricFamily(name, text, labels=["partner", "feed"])
    for partner, feed, state in breakers:
        family.add_metric([partner, feed], {choice: choice == state for choice in BREAKER_STATES})
    return family
