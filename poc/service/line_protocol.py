"""The line protocol: the service as a program that a harness drives, one JSON request per line, one result per line.

The first line says that the service is ready, with all feeds prepared, so that a measurement does not include its
start; and whether the service retries by itself what failed (`goes_on`), so that the harness does not.

    -> {"file": "/.../2013-W05.csv", "partner": "AA", "feed": "flights", "now": "2013-02-03T06:00:00+00:00"}
    <- {"outcome": "done", "rows": {"in": 640, "delivered": 640, ...}, "calls": 2, "exchange_id": "6f2a...", ...}
    -> {"resume": "6f2a...", "partner": "AA", "feed": "flights", "now": "2013-02-03T06:00:04+00:00"}
    -> {"files": ["/.../2014-01-06.csv", "/.../2014-01-07.csv"], "partner": "AA", "feed": "flights", "now": "..."}
    <- {"results": [{"outcome": "done", ...}, {"outcome": "refused", ...}]}
    -> {"resume": ["6f2a...", "91c0..."], "partner": "AA", "feed": "flights", "now": "..."}
    <- {"results": [{"outcome": "done", ...}, {"outcome": "done", ...}]}
    -> {"check": "/.../2013-W05.csv", "partner": "AA", "feed": "flights"}
    <- {"bad": [17, 203]}

`resume` resumes an exchange that was `due` at its `due_at`, or several of one feed together, as `files` does. `check`
lists every row of a file that breaks the contract, and exchanges nothing. `files` exchanges several files in one pass;
a service that can says so in its first line (`takes_files`). The result of a file that could not be exchanged is its
error.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from metrics.terminal import print_line
from poc.batch import SecondPassNeeded
from poc.config import workspace as config_workspace
from poc.errors import BadInput, ExchangeError, UnexpectedError
from poc.exchanges.exchange import exchange, resume
from poc.exchanges.file_pass import exchange_files
from poc.exchanges.joint_resume import resume_together
from poc.ledger.opening import open_ledger
from poc.ledger.workspace_id import FIXED_ID
from poc.pipeline.capabilities import has_capability, retries_itself
from poc.pipeline.levels import HIGHEST_LEVEL
from poc.pipeline.prepared_feed import prepare_feed
from poc.service.runner import tune_garbage_collector
from poc.stages.check import Check
from poc.transports.http import new_session
from poc.transports.source_file import open_regular

if TYPE_CHECKING:
    from collections.abc import Sequence

    from poc.batch import Finding
    from poc.exchanges.receipt import Receipt
    from poc.ledger.exchange_record import ExchangeRecord
    from poc.ledger.ledger import Ledger
    from poc.pipeline.prepared_feed import PreparedFeed

#: Encoder of the answers; making one takes longer than encoding an answer.
ENCODER = json.JSONEncoder(separators=(",", ":"))


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """Return a receipt as a JSON object of the protocol."""
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


def error_json(error: Exception) -> dict[str, Any]:
    """Return an error as a JSON object of the protocol."""
    known = error if isinstance(error, ExchangeError) else UnexpectedError.of(error)
    return {"error": str(known), "exit_code": known.exit_code}


def results_json(results: Sequence[Receipt | Exception]) -> dict[str, Any]:
    """Return the results of several files as a JSON object of the protocol."""
    return {"results": [error_json(part) if isinstance(part, Exception) else receipt_json(part) for part in results]}


def find_invalid_rows(prepared: PreparedFeed, path: Path) -> list[int]:
    """Return the numbers of all rows of a file that break the contract; nothing is sent or stored.

    Raises:
        BadInput: there is no such file.
        ContractBreach: the file cannot be read under its contract.
    """
    known: dict[int, tuple[Finding, ...]] = {}
    source, _ = open_regular(path)
    with source:
        while True:
            source.seek(0)
            try:
                check = Check(prepared.contract, known)
                batches = prepared.map(check(prepared.reader.read(source)))
                return sorted(rejected.row for batch in batches for rejected in batch.rejected)
            except SecondPassNeeded as second_pass:
                known = second_pass.findings_by_row()


def handle_request(request: dict[str, Any], prepared: PreparedFeed, ledger: Ledger) -> dict[str, Any]:
    """Handle one request, and return its result.

    Raises ExchangeError; KeyError or ValueError for an invalid request.
    """
    if "check" in request:
        return {"bad": find_invalid_rows(prepared, Path(request["check"]))}
    now = datetime.fromisoformat(request["now"])
    if "files" in request:
        if not has_capability("pass", prepared.level):
            raise BadInput("this level exchanges one file at a time; send `file`, not `files`")
        return results_json(exchange_files(prepared, [Path(path) for path in request["files"]], now, ledger))
    if "resume" not in request:
        return receipt_json(exchange(prepared, Path(request["file"]), now, ledger))
    if isinstance(request["resume"], list):
        entries = [find_exchange(ledger, key) for key in request["resume"]]
        return results_json(resume_together(prepared, [(entry, None) for entry in entries], now, ledger))
    return receipt_json(resume(prepared, find_exchange(ledger, request["resume"]), now, ledger))


def find_exchange(ledger: Ledger, exchange_id: str) -> ExchangeRecord:
    """Return an exchange by its id. Raises BadInput where there is none."""
    entry = ledger.get(exchange_id)
    if entry is None:
        raise BadInput(f"no exchange {exchange_id!r} in this ledger")
    return entry


def main(arguments: list[str] | None = None) -> int:
    """Handle requests until the input ends."""
    parser = argparse.ArgumentParser(
        prog="python -m poc.service.line_protocol", description="Run the exchange service on a line protocol."
    )
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True, help="folder for the ledger of this process")
    parser.add_argument("--endpoint", help="base URL that replaces every partner's own destination")
    parser.add_argument("--level", type=int, default=HIGHEST_LEVEL, choices=range(1, HIGHEST_LEVEL + 1))
    options = parser.parse_args(arguments)
    try:
        workspace = config_workspace.load_workspace(options.workspace)
        ledger = open_ledger(options.state / "ledger.db", fixed_id=FIXED_ID)
    except ExchangeError as error:
        print_line(f"milepost: {error}", err=True)
        return error.exit_code
    session = new_session()
    prepared_feeds: dict[tuple[str, str], PreparedFeed] = {}
    for name in workspace.select_feeds(None):
        with suppress(ExchangeError):  # reported when a file of the feed is handed in
            prepared_feeds[name] = prepare_feed(workspace, *name, options.level, session, options.endpoint)
    tune_garbage_collector()
    takes_files = has_capability("pass", options.level)
    write_line(
        {"ready": f"service@{options.level}", "goes_on": retries_itself(options.level), "takes_files": takes_files}
    )
    for line in sys.stdin:
        try:
            request = json.loads(line)
            name = (request["partner"], request["feed"])
            if name not in prepared_feeds:
                prepared_feeds[name] = prepare_feed(workspace, *name, options.level, session, options.endpoint)
            write_line(handle_request(request, prepared_feeds[name], ledger))
        except ExchangeError as error:
            write_line(error_json(error))
        except (ValueError, KeyError, TypeError) as error:
            write_line({"error": f"not a request: {error!r}", "exit_code": 2})
    ledger.close()
    return 0


def write_line(message: dict[str, Any]) -> None:
    """Write one line, and flush it."""
    sys.stdout.write(ENCODER.encode(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
