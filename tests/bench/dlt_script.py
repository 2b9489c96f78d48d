"""Check and map the year's rows as a dlt pipeline, to JSON Lines in the folder `out`."""

import csv
import os
from pathlib import Path

os.environ.update(
    RUNTIME__DLTHUB_TELEMETRY="false", RUNTIME__LOG_LEVEL="ERROR", NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION="true"
)

import dlt
from dlt.pipeline.exceptions import PipelineStepFailed
from script_requests import BrokenFile, answer_requests

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
                raise BrokenFile(f"{file}: {key} stands twice")
            seen.add(key)
            yield flights.record(row)


def work(file: str, out: str) -> int:
    """Extract, normalize and load one file, and return the number of its records."""
    destination = dlt.destinations.filesystem(bucket_url=Path(out).as_uri())
    pipeline = dlt.pipeline("bench", destination=destination, dataset_name="flights", pipelines_dir=f"{out}/state")
    pipeline.run(
        records(file),
        table_name="flights",
        loader_file_format="jsonl",
        write_disposition="replace",
        columns={
            "scheduled": {"data_type": "text"}
        },  # as the record has it; as a timestamp, dlt would write it its way
    )
    return pipeline.last_trace.last_normalize_info.row_counts["flights"]


if __name__ == "__main__":
    answer_requests("dlt", work, (PipelineStepFailed,))
