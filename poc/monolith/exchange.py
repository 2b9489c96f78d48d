"""One file, the monolith's way: read it whole, check it row by row, send it in requests of 500 rows."""

import csv
import io
import json
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from metrics.events import OUTCOMES
from poc.monolith import flights

REQUEST_ROWS = 500
ENCODER = json.JSONEncoder(separators=(",", ":"))


def exchange(path: Path, url: str, timeout_s: float, session: requests.Session) -> dict[str, Any]:
    """Exchange one file and tell how it went, in the words of the line protocol.

    The first bad row sets the file aside for an operator. The first request that fails ends the run; the next run
    sends the whole file again.
    """
    data = path.read_bytes()
    result: dict[str, Any] = {
        "outcome": "done", "error_type": "", "error": "", "sha256": "", "bytes_in": len(data), "bytes_out": 0,
        "calls": 0, "blocked_ns": 0, "stages_ns": {},
    }  # fmt: skip
    try:
        records = read(data)
    except flights.BadRow as bad:
        lines = max(data.count(b"\n") + (not data.endswith(b"\n")) - 1, 0) if data else 0
        return result | {
            "outcome": "refused", "error_type": bad.code, "error": str(bad), "rows": account(lines, refused=lines),
        }  # fmt: skip
    delivered = 0
    for start in range(0, len(records), REQUEST_ROWS):
        part = records[start : start + REQUEST_ROWS]
        body = "".join(ENCODER.encode(flights.record(row)) + "\n" for row in part).encode()
        result["calls"] += 1
        result["bytes_out"] += len(body)
        began = time.monotonic_ns()
        try:
            headers = {"Milepost-File": quote(path.name), "Milepost-Slot": str(start // REQUEST_ROWS)}
            answer = session.post(url, data=body, headers=headers, timeout=timeout_s, allow_redirects=False)
            answer.raise_for_status()
        except requests.RequestException as error:
            if isinstance(error, requests.Timeout):
                result["blocked_ns"] += time.monotonic_ns() - began
            result |= {"outcome": "failed", "error_type": failure(error), "error": str(error)[:300]}
            break
        delivered += len(part)
    return result | {"rows": account(len(records), delivered=delivered, failed=len(records) - delivered)}


def read(data: bytes) -> list[dict[str, Any]]:
    """All rows of a file, checked and typed. Raises BadRow for the first that is not good."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise flights.BadRow("encoding-error", "", f"not UTF-8: {error}") from error
    lines = csv.reader(io.StringIO(text, newline=""))
    if tuple(next(lines, ())) != flights.COLUMNS:
        raise flights.BadRow("incorrect-label", "", f"the header is not {', '.join(flights.COLUMNS)}")
    records: list[dict[str, Any]] = []
    seen: set[tuple[Any, ...]] = set()
    while True:
        try:
            cells = next(lines, None)
            if cells is None:
                return records
            if not cells:
                continue
            row = flights.check(cells)
        except csv.Error as error:
            raise flights.BadRow("source-error", "", f"row {len(records) + 1}: not CSV: {error}") from error
        except flights.BadRow as bad:
            raise flights.BadRow(bad.code, bad.field, f"row {len(records) + 1}: {bad.field} {bad}") from bad
        key = flights.key(row)
        if key in seen:
            raise flights.BadRow("primary-key", "", f"row {len(records) + 1}: the flight stands in an earlier row")
        seen.add(key)
        records.append(row)


def check(path: Path) -> list[int]:
    """The numbers, from 1, of all rows of a file that are not good: a checking pass, which sends nothing.

    A quote that nothing ends makes all that follows one row. Such a row is named, and the pass goes on with the line
    after its first, so that it finds what else is bad. Of a file with another header every row is.
    """
    data = path.read_bytes()
    undecodable = ""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text, undecodable = data.decode("utf-8-sig", "replace"), "\ufffd"
    lines = list(io.StringIO(text, newline=""))
    known = tuple(next(csv.reader(lines[:1]), ())) == flights.COLUMNS
    bad: list[int] = []
    seen: set[tuple[Any, ...]] = set()
    row, place = 0, 1
    reader = csv.reader(lines[place:])
    while place < len(lines):
        before = reader.line_num
        try:
            cells = next(reader)
        except csv.Error:
            cells = ["not CSV"]
        first, place = place, place + reader.line_num - before
        if not cells:
            continue
        row += 1
        spoilt = undecodable and undecodable in "".join(lines[first:place])
        if known and not spoilt and is_good(cells, seen):
            continue
        bad.append(row)
        if place > first + 1 and not is_whole(lines[first:place]):
            place = first + 1
            reader = csv.reader(lines[place:])
    return bad


def is_good(cells: list[str], seen: set[tuple[Any, ...]]) -> bool:
    """Whether a row is good and its flight stands in no earlier one; its flight is added to those seen."""
    try:
        key = flights.key(flights.check(cells))
    except flights.BadRow:
        return False
    if key in seen:
        return False
    seen.add(key)
    return True


def is_whole(lines: list[str]) -> bool:
    """Whether these lines are one row as CSV has it, each quote ended before the next cell."""
    try:
        return len(list(csv.reader(lines, strict=True))) == 1
    except csv.Error:
        return False


def failure(error: requests.RequestException) -> str:
    """The class of a failed request, by the same names as the service's."""
    if isinstance(error, requests.Timeout):
        return "time-out"
    if isinstance(error, requests.HTTPError) and error.response is not None:
        return f"http-{error.response.status_code}"
    return "connection"


def account(rows_in: int, **ended: int) -> dict[str, int]:
    """Where the rows of a file ended."""
    return {"in": rows_in, **dict.fromkeys(OUTCOMES, 0), **ended}
