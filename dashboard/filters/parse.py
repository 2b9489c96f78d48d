"""Parse a query string such as `state=failed&partner=ua,dl&range=90d` to a `RunFilter`, and write one as keys.

A value that cannot be parsed is left out; a name without runs picks nothing. The page points out both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from dashboard.filters.query_string import is_iso_day, join_values, query_values, split_values
from metrics.events import RUN_OUTCOMES, parse_subject
from metrics.queries.run_filter import NO_ERROR_RECORDED, RunFilter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dashboard.filters.query_string import Query
    from metrics.queries.run_filter import CountedRuns
    from metrics.queries.run_grid import FilterChoices

#: Keys that filter runs, in the order in which an address has them.
KEYS = (
    "side",
    "state",
    "partner",
    "feed",
    "faults",
    "range",
    "from",
    "to",
    "attempt",
    "fingerprint",
    "aside",
    "counted",
)

#: Values of `state`; "failed" is every outcome that leaves a row outside its target, "ended" is any outcome.
STATES = ("done", "failed", "running", "ended", *(name for name in RUN_OUTCOMES if name not in {"done", "failed"}))
ATTEMPTS = ("first", "last")

#: Values that one key takes; SQLite binds no more than some tens of thousands in one statement.
MAX_NAMES = 1_000

_RANGE = re.compile(r"([1-9]\d{0,4})d")
_FINGERPRINT = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFilter:
    """A run filter with the keys that were understood, and notices about those that were not."""

    run_filter: RunFilter
    keys: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()  #: what was left out
    unknown: tuple[str, ...] = ()  #: names without any run, as sentences
    block_range: tuple[date, date] | None = None  #: first and last day of the blocks that the filter's days pick

    def with_changes(self, **changes: object) -> dict[str, Any]:
        """Return the keys with some of them changed; None removes a key."""
        unchanged = {key: text for key, text in self.keys.items() if key not in changes}
        return unchanged | query_values(changes)


def parse_filter(
    query: Query, choices: FilterChoices, today: date, find_counted: Callable[[str], CountedRuns | str]
) -> ParsedFilter:
    """Parse the filter of a query.

    Args:
        query: the values of `KEYS`.
        choices: partners, feeds and faults that have runs.
        today: the last day of the data, from which `range=90d` counts back.
        find_counted: returns the runs of `CODE:MEASURE:FAULTS`, or a sentence why there are none.
    """
    notices: list[str] = []
    unknown: list[str] = []
    keys: dict[str, str] = {}
    fields: dict[str, Any] = {}
    for key, name, values in (
        ("side", "sides", _parse_sides(query, notices)),
        ("state", "states", _parse_choices(query, "state", STATES, notices)),
        ("partner", "partners", _parse_names(query, "partner", choices.partners, notices, unknown)),
        ("feed", "feeds", _parse_names(query, "feed", choices.feeds, notices, unknown)),
        ("faults", "faults", _parse_names(query, "faults", choices.faults, notices, unknown)),
    ):
        if values:
            fields[name], keys[key] = values, join_values(values)
    first, last = _parse_days(query, today, keys, notices)
    if query.as_of is not None and query.as_of <= today:
        fields["known_by"] = query.as_of
    for attempt in _parse_choices(query, "attempt", ATTEMPTS, notices)[:1]:
        fields["attempt"] = keys["attempt"] = attempt
    if text := query.value("fingerprint"):
        if text == NO_ERROR_RECORDED or _FINGERPRINT.fullmatch(text):
            fields["fingerprint"] = keys["fingerprint"] = text
        else:
            notices.append(f"“fingerprint={text}” is not one of a failure, such as 0a1b2c3d4e5f; it was left out.")
    if text := query.value("aside"):
        fields["reason"] = keys["aside"] = text
    if text := query.value("counted"):
        runs = find_counted(text)
        if isinstance(runs, str):
            notices.append(runs)
        else:
            fields["counted"], keys["counted"] = runs, text
    return ParsedFilter(
        run_filter=RunFilter(**fields, first=first, last=last),
        keys=keys,
        notices=tuple(notices),
        unknown=tuple(unknown),
    )


def filter_keys(run_filter: RunFilter, counted: str = "") -> dict[str, str]:
    """Return the query keys of a filter; `counted` is the name of its reading, `CODE:MEASURE:FAULTS`.

    Raises:
        ValueError: the filter picks the runs of a reading, and `counted` does not name it.
    """
    if run_filter.counted is not None and not counted:
        raise ValueError("the runs of a reading have an address only under the name of the reading; pass `counted`")
    return query_values(
        {
            "side": run_filter.sides, "state": run_filter.states, "partner": run_filter.partners,
            "feed": run_filter.feeds, "faults": run_filter.faults, "from": run_filter.first, "to": run_filter.last,
            "attempt": run_filter.attempt, "fingerprint": run_filter.fingerprint, "aside": run_filter.reason,
            "counted": counted,
        }
    )  # fmt: skip


def split_names(text: str, key: str, notices: list[str]) -> tuple[str, ...]:
    """Return the first `MAX_NAMES` names of a key's value; a notice is added where there are more."""
    names = split_values(text)
    if len(names) > MAX_NAMES:
        notices.append(f"“{key}” gives {len(names):,} names, and a list takes {MAX_NAMES:,}; the others were left out.")
    return names[:MAX_NAMES]


