"""Groups of failures with the same error, as rows of a table: label, example, last run and number of runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboard import labels
from roadmap.wording import numbers, sentences

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metrics.queries.failure_groups import FailureGroup

#: Groups in the table, and feeds that one of them names.
MAX_GROUPS, MAX_FEEDS = 200, 3

#: Characters of an example in the table; its details show all of it.
MAX_EXAMPLE_CHARS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroupRow:
    """Failures with the same error, as text."""

    label: str
    error_type: str
    pattern: str
    ends: tuple[tuple[str, str], ...]  #: class and label of each of their outcomes
    runs: str
    keys: Mapping[str, Any]  #: query keys of exactly these runs
    feeds: tuple[str, ...]
    more_feeds: str  #: how many other feeds; "" for none
    feed_count: str
    sides: str
    first_at_us: int
    last_at_us: int
    short_example: str
    example: str
    example_id: int
    example_feed: str


def failure_group_rows(groups: Sequence[FailureGroup], keys: Mapping[str, Any]) -> tuple[FailureGroupRow, ...]:
    """Return groups as rows; `keys` are the query keys of the filter that they come from."""
    return tuple(_failure_group_row(group, {"state": "failed"} | dict(keys)) for group in groups)


def _failure_group_row(group: FailureGroup, keys: Mapping[str, Any]) -> FailureGroupRow:
    others = len(group.feeds) - MAX_FEEDS
    return FailureGroupRow(
        label=labels.error_label(group.error_type),
        error_type=group.error_type,
        pattern=group.pattern,
        ends=tuple((labels.outcome_class(name), labels.outcome_label(name)) for name in group.outcomes),
        runs=numbers.plural(group.runs, "run"),
        keys={**keys, "fingerprint": group.fingerprint},
        feeds=group.feeds[:MAX_FEEDS],
        more_feeds=f"and {numbers.plural(others, 'other feed')}" if others > 0 else "",
        feed_count=numbers.plural(len(group.feeds), "feed"),
        sides=", ".join(group.sides),
        first_at_us=group.first_at_us,
        last_at_us=group.last_at_us,
        short_example=sentences.shortened(group.example, MAX_EXAMPLE_CHARS),
        example=group.example,
        example_id=group.example_run_id,
        example_feed=group.example_feed,
    )
