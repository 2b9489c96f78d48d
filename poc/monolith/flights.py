"""The airlines' flights as the monolith knows them: the checks and the partner's record, written into the code."""

import re
from datetime import datetime, timedelta
from typing import Any

COLUMNS = (
    "year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time", "arr_delay",
    "carrier", "flight", "tailnum", "origin", "dest", "air_time", "distance", "hour", "minute", "time_hour",
)  # fmt: skip

MISSING = frozenset({"", "NA"})
REQUIRED = frozenset({"carrier", "flight", "origin", "dest", "sched_dep_time", "time_hour"})
TEXT = frozenset({"carrier", "tailnum", "origin", "dest", "time_hour"})
LIMITS = {
    "month": (1, 12),
    "day": (1, 31),
    "hour": (0, 23),
    "minute": (0, 59),
    "sched_dep_time": (0, 2359),
    "distance": (1, 20_000),
}
CARRIERS = frozenset(["9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV"])

INTEGER = re.compile(r"[+-]?[0-9]+")
INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-5][0-9]Z")
TAIL = re.compile(r"[A-Z][0-9][0-9A-Z]{1,4}")
MAX_INTEGER = 2**63 - 1
KM_PER_MILE = 1.609344


class BadRow(Exception):
    """The first thing wrong with a row."""

    def __init__(self, code: str, field: str, note: str) -> None:
        super().__init__(note)
        self.code = code
        self.field = field


#: What to do with each column, in order: name, is it text, must it be there, lower and upper limit.
PLAN = tuple((name, name in TEXT, name in REQUIRED, *LIMITS.get(name, (None, None))) for name in COLUMNS)


def check(cells: list[str]) -> dict[str, Any]:
    """One row of text as typed values. Raises BadRow."""
    if len(cells) != len(COLUMNS):
        code = "missing-cell" if len(cells) < len(COLUMNS) else "extra-cell"
        raise BadRow(code, "", f"{len(cells)} cells instead of {len(COLUMNS)}")
    row: dict[str, Any] = {}
    for (name, is_text, required, low, high), text in zip(PLAN, cells, strict=True):
        if text in MISSING:
            if required:
                raise BadRow("constraint-error", name, "a value is required")
            row[name] = None
        elif is_text:
            row[name] = text
        else:
            if not INTEGER.fullmatch(text) or not -MAX_INTEGER - 1 <= (value := int(text)) <= MAX_INTEGER:
                raise BadRow("type-error", name, f"{text!r} is not an integer")
            if low is not None and not low <= value <= high:
                raise BadRow("constraint-error", name, f"{value} is not between {low} and {high}")
            row[name] = value
    check_content(row)
    return row


def check_content(row: dict[str, Any]) -> None:
    """What is left to check once the numbers are read; the hour becomes a datetime. Raises BadRow."""
    if row["carrier"] not in CARRIERS:
        raise BadRow("constraint-error", "carrier", f"{row['carrier']!r} is not a carrier we know")
    tail = row["tailnum"]
    if tail is not None and not TAIL.fullmatch(tail):
        raise BadRow("constraint-error", "tailnum", f"{tail!r} is not a tail number")
    instant = row["time_hour"]
    try:
        if not INSTANT.fullmatch(instant):
            raise ValueError
        row["time_hour"] = datetime.fromisoformat(instant)
    except ValueError:
        raise BadRow("type-error", "time_hour", f"{instant!r} is not a datetime") from None


def key(row: dict[str, Any]) -> tuple[Any, ...]:
    """What makes a flight one flight."""
    return row["carrier"], row["flight"], row["time_hour"]


def record(row: dict[str, Any]) -> dict[str, Any]:
    """The row as the partner wants it."""
    minute, distance, scheduled = row["minute"], row["distance"], None
    if minute is not None:
        scheduled = (row["time_hour"] + timedelta(minutes=minute)).isoformat()[:19] + "Z"
    return {
        "flight": f"{row['carrier']}{row['flight']}",
        "tail": row["tailnum"],
        "from": row["origin"],
        "to": row["dest"],
        "scheduled": scheduled,
        "departure_delay_min": row["dep_delay"],
        "arrival_delay_min": row["arr_delay"],
        "distance_km": None if distance is None else round(distance * KM_PER_MILE, 3),
    }