def _parse_sides(query: Query, notices: list[str]) -> tuple[str, ...]:
    sides = []
    for name in split_names(query.value("side").lower(), "side", notices):
        try:
            sides.append(name if name == "service" else "@".join(map(str, filter(None, parse_subject(name)))))
        except ValueError:
            notices.append(f"“side={name}” is not monolith, service or service@1, service@2, ...; it was left out.")
    return tuple(dict.fromkeys(sides))


def _parse_choices(query: Query, key: str, choices: tuple[str, ...], notices: list[str]) -> tuple[str, ...]:
    values = split_names(query.value(key).lower(), key, notices)
    wrong = [value for value in values if value not in choices]
    if wrong:
        notices.append(f"“{key}={join_values(wrong)}” is not one of {', '.join(choices)}; it was left out.")
    return tuple(value for value in values if value in choices)


def _parse_names(
    query: Query, key: str, choices: tuple[str, ...], notices: list[str], unknown: list[str]
) -> tuple[str, ...]:  # fmt: skip
    """Return the names as the store writes them; their case in the query does not matter."""
    names: list[str] = []
    for text in split_names(query.value(key), key, notices):
        matches = [text] if text in choices else [name for name in choices if name.casefold() == text.casefold()]
        if not matches:
            unknown.append(f"No run here has “{key}={text}”; nothing is listed for it.")
        names += matches or [text]
    return tuple(dict.fromkeys(names))


def _parse_days(
    query: Query, today: date, keys: dict[str, str], notices: list[str]
) -> tuple[date | None, date | None]:  # fmt: skip
    """Return the first and the last day of the query; None where it sets none."""
    days: dict[str, date | None] = {"from": None, "to": None}
    for key in days:
        if not (text := query.value(key)):
            continue
        if is_iso_day(text):
            days[key], keys[key] = date.fromisoformat(text), text
        else:
            notices.append(f"“{key}={text}” is not a day such as 2013-06-30; it was left out.")
    first, last = days["from"], days["to"]
    if text := query.value("range"):
        match = _RANGE.fullmatch(text)
        if not match:
            notices.append(f"“range={text}” is not a number of days such as 90d; it was left out.")
        elif first or last:
            notices.append("“range” was left out, as the address has “from” or “to”.")
        else:
            keys["range"] = text
            first = today - timedelta(days=min(int(match[1]), today.toordinal()) - 1)
    return first, last
