"""A minimal service for tests: it quarantines bad rows, and resumes an exchange by itself an hour after a failure.

It speaks the line protocol, so that the tests of the replay do not depend on the real service. With `--moody` it
refuses files with bad rows, as level 1 does; with `--silly` it also quarantines the first row. With `--files` it takes
several files in one request, with `--goes-on` it takes up by itself what a kill left, and with `--forgetful` it leaves
out the last result of each request with several files.
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from poc.monolith import flights
from poc.monolith.exchange import check

ENDPOINT = sys.argv[sys.argv.index("--endpoint") + 1]
STATE = Path(sys.argv[sys.argv.index("--state") + 1])


def exchange(path: Path, place: str, now: datetime, done: set[int]) -> dict[str, Any]:
    """Send the good rows of a file that were not sent yet."""
    bad = check(path)
    lines = path.read_text().splitlines()[1:]
    if bad and "--moody" in sys.argv:
        return {"outcome": "refused", "rows": {"in": len(lines), "refused": len(lines)}}
    quarantined = [*bad, 1] if "--silly" in sys.argv and 1 not in bad else bad
    good = [n for n in range(1, len(lines) + 1) if n not in quarantined]
    rows = {"in": len(lines), "quarantined": len(quarantined)}
    calls = 0
    for slot in range((len(good) + 499) // 500):
        if slot in done:
            continue
        part = [flights.record(flights.check(lines[n - 1].split(","))) for n in good[slot * 500 : slot * 500 + 500]]
        body = "".join(json.dumps(record) + "\n" for record in part).encode()
        head = {"Milepost-File": path.name, "Milepost-Slot": str(slot)}
        calls += 1
        try:
            urllib.request.urlopen(urllib.request.Request(f"{ENDPOINT}/{place}", body, head), timeout=2).close()
        except OSError as error:
            sent = min(len(done) * 500, len(good))
            answer = {"outcome": "due", "exchange_id": f"{place}/{path.name}", "error_type": type(error).__name__}
            answer["due_at"] = (now + timedelta(hours=1)).isoformat()
            return answer | {
                "rows": rows | {"delivered": sent, "due": len(good) - sent},
                "calls": calls,
                "aside": quarantined,
            }
        done.add(slot)
    return {"outcome": "done", "rows": rows | {"delivered": len(good)}, "calls": calls, "aside": quarantined}


def main() -> None:
    """Answer requests until the input ends."""
    ready = {"ready": "steady", "takes_files": "--files" in sys.argv, "goes_on": "--goes-on" in sys.argv}
    print(json.dumps(ready), flush=True)
    begun: dict[str, tuple[Path, str, set[int]]] = {}
    for line in sys.stdin:
        request = json.loads(line)
        with (STATE / "heard.jsonl").open("a") as log:
            log.write(line)
        if "check" in request:
            print(json.dumps({"bad": check(Path(request["check"]))}), flush=True)
            continue
        place = f"{request['partner']}/{request['feed']}"
        results = []
        for file in request.get("files", [request["file"]] if "file" in request else []):
            path = Path(file)
            begun[f"{place}/{path.name}"] = (path, place, set())
            results.append(answer(begun[f"{place}/{path.name}"], request))
        if "resume" in request:
            results = [answer(begun[request["resume"]], request)]
        if "files" not in request:
            print(json.dumps(results[0]), flush=True)
        else:
            forgotten = "--forgetful" in sys.argv and len(results) > 2  # warm-ups have two files
            print(json.dumps({"results": results[:-1] if forgotten else results}), flush=True)


def answer(begun: tuple[Path, str, set[int]], request: dict[str, Any]) -> dict[str, Any]:
    """Exchange a file, and return the result with all keys of the protocol."""
    path, place, done = begun
    result = exchange(path, place, datetime.fromisoformat(request["now"]), done)
    return {"error": "", "error_type": "", "sha256": "", **result}


if __name__ == "__main__":
    main()
