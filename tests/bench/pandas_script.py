"""Check and map the year's rows by a hand-written pandas script on Arrow columns: read, check, map, write."""

import pandas as pd
from script_requests import HOUR_FORMAT, KEY, NUMBERS, BrokenFile, answer_requests

from poc.monolith.flights import CARRIERS, KM_PER_MILE, LIMITS, REQUIRED, TAIL, TEXT


def work(file: str, out: str) -> int:
    """Check a whole file, then write its records, and return their number."""
    rows = pd.read_csv(
        file,
        engine="pyarrow",
        dtype=dict.fromkeys(TEXT, "string[pyarrow]") | dict.fromkeys(NUMBERS, "int64[pyarrow]"),
        na_values=["", "NA"],
        keep_default_na=False,
    )
    hour = pd.to_datetime(rows["time_hour"], format=HOUR_FORMAT, utc=True)
    holds = {
        **{f"{name} in range": rows[name].between(*limits).all() for name, limits in LIMITS.items()},
        **{f"{name} there": rows[name].notna().all() for name in REQUIRED},
        "carrier known": rows["carrier"].isin(CARRIERS).all(),
        "tail number": rows["tailnum"].str.fullmatch(TAIL.pattern).all(),
        "key once": not rows.duplicated(KEY).any(),
    }
    broken = [name for name, held in holds.items() if not held]
    if broken:
        raise BrokenFile(f"{file}: {', '.join(broken)}")
    records = pd.DataFrame(
        {
            "flight": rows["carrier"] + rows["flight"].astype("string[pyarrow]"),
            "tail": rows["tailnum"],
            "from": rows["origin"],
            "to": rows["dest"],
            # text, because to_json takes twice the time for datetimes
            "scheduled": (hour + pd.to_timedelta(rows["minute"], unit="min")).dt.strftime(HOUR_FORMAT),
            "departure_delay_min": rows["dep_delay"],
            "arrival_delay_min": rows["arr_delay"],
            "distance_km": (rows["distance"] * KM_PER_MILE).round(3),
        }
    )
    records.to_json(out, orient="records", lines=True)
    return len(records)


if __name__ == "__main__":
    answer_requests("pandas", work)
