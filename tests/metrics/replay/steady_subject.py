"""A minimal service for tests: it quarantines bad rows, and resumes an exchange by itself an hour after a failure.

It speaks the line protocol, so that the tests of the replay do not depend on the real service. With `--moody` it
refuses files with bad rows, as level 1 does; with `--silly` it also quarantines the first row.
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
    print(json.dumps({"ready": "steady"}), flush=True)
    begun: dict[str, tuple[Path, str, set[int]]] = {}
    for line in sys.stdin:
        request = json.loads(line)
        with (STATE / "heard.jsonl").open("a") as log:
            log.write(line)
        if "check" in request:
            print(json.dumps({"bad": check(Path(request["check"]))}), flush=True)
            continue
        place = f"{request['partner']}/{request['feed']}"
        if "file" in request:
            path = Path(request["file"])
            begun[f"{place}/{path.name}"] = (path, place, set())
            name = f"{place}/{path.name}"
        else:
            name = request["resume"]
        answer = exchange(begun[name][0], place, datetime.fromisoformat(request["now"]), begun[name][2])
        print(json.dumps({"error": "", "error_type": "", "sha256": "", **answer}), flush=True)


if __name__ == "__main__":
    main()
