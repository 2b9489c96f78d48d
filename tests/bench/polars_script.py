"""Check and map the year's rows by a hand-written polars script: scan, check, map, sink; no ledger, no account.

It takes one request a line, so that it is as warm as the programs that it is compared with:
`{"file": ..., "out": ...}` in, `{"rows": n}` out.
"""

import json
import sys

import polars as pl

CARRIERS = ["9E", "AA", "AS", "B6", "DL", "EV", "F9", "FL", "HA", "MQ", "OO", "UA", "US", "VX", "WN", "YV"]
TEXT = ["carrier", "tailnum", "origin", "dest", "time_hour"]
NUMBERS = [
    "year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time", "arr_delay",
    "flight", "air_time", "distance", "hour", "minute",
]  # fmt: skip
LIMITS = {
    "month": (1, 12), "day": (1, 31), "hour": (0, 23), "minute": (0, 59), "sched_dep_time": (0, 2359),
    "distance": (1, 20_000),
}  # fmt: skip
REQUIRED = ["carrier", "flight", "origin", "dest", "sched_dep_time", "time_hour"]
KEY = ["carrier", "flight", "time_hour"]


def work(file: str, out: str) -> int:
    """Check a whole file, then write its records, and return their number."""
    types = dict.fromkeys(TEXT, pl.String) | dict.fromkeys(NUMBERS, pl.Int64)
    rows = pl.scan_csv(file, null_values=["", "NA"], schema_overrides=types).with_columns(
        pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", strict=True)
    ).collect()  # fmt: skip
    kept = rows.select(
        *(pl.col(name).is_between(*limits).all().alias(f"{name} in range") for name, limits in LIMITS.items()),
        *(pl.col(name).is_not_null().all().alias(f"{name} there") for name in REQUIRED),
        pl.col("carrier").is_in(CARRIERS).all().alias("carrier known"),
        pl.col("tailnum").str.contains("^[A-Z][0-9][0-9A-Z]{1,4}$").all().alias("tail number"),
        (pl.struct(KEY).n_unique() == pl.len()).alias("key once"),
    )
    broken = [name for name, holds in kept.row(0, named=True).items() if not holds]
    if broken:
        raise SystemExit(f"{file}: {', '.join(broken)}")
    rows.lazy().select(
        flight=pl.col("carrier") + pl.col("flight").cast(pl.String),
        tail="tailnum",
        **{"from": "origin"},
        to="dest",
        scheduled=(pl.col("time_hour") + pl.duration(minutes="minute")).dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
        departure_delay_min="dep_delay",
        arrival_delay_min="arr_delay",
        distance_km=(pl.col("distance") * 1.609344).round(3),
    ).sink_ndjson(out)
    return rows.height


if __name__ == "__main__":
    print(json.dumps({"ready": "polars"}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps({"rows": work(request["file"], request["out"])}), flush=True)
