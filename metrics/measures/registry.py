"""The named measures that a milestone may use: their definitions, and the functions that compute them.

The definitions are data, in `definitions.toml`. Pages, reports and verdicts take their words from here, so that
the text and the computation agree.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources
from typing import TYPE_CHECKING, Any

from metrics.measures import comparison, effort, effort_saved, failure_rates, moving, resilience
from metrics.measures.window import Window, load_window
from metrics.stats.confidence import LEAST_NOISE

if TYPE_CHECKING:
    from sqlite_utils import Database

    from metrics.measures.reading import Reading
    from metrics.question import Question

#: The function that computes each measure from rollups that are already read.
COMPUTE: Mapping[str, Callable[[Window], Reading]] = {
    "busy_time_saved": comparison.compute_busy_time_saved,
    "programme_time_saved": comparison.compute_programme_time_saved,
    "answers_equal": comparison.compute_answers_equal,
    "lost_records": partial(comparison.compute_census, measure="lost_records", column="lost"),
    "partner_duplicates": partial(comparison.compute_census, measure="partner_duplicates", column="twice"),
    "good_rows_delivered": resilience.good_rows_delivered,
    "false_rejects": resilience.false_rejects,
    "recovered_unattended": resilience.recovered_unattended,
    "wasted_calls": resilience.wasted_calls,
    "failed_first": partial(failure_rates.failure_rate, measure="failed_first", column="first_failed"),
    "failed_final": partial(failure_rates.failure_rate, measure="failed_final", column="still_failed"),
    "failed_first_avoided": partial(
        failure_rates.failure_rate_difference, measure="failed_first_avoided", column="first_failed"
    ),
    "failed_final_avoided": partial(
        failure_rates.failure_rate_difference, measure="failed_final_avoided", column="still_failed"
    ),
    "delay_p50": partial(effort.delay, measure="delay_p50", column="delay_p50_us", quantile=0.5),
    "delay_p95": partial(effort.delay, measure="delay_p95", column="delay_p95_us", quantile=0.95),
    "peak_memory": effort.peak_memory,
    "calls_per_1000_records": effort.calls_per_1000_records,
    "operator_touches": effort.operator_touches,
    "parity_unexplained": moving.parity_unexplained,
    "feeds_cut_over": moving.feeds_cut_over,
    "monolith_calls": moving.monolith_calls,
    "effort_saved": effort_saved.effort_saved,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What a number means and how it is computed; `definitions.toml` says what each text holds."""

    name: str
    title: str
    direction: str  #: "at_least" or "at_most": the direction that is good
    unit: str  #: "share" (0 to 1), or the words that follow the number: "records", "seconds", "MB", ...
    kind: str  #: "census" (everything counted) or "sampled" (judged by a bound)
    best: float  #: the best value that it can ever take
    lowest: float  #: the lowest value that makes sense as a target
    definition: str
    formula: str
    range: str  #: how its likely range is computed: a key of `[ranges]`
    range_text: str  #: the same in words
    exclusions: str
    minimum: str  #: "" where the milestone's minimum number of blocks is all that it requires
    compute: Callable[[Window], Reading]  #: from rollups that are already read

    @property
    def can_recover(self) -> bool:
        """Whether it tells the state of things, which may become better again; any other count only grows."""
        return self.name in moving.STATES

    def read(self, db: Database, question: Question) -> Reading:
        """Return the measure's answer to a question, read from the store."""
        return self.compute(load_window(db, question))


@cache
def load_measures() -> dict[str, Measure]:
    """Read `definitions.toml`, once per process."""
    return parse_measures(resources.files("metrics.measures").joinpath("definitions.toml").read_text(encoding="utf-8"))


def parse_measures(text: str) -> dict[str, Measure]:
    """Return the measures that a text in TOML defines, in its order, each bound to its function.

    Raises:
        TypeError: a measure lacks a key, or has one that is unknown.
        KeyError: a measure has no function, or names a range or a placeholder that does not exist.
        ValueError: a function has no definition.
    """
    data = tomllib.loads(text)
    if undefined := COMPUTE.keys() - data["measures"].keys():
        raise ValueError(f"measures without a definition: {', '.join(sorted(undefined))}")
    measures = {}
    for name, keys in data["measures"].items():
        values: dict[str, Any] = {key: _fill(value) for key, value in keys.items()}
        values |= {"range_text": _fill(data["ranges"][values["range"]]), "compute": COMPUTE[name]}
        measures[name] = Measure(name=name, **values)
    return measures


def _fill(value: str | float) -> str | float:
    """Replace the placeholders of a text by the numbers of the code."""
    if not isinstance(value, str):
        return value
    return value.format(min_outages=resilience.MIN_OUTAGES, least_noise=f"{LEAST_NOISE:.0%}")


class _LazyMeasures(Mapping[str, Measure]):
    """All measures by name; the definitions are read at the first access, not at import."""

    def __getitem__(self, name: str) -> Measure:
        return load_measures()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(load_measures())

    def __len__(self) -> int:
        return len(load_measures())


#: All measures by name.
MEASURES: Mapping[str, Measure] = _LazyMeasures()
