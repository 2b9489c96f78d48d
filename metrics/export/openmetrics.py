"""The rollups as OpenMetrics, for whoever scrapes them: counters since the store was made, and how old the newest is.

What nobody has counted has no sample; it is not 0. Names and units follow https://openmetrics.io: base units, and
`_total` where a number grows with every run. Where a later attempt completes what had failed, what stands of the last
attempt (`attempt="last"`, rows by outcome) falls back. A replayed day is never held against the wall clock, so a
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

#: Who and what a number is of.
LABELS = ("system", "level", "partner", "feed", "mode", "faults")

#: Counters: name, help, the label that tells its samples apart, and the rollup's column of each of them.
COUNTERS: Sequence[tuple[str, str, str, Mapping[str, str]]] = (
    ("milepost_runs", "Attempts at exchanges", "", {"": "attempts"}),
    ("milepost_exchanges", "Exchanges, however many attempts each took", "", {"": "exchanges"}),
    (
        "milepost_exchanges_failed",
        "Exchanges whose first, or whose last attempt failed",
        "attempt",
        {"first": "first_failed", "last": "still_failed"},
    ),
    ("milepost_busy_seconds", "Wall time of all attempts less what was blocked on time-outs", "", {"": "busy_ns"}),
    (
        "milepost_records",
        "Records that are due, that the partner holds, holds twice, or lost; where somebody counted",
        "state",
        {name: name for name in ("due", "held", "lost", "twice")},
    ),
    (
        "milepost_rows",
        "Rows by where they ended after the last attempt",
        "outcome",
        {name: f"rows_{name}" for name in OUTCOMES},
    ),
)


def metric_families(db: Database, now_us: int | None) -> list[Metric]:
    """What the rollups of a store say.

    Args:
        db: the store.
        now_us: the time now in UTC microseconds, to tell the age of live evidence; None where there is no such time.
    """
    columns = [column for *_, samples in COUNTERS for column in samples.values()]
    sums = ", ".join(f"SUM({name})" for name in columns)
    sql = f"SELECT {', '.join(LABELS)}, {sums}, MAX(last_started_at_us) FROM run_block GROUP BY {', '.join(LABELS)}"  # noqa: S608 (names are our own constants)
    rows = db.execute(sql).fetchall()
    found: list[Metric] = []
    for name, told, label, samples in COUNTERS:
        counter = CounterMetricFamily(name, told, labels=[*LABELS, *([label] if label else [])])
        for row in rows:
            for value, column in samples.items():
                total = row[len(LABELS) + columns.index(column)]
                if total is not None:
                    counter.add_metric(
                        [*_label_values(row), *([value] if label else [])],
                        total / 1e9 if column == "busy_ns" else total,
                    )
        found.append(counter)
    newest = GaugeMetricFamily(
        "milepost_newest_run_timestamp_seconds",
        "Start of the newest run since 1970; on the replayed calendar in a replay",
        labels=LABELS,
    )
    age = GaugeMetricFamily("milepost_evidence_age_seconds", "Time since the newest live run started", labels=LABELS)
    for row in rows:
        if row[-1] is not None:
            newest.add_metric(_label_values(row), row[-1] / 1e6)
            if now_us is not None and row[LABELS.index("mode")] == "live":
                age.add_metric(_label_values(row), (now_us - row[-1]) / 1e6)
    return [*found, newest, *([] if now_us is None else [age])]


def status_family(found: Iterable[tuple[str, str]], known: Iterable[str]) -> Metric:
    """Where milestones stand: (code, status) pairs as a state set of all statuses that are known."""
    name = "milepost_milestone_status"
    family = StateSetMetricFamily(name, "Status of a milestone, computed from evidence", labels=["milestone"])
    states = tuple(known)
    for code, status in found:
        family.add_metric([code], {state: state == status for state in states})
    return family


def plan_valid_family(*, is_valid: bool) -> Metric:
    """Whether the milestone file can be used; while it cannot, no milestone has a status."""
    told = "Whether the milestone file can be used (1), or has to be mended before milestones are judged again (0)"
    return GaugeMetricFamily("milepost_plan_valid", told, value=int(is_valid))


def workspace_family(workspace: str, clock: str) -> Metric:
    """Which workspace answers, and by which clock it is judged."""
    family = InfoMetricFamily("milepost_workspace", "The workspace and its clock", labels=[])
    family.add_metric([], {"name": workspace, "clock": clock})
    return family


def render(found: Sequence[Metric], accept: str) -> tuple[bytes, str]:
    """The families as text, and its content type: OpenMetrics where `accept` takes it, else Prometheus' older text."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_FixedCollector(found))
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type


class _FixedCollector:
    """A collector of families that are there already; it lives as long as one request."""

    def __init__(self, found: Sequence[Metric]) -> None:
        self._found = found

    def collect(self) -> Sequence[Metric]:
        """The families."""
        return self._found


def _label_values(row: Sequence[Any]) -> list[str]:
    return [str(value) for value in row[: len(LABELS)]]
