"""Check and map the year's rows by a hand-written DuckDB script: load, check, map and copy, all in SQL."""

from functools import partial

import duckdb
from script_requests import HOUR_FORMAT, KEY, BrokenFile, answer_requests

from poc.monolith.flights import CARRIERS, COLUMNS, KM_PER_MILE, LIMITS, REQUIRED, TAIL, TEXT

TYPES = {name: "VARCHAR" if name in TEXT else "BIGINT" for name in COLUMNS} | {"time_hour": "TIMESTAMP"}
LOAD = f"""
    CREATE OR REPLACE TEMP TABLE flights AS
    FROM read_csv(
        $file, header = true, delim = ',', columns = $types, nullstr = ['', 'NA'],
        timestampformat = '{HOUR_FORMAT}', auto_detect = false
    )
"""
HOLDS = {
    **{f"{name} in range": f"bool_and({name} BETWEEN {low} AND {high})" for name, (low, high) in LIMITS.items()},
    **{f"{name} there": f"count({name}) = count(*)" for name in REQUIRED},
    "carrier known": f"bool_and(carrier IN {tuple(sorted(CARRIERS))})",
    "tail number": f"bool_and(regexp_full_match(tailnum, '{TAIL.pattern}'))",
    "key once": f"count(DISTINCT ({', '.join(KEY)})) = count(*)",
}
CHECK = f"SELECT count(*), {', '.join(HOLDS.values())} FROM flights"
COPY = f"""
    COPY (
        SELECT
            carrier || flight AS flight,
            tailnum AS tail,
            origin AS "from",
            dest AS "to",
            strftime(time_hour + to_minutes(minute), '{HOUR_FORMAT}') AS scheduled,
            dep_delay AS departure_delay_min,
            arr_delay AS arrival_delay_min,
            round(distance * {KM_PER_MILE}, 3) AS distance_km
        FROM flights
    ) TO '{{out}}' (FORMAT json)
"""


def work(database: duckdb.DuckDBPyConnection, file: str, out: str) -> int:
    """Check a whole file, then write its records, and return their number."""
    database.execute(LOAD, {"file": file, "types": TYPES})
    rows, *holds = database.execute(CHECK).fetchone()
    broken = [name for name, held in zip(HOLDS, holds, strict=True) if held is False]
    if broken:
        raise BrokenFile(f"{file}: {', '.join(broken)}")
    database.execute(COPY.format(out=out.replace("'", "''")))
    return rows


if __name__ == "__main__":
    answer_requests("duckdb", partial(work, duckdb.connect()), (duckdb.Error,))
