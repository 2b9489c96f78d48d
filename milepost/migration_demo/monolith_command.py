"""The monolith as a command on one file: `python monolith_command.py FILE URL [DECIMALS]`.

It reads, checks and maps flights as `poc.monolith` does, and posts 500 rows at a time. With DECIMALS, it rounds
distances to so many digits, as a monolith of another make does. It needs the standard library alone, and starts in a
few hundredths of a second, as it is started for each file.
"""

from __future__ import annotations

import csv
import io
import json
import socket
import sys
from pathlib import Path
from typing import Any

ROWS = 500


def main() -> int:
    """Exchange the file; return 0, or 1 where the partner did not take all of it."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from poc.monolith import flights

    file, url = Path(sys.argv[1]), sys.argv[2]
    decimals = int(sys.argv[3]) if len(sys.argv) > 3 else None
    rows = csv.reader(io.StringIO(file.read_text("utf-8-sig"), newline=""))
    if tuple(next(rows, ())) != flights.COLUMNS:
        sys.stderr.write("the header is another one\n")
        return 1
    records = [flights.record(flights.check(cells)) for cells in rows if cells]
    for record in records:
        if decimals is not None and record["distance_km"] is not None:
            record["distance_km"] = round(record["distance_km"], decimals)
    address, _, path = url.removeprefix("http://").partition("/")
    host, _, port = address.partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        answers = connection.makefile("rb")
        for start in range(0, len(records), ROWS):
            status = post(connection, answers, address, path, records[start : start + ROWS])
            if not 200 <= status < 300:
                sys.stderr.write(f"request {start // ROWS}: the partner answered {status}\n")
                return 1
    return 0


def post(connection: socket.socket, answers: Any, host: str, path: str, records: list[dict[str, Any]]) -> int:
    """Send one request, and return the status of the answer; 0 where there is none."""
    body = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records).encode()
    head = f"POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/jsonl\r\nContent-Length: {len(body)}"
    connection.sendall(head.encode() + b"\r\n\r\n" + body)
    first = answers.readline().split(b" ", 2)
    length = 0
    while (line := answers.readline()) not in {b"\r\n", b""}:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    answers.read(length)
    return int(first[1]) if len(first) > 1 else 0


if __name__ == "__main__":
    sys.exit(main())
