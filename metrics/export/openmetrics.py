"""Export the rollups as OpenMetrics: counters since the store was created, and the age of the newest run.

An unknown number has no sample; it is not 0. Names and units follow https://openmetrics.io: base units, and `_total`
for numbers that grow with every run. The numbers of the last attempt (`attempt="last"`, rows by outcome) can decrease,
when a later attempt completes an exchange that had failed. A replayed day is never compared with the wall clock, so a
replay has no age.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, StateSetMetricFamily
from prometheus_client.exposition import choose_encoder

from metrics.events import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from prometheus_client import Metric
    from sqlite_utils import Database

#: Labels of every sample.
LABELS = ("system", "level", "partner", "feed", "mode", "faults")

#: Counters: name, help, the label that distinguishes its samples, and the rollup column of each label value.
COUNTERS: Sequence[tuple[str, str, str, Mapping[str, str]]] = (
    ("milepost_runs", "Attempts at exchanges", "", {"": "attempts"}),
    ("milepost_exchanges", "Exchanges, each counted once however many attempts it took", "", {"": "exchanges"}),
    (
        "milepost_exchanges_failed",
        "Exchanges whose first or last attempt failed",
        "attempt",
        {"first": "first_failed", "last": "still_failed"},
    ),
    ("milepost_busy_seconds", "Wall time of all attempts without the time blocked on time-outs", "", {"": "busy_ns"}),
    (
        "milepost_records",
        "Records that are due, held by the partner, held twice, or lost; no sample if unknown",
        "state",
        {name: name for name in ("due", "held", "lost", "twice")},
    ),
    (
        "milepost_rows",
        "Rows by outcome, after the last attempt",
        "outcome",
        {name: f"rows_{name}" for name in OUTCOMES},
    ),
)


def metric_families(db: Database, now_us: int | None) -> list[Metric]:
    """Return the metric families of the rollups of a store.

    Args:
        db: the store.
        now_us: the time now in UTC microseconds, for the age of live evidence; None in a replay.
    """
    columns = [column for *_, samples in COUNTERS for column in samples.values()]
    sums = ", ".join(f"SUM({name})" for name in columns)
    sql = f"SELECT {', '.join(LABELS)}, {sums}, MAX(last_started_at_us) FROM run_block GROUP BY {', '.join(LABELS)}"  # noqa: S608 (names are our own constants)
    rows = db.execute(sql).fetchall()
    families: list[Metric] = []
    for name, text, label, samples in COUNTERS:
        counter = CounterMetricFamily(name, text, labels=[*LABELS, *([label] if label else [])])
        for row in rows:
            for value, column in samples.items():
                total = row[len(LABELS) + columns.index(column)]
                if total is not None:
                    counter.add_metric(
                        [*_label_values(row), *([value] if label else [])],
                        total / 1e9 if column == "busy_ns" else total,
                    )
        families.append(counter)
    newest = GaugeMetricFamily(
        "milepost_newest_run_timestamp_seconds",
        "Start of the newest run, in seconds since 1970; on the replayed calendar in a replay",
        labels=LABELS,
    )
    age = GaugeMetricFamily("milepost_evidence_age_seconds", "Time since the newest live run started", labels=LABELS)
    for row in rows:
        if row[-1] is not None:
            newest.add_metric(_label_values(row), row[-1] / 1e6)
            if now_us is not None and row[LABELS.index("mode")] == "live":
                age.add_metric(_label_values(row), (now_us - row[-1]) / 1e6)
    return [*families, newest, *([] if now_us is None else [age])]


def status_family(milestones: Iterable[tuple[str, str]], statuses: Iterable[str]) -> Metric:
    """Return the statuses of milestones, given as (code, status), as a state set over all statuses."""
    name = "milepost_milestone_status"
    family = StateSetMetricFamily(name, "Status of a milestone, computed from evidence", labels=["milestone"])
    states = tuple(statuses)
    for code, status in milestones:
        family.add_metric([code], {state: state == status for state in states})
    return family


def plan_valid_family(*, is_valid: bool) -> Metric:
    """Return a gauge of whether the milestone file is valid; while it is not, no milestone has a status."""
    text = "1 if the milestone file is valid; 0 if it must be corrected before milestones are judged again"
    return GaugeMetricFamily("milepost_plan_valid", text, value=int(is_valid))


def workspace_family(workspace: str, clock: str) -> Metric:
    """Return the name of the workspace and the clock by which it is judged."""
    family = InfoMetricFamily("milepost_workspace", "The workspace and its clock", labels=[])
    family.add_metric([], {"name": workspace, "clock": clock})
    return family


def render(families: Sequence[Metric], accept: str) -> tuple[bytes, str]:
    """Encode families, and return the text and its content type.

    The format is OpenMetrics if the header `accept` allows it, and otherwise the older text format of Prometheus.
    """
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_FixedCollector(families))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _FixedCollector:
    """Collector of given families, for one request."""

    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Sequence[Metric]:
        """Return the families."""
        return self._families


def _label_values(row: Sequence[Any]) -> list[str]:
    return [str(value) for value in row[: len(LABELS)]]
