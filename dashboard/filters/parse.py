"""An address as a list of runs, and back: `state=failed&partner=ua,dl&range=90d` and the `Picked` that it stands for.

What cannot be meant is left out, and what nothing here is called lists nothing; the page says so either way.
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

#: Keys that pick runs, in the order in which they stand in an address.
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

#: What a run can be asked to be; "failed" is every end after which not everything is where it belongs, "ended" is any.
STATES = ("done", "failed", "running", "ended", *(name for name in RUN_OUTCOMES if name not in {"done", "failed"}))
ATTEMPTS = ("first", "last")

#: Names that one key can give; beyond some tens of thousands the store takes no more, and nobody writes so many.
MAX_NAMES = 1_000

_RANGE = re.compile(r"([1-9]\d{0,4})d")
_FINGERPRINT = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFilter:
    """The list that an address stands for, the keys that were understood, and what was not."""

    picked: RunFilter
    keys: Mapping[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()  #: what was left out
    unknown: tuple[str, ...] = ()  #: names that no run has, in words
    reach: tuple[date, date] | None = None  #: first and last day of the blocks that its days pick

    def but(self, **changed: object) -> dict[str, Any]:
        """The same keys with some changed; None takes one out."""
        found = {name: text for name, text in self.keys.items() if name not in changed}
        return found | query_values(changed)


def parse_filter(
    asked: Query, known: FilterChoices, today: date, counted: Callable[[str], CountedRuns | str]
) -> ParsedFilter:
    """The list that an address asks for.

    Args:
        asked: the values of `KEYS`.
        known: what there is to pick from.
        today: the last day of the data, from which `range=90d` counts back.
        counted: the runs of `CODE:MEASURE:FAULTS`, or why there are none such.
    """
    notices: list[str] = []
    unknown: list[str] = []
    keys: dict[str, str] = {}
    told: dict[str, Any] = {}
    for key, where, names in (
        ("side", "sides", _parse_sides(asked, notices)),
        ("state", "states", _parse_choices(asked, "state", STATES, notices)),
        ("partner", "partners", _parse_names(asked, "partner", known.partners, notices, unknown)),
        ("feed", "feeds", _parse_names(asked, "feed", known.feeds, notices, unknown)),
        ("faults", "faults", _parse_names(asked, "faults", known.faults, notices, unknown)),
    ):
        if names:
            told[where], keys[key] = names, join_values(names)
    first, last = _parse_days(asked, today, keys, notices)
    if asked.as_of is not None and asked.as_of <= today:
        told["known"] = asked.as_of
    for name in _parse_choices(asked, "attempt", ATTEMPTS, notices)[:1]:
        told["attempt"] = keys["attempt"] = name
    if text := asked.one("fingerprint"):
        if text == NO_ERROR_RECORDED or _FINGERPRINT.fullmatch(text):
            told["fingerprint"] = keys["fingerprint"] = text
        else:
            notices.append(f"“fingerprint={text}” is not one of a failure, such as 0a1b2c3d4e5f; it was left out.")
    if text := asked.one("aside"):
        told["aside"] = keys["aside"] = text
    if text := asked.one("counted"):
        runs = counted(text)
        if isinstance(runs, str):
            notices.append(runs)
        else:
            told["counted"], keys["counted"] = runs, text
    return ParsedFilter(
        picked=RunFilter(**told, first=first, last=last), keys=keys, notices=tuple(notices), unknown=tuple(unknown)
    )


def filter_keys(picked: RunFilter, counted: str = "") -> dict[str, str]:
    """The keys of an address that stands for a list; `counted` is what its reading is called there.

    Raises:
        ValueError: the list is of a reading, and nobody says which.
    """
    if picked.counted is not None and not counted:
        raise ValueError("a list of the runs of a reading has an address only under the name of the reading")
    return query_values(
        {
            "side": picked.sides, "state": picked.states, "partner": picked.partners, "feed": picked.feeds,
            "faults": picked.faults, "from": picked.first, "to": picked.last, "attempt": picked.attempt,
            "fingerprint": picked.fingerprint, "aside": picked.aside, "counted": counted,
        }
    )  # fmt: skip


def split_names(text: str, key: str, notices: list[str]) -> tuple[str, ...]:
    """The names of a key, as many as a list takes; that there are more is added to the notices."""
    found = split_values(text)
    if len(found) > MAX_NAMES:
        notices.append(f"“{key}” gives {len(found):,} names, and a list takes {MAX_NAMES:,}; the others were left out.")
    return found[:MAX_NAMES]


def _parse_sides(asked: Query, notices: list[str]) -> tuple[str, ...]:
    found = []
    for name in split_names(asked.one("side").lower(), "side", notices):
        try:
            found.append(name if name == "service" else "@".join(map(str, filter(None, parse_subject(name)))))
        except ValueError:
            notices.append(f"“side={name}” is not monolith, service or service@1, service@2, ...; it was left out.")
    return tuple(dict.fromkeys(found))


def _parse_choices(asked: Query, key: str, choices: tuple[str, ...], notices: list[str]) -> tuple[str, ...]:
    found = split_names(asked.one(key).lower(), key, notices)
    wrong = [name for name in found if name not in choices]
    if wrong:
        said = f"“{key}={join_values(wrong)}” is not one of {', '.join(choices)}; it was left out."
        notices.append(said)
    return tuple(name for name in found if name in choices)


def _parse_names(
    asked: Query, key: str, choices: tuple[str, ...], notices: list[str], unknown: list[str]
) -> tuple[str, ...]:  # fmt: skip
    """Names as the store writes them, found in whatever case they are asked for."""
    found: list[str] = []
    for name in split_names(asked.one(key), key, notices):
        alike = [name] if name in choices else [each for each in choices if each.casefold() == name.casefold()]
        if not alike:
            unknown.append(f"No run here has “{key}={name}”; nothing is listed for it.")
        found += alike or [name]
    return tuple(dict.fromkeys(found))


def _parse_days(
    asked: Query, today: date, keys: dict[str, str], notices: list[str]
) -> tuple[date | None, date | None]:  # fmt: skip
    """The first and the last day asked for."""
    days: dict[str, date | None] = {"from": None, "to": None}
    for key in days:
        if not (text := asked.one(key)):
            continue
        if is_iso_day(text):
            days[key], keys[key] = date.fromisoformat(text), text
        else:
            notices.append(f"“{key}={text}” is not a day such as 2013-06-30; it was left out.")
    first, last = days["from"], days["to"]
    if text := asked.one("range"):
        back = _RANGE.fullmatch(text)
        if not back:
            notices.append(f"“range={text}” is not a number of days such as 90d; it was left out.")
        elif first or last:
            notices.append("“range” was left out, as the address says from when or to when.")
        else:
            keys["range"] = text
            first = today - timedelta(days=min(int(back[1]), today.toordinal()) - 1)
    return first, last
