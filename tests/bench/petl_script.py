"""Check and map the year's rows by a hand-written petl script: convert, validate, map the fields, write."""

from datetime import timedelta

import petl as etl
from script_requests import HOUR_FORMAT, KEY, NUMBERS, BrokenFile, answer_requests

from poc.monolith.flights import CARRIERS, COLUMNS, KM_PER_MILE, LIMITS, MISSING, REQUIRED, TAIL, TEXT


def text_or_none(text):
    """Return a text, or None for a missing value."""
    return None if text in MISSING else text


def number_or_none(text):
    """Return a whole number, or None for a missing value."""
    return None if text in MISSING else int(text)


def between(low, high):
    """Return the test of a number, which may be missing."""
    return lambda value: value is None or low <= value <= high


CONVERTERS = {
    **dict.fromkeys(NUMBERS, number_or_none),
    **dict.fromkeys(TEXT, text_or_none),
    "time_hour": etl.datetimeparser(HOUR_FORMAT, strict=True),
}
CONSTRAINTS = [
    *({"name": f"{name} in range", "field": name, "assertion": between(*LIMITS[name])} for name in LIMITS),
    *({"name": f"{name} there", "field": name, "assertion": lambda value: value is not None} for name in REQUIRED),
    {"name": "carrier known", "field": "carrier", "assertion": CARRIERS.__contains__},
    {"name": "tail number", "field": "tailnum", "assertion": lambda tail: tail is None or TAIL.fullmatch(tail)},
]
RECORD = {
    "flight": lambda row: f"{row['carrier']}{row['flight']}",
    "tail": "tailnum",
    "from": "origin",
    "to": "dest",
    "scheduled": lambda row: (row["time_hour"] + timedelta(minutes=row["minute"])).isoformat() + "Z",
    "departure_delay_min": "dep_delay",
    "arrival_delay_min": "arr_delay",
    "distance_km": ("distance", lambda miles: None if miles is None else round(miles * KM_PER_MILE, 3)),
}


def work(file: str, out: str) -> int:
    """Check a whole file, then write its records, and return their number."""
    # the tables are lazy: without a cache, each of the three steps reads and converts the file anew
    rows = etl.fromcsv(file, encoding="utf-8").convert(CONVERTERS, failonerror=True).cache()
    problems = rows.validate(constraints=CONSTRAINTS, header=COLUMNS)
    broken = set(problems.values("name"))
    if not rows.isunique(tuple(KEY)):
        broken.add("key once")
    if broken:
        raise BrokenFile(f"{file}: {', '.join(sorted(broken))}")
    rows.fieldmap(RECORD, failonerror=True).tojson(out, lines=True)
    return rows.nrows()


if __name__ == "__main__":
    answer_requests("petl", work)
