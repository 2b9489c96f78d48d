"""Check and map the year's rows by a hand-written polars script: scan, check, map, sink; no ledger, no account."""

import polars as pl
from script_requests import HOUR_FORMAT, KEY, NUMBERS, BrokenFile, answer_requests

from poc.monolith.flights import CARRIERS, KM_PER_MILE, LIMITS, REQUIRED, TEXT


def work(file: str, out: str) -> int:
    """Check a whole file, then write its records, and return their number."""
    types = dict.fromkeys(TEXT, pl.String) | dict.fromkeys(NUMBERS, pl.Int64)
    rows = pl.scan_csv(file, null_values=["", "NA"], schema_overrides=types).with_columns(
        pl.col("time_hour").str.to_datetime(HOUR_FORMAT, strict=True)
    ).collect()  # fmt: skip
    kept = rows.select(
        *(pl.col(name).is_between(*limits).all().alias(f"{name} in range") for name, limits in LIMITS.items()),
        *(pl.col(name).is_not_null().all().alias(f"{name} there") for name in REQUIRED),
        pl.col("carrier").is_in(list(CARRIERS)).all().alias("carrier known"),
        pl.col("tailnum").str.contains("^[A-Z][0-9][0-9A-Z]{1,4}$").all().alias("tail number"),
        (pl.struct(KEY).n_unique() == pl.len()).alias("key once"),
    )
    broken = [name for name, holds in kept.row(0, named=True).items() if not holds]
    if broken:
        raise BrokenFile(f"{file}: {', '.join(broken)}")
    rows.lazy().select(
        flight=pl.col("carrier") + pl.col("flight").cast(pl.String),
        tail="tailnum",
        **{"from": "origin"},
        to="dest",
        scheduled=(pl.col("time_hour") + pl.duration(minutes="minute")).dt.strftime(HOUR_FORMAT),
        departure_delay_min="dep_delay",
        arrival_delay_min="arr_delay",
        distance_km=(pl.col("distance") * KM_PER_MILE).round(3),
    ).sink_ndjson(out)
    return rows.height


if __name__ == "__main__":
    answer_requests("polars", work, (pl.exceptions.PolarsError,))
