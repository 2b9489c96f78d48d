"""Check and map the year's rows as a dlt pipeline, to JSON Lines on disk; one request a line on stdin."""

import csv
import json
import os
import sys
from pathlib import Path

os.environ.update(RUNTIME__DLTHUB_TELEMETRY="false", RUNTIME__LOG_LEVEL="ERROR")

import dlt

from poc.monolith import flights


def records(file: str):
    """Yield the partner's records of a file, checked row by row."""
    with Path(file).open(newline="") as source:
        lines = csv.reader(source)
        next(lines)
        seen = set()
        for cells in lines:
            row = flights.check(cells)
            key = flights.key(row)
            if key in seen:
                raise SystemExit(f"{file}: {key} stands twice")
            seen.add(key)
            yield flights.record(row)


def work(file: str, folder: str) -> None:
    """Extract, normalize and load one file."""
    destination = dlt.destinations.filesystem(bucket_url=Path(folder).as_uri())
    pipeline = dlt.pipeline("bench", destination=destination, dataset_name="flights", pipelines_dir=f"{folder}/state")
    pipeline.run(records(file), table_name="flights", loader_file_format="jsonl", write_disposition="replace")


if __name__ == "__main__":
    print(json.dumps({"ready": "dlt"}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        work(request["file"], request["out"])
        print(json.dumps({"rows": 0}), flush=True)
