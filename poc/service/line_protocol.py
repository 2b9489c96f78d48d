"""The line protocol: the service as a program that is driven from outside, one JSON request a line, one result a line.

A first line says that it is ready, so that whoever measures does not measure the start; and whether the service goes on
by itself with what failed, so that nobody else does.

    -> {"file": "/.../2013-W05.csv", "partner": "AA", "feed": "flights", "now": "2013-02-03T06:00:00+00:00"}
    <- {"outcome": "done", "rows": {"in": 640, "delivered": 640, ...}, "calls": 2, "exchange_id": "6f2a...", ...}
    -> {"resume": "6f2a...", "partner": "AA", "feed": "flights", "now": "2013-02-03T06:00:04+00:00"}
    -> {"check": "/.../2013-W05.csv", "partner": "AA", "feed": "flights"}
    <- {"bad": [17, 203]}

`resume` goes on with an exchange that was `due` at its `due_at`. `check` names every bad row of a file and does nothing
with it.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poc.batch import SecondPassNeeded
from poc.config import workspace as config_workspace
from poc.errors import BadInput, ExchangeError
from poc.ledger.ledger import open_ledger
from poc.pipeline.capabilities import HIGHEST_LEVEL, retries_itself
from poc.pipeline.prepared_feed import prepare_feed
from poc.service.exchange import exchange, resume
from poc.stages.check import Check
from poc.transports.http import new_session
from poc.transports.source_file import open_regular

if TYPE_CHECKING:
    from poc.batch import Finding
    from poc.ledger.ledger import Ledger
    from poc.pipeline.prepared_feed import PreparedFeed
    from poc.service.receipt import Receipt


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """A receipt as the protocol tells it."""
    due_at_us = receipt.due_at_us
    return {
        "outcome": receipt.outcome,
        "rows": receipt.account.as_dict(),
        "error_type": receipt.error_type,
        "error": receipt.error,
        "sha256": receipt.sha256,
        "bytes_in": receipt.bytes_in,
        "bytes_out": receipt.bytes_out,
        "calls": receipt.calls,
        "blocked_ns": int(receipt.blocked_s * 1e9),
        "stages_ns": dict(receipt.stages_ns),
        "exchange_id": receipt.exchange_id,
        "due_at": None if due_at_us is None else datetime.fromtimestamp(due_at_us / 1e6, UTC).isoformat(),
        "aside": list(receipt.quarantined_rows),
        "reasons": dict(receipt.reasons),
    }


def find_invalid_rows(prepared: PreparedFeed, path: Path) -> list[int]:
    """The numbers of all rows of a file that break the contract; nothing is sent, nothing entered.

    Raises:
        BadInput: there is no such file.
        ContractBreach: it cannot be read as one.
    """
    known: dict[int, tuple[Finding, ...]] = {}
    source, _ = open_regular(path)
    with source:
        while True:
            source.seek(0)
            try:
                check = Check(prepared.contract, known)
                return sorted(
                    bad.row for batch in prepared.map(check(prepared.reader.read(source))) for bad in batch.rejected
                )
            except SecondPassNeeded as recall:
                known = recall.findings_by_row()


def handle_request(request: dict[str, Any], ready: PreparedFeed, ledger: Ledger) -> dict[str, Any]:
    """What one request leads to. Raises ExchangeError, and KeyError or ValueError for what is no request."""
    if "check" in request:
        return {"bad": find_invalid_rows(ready, Path(request["check"]))}
    now = datetime.fromisoformat(request["now"])
    if "resume" not in request:
        return receipt_json(exchange(ready, Path(request["file"]), now, ledger))
    entry = ledger.get(request["resume"])
    if entry is None:
        raise BadInput(f"no exchange {request['resume']!r} in this ledger")
    return receipt_json(resume(ready, entry, now, ledger))


def main(arguments: list[str] | None = None) -> int:
    """Answer requests until the input ends."""
    parser = argparse.ArgumentParser(prog="python -m poc.subject", description="The exchange service, driven by lines.")
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True, help="folder of this subject's own ledger")
    parser.add_argument("--endpoint", help="base URL that stands for every partner's own place")
    parser.add_argument("--level", type=int, default=HIGHEST_LEVEL, choices=range(1, HIGHEST_LEVEL + 1))
    options = parser.parse_args(arguments)
    try:
        workspace = config_workspace.load_workspace(options.workspace)
        ledger = open_ledger(options.state / "ledger.db")
    except ExchangeError as error:
        print(f"milepost: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    session = new_session()
    prepared_feeds: dict[tuple[str, str], PreparedFeed] = {}
    write_line({"ready": f"service@{options.level}", "goes_on": retries_itself(options.level)})
    for line in sys.stdin:
        try:
            request = json.loads(line)
            name = (request["partner"], request["feed"])
            if name not in prepared_feeds:
                prepared_feeds[name] = prepare_feed(workspace, *name, options.level, session, options.endpoint)
            write_line(handle_request(request, prepared_feeds[name], ledger))
        except ExchangeError as error:
            write_line({"error": str(error), "exit_code": error.exit_code})
        except (ValueError, KeyError, TypeError) as error:
            write_line({"error": f"not a request: {error!r}", "exit_code": 2})
    ledger.close()
    return 0


def write_line(answer: dict[str, Any]) -> None:
    """One line out, at once."""
    sys.stdout.write(json.dumps(answer, separators=(",", ":")) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
