"""Requests to the scripts that the exchange bench compares the service with.

A script takes one request a line, so that it is as warm as the programs that it is compared with:
`{"file": ..., "out": ...}` in, `{"rows": n}` out, or `{"error": ...}` for a file that breaks the contract.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from poc.monolith.flights import COLUMNS, TEXT

if TYPE_CHECKING:
    from collections.abc import Callable

NUMBERS = [name for name in COLUMNS if name not in TEXT]
KEY = ["carrier", "flight", "time_hour"]
HOUR_FORMAT = "%Y-%m-%dT%H:%M:%SZ"


class BrokenFile(ValueError):
    """A file holds a row that breaks the contract."""


def answer_requests(
    name: str, work: Callable[[str, str], int], library_errors: tuple[type[Exception], ...] = ()
) -> None:
    """Answer requests by `work(file, out)`, which returns the number of rows, until the input ends."""
    print(json.dumps({"ready": name}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"rows": work(request["file"], request["out"])}
        except (ValueError, *library_errors) as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:300]}
        print(json.dumps(answer), flush=True)
