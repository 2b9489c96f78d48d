"""Failures that are alike, as the page tells them: what went wrong, when last, how often, and where they are listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard import labels
from roadmap.wording import dates, numbers, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from metrics.queries.failure_groups import FailureGroup

#: No more groups, and no more feeds of one, are named.
MAX_GROUPS, MAX_FEEDS = 200, 3

#: Characters of an example that stand in the table; the whole of it is behind them.
MAX_EXAMPLE_CHARS = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureGroupRow:
    """Failures that are alike, in words."""

    said: str
    error_type: str
    pattern: str
    ends: tuple[tuple[str, str], ...]  #: class and name of every way in which they ended
    runs: str
    keys: Mapping[str, str]  #: of the list of exactly these
    feeds: tuple[str, ...]
    more: str  #: what of the feeds is not named
    sides: str
    first: str
    last: str
    shortly: str  #: the beginning of the example
    example: str
    example_id: int
    example_feed: str


def failure_group_rows(groups: Sequence[FailureGroup], keys: Mapping[str, str]) -> tuple[FailureGroupRow, ...]:
    """The groups of a list, in words; `keys` are those of its address."""
    return tuple(_failure_group_row(group, {"state": "failed"} | dict(keys)) for group in groups)


def _failure_group_row(group: FailureGroup, keys: Mapping[str, str]) -> FailureGroupRow:
    asked = {**keys, "fingerprint": group.fingerprint}
    beyond = len(group.feeds) - MAX_FEEDS
    return FailureGroupRow(
        said=labels.error_label(group.error_type),
        error_type=group.error_type,
        pattern=group.pattern,
        ends=tuple((labels.outcome_class(name), labels.outcome_label(name)) for name in group.outcomes),
        runs=numbers.plural(group.runs, "run"),
        keys=asked,
        feeds=group.feeds[:MAX_FEEDS],
        more=f"and {numbers.plural(beyond, 'other feed')}" if beyond > 0 else "",
        sides=", ".join(group.sides),
        first=dates.timestamp(group.first_at_us),
        last=dates.timestamp(group.last_at_us),
        shortly=text.shortened(group.example, MAX_EXAMPLE_CHARS),
        example=group.example,
        example_id=group.example_run_id,
        example_feed=group.example_feed,
    )
