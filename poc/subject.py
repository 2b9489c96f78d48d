"""The line protocol: the service as a program that is driven from outside, one JSON request a line, one result a line.

A first line says that it is ready, so that whoever measures does not measure the start.

    -> {"file": "/.../2013-W05.csv", "partner": "AA", "feed": "flights", "now": "2013-02-03T06:00:00+00:00"}
    <- {"outcome": "done", "rows": {"in": 640, "delivered": 640, ...}, "calls": 2, "blocked_ns": 0, ...}
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from poc import config, contract
from poc.errors import ExchangeError
from poc.exchange import Lane, Receipt, exchange
from poc.ledger import open_ledger
from poc.line import BUILT
from poc.transports.http import Place, new_session


def lane(workspace: config.Workspace, partner_id: str, feed_id: str, level: int, endpoint: str | None = None) -> Lane:
    """Make a feed ready at a level; `endpoint`, where given, stands for every partner's own URL. Raises BadInput."""
    partner, feed = workspace.find(partner_id, feed_id)
    base = f"{endpoint.rstrip('/')}/{partner_id}" if endpoint else partner.endpoint.url.rstrip("/")
    place = Place(f"{base}/{feed_id}", partner.endpoint.timeout_s)
    return Lane(partner_id, feed_id, feed, contract.load(workspace.contract(feed)), place, level)


def result(receipt: Receipt) -> dict[str, Any]:
    """A receipt as the protocol tells it."""
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
    }


def main(arguments: list[str] | None = None) -> int:
    """Answer requests until the input ends."""
    parser = argparse.ArgumentParser(prog="python -m poc.subject", description="The exchange service, driven by lines.")
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True, help="folder of this subject's own ledger")
    parser.add_argument("--endpoint", required=True, help="base URL that stands for every partner's own")
    parser.add_argument("--level", type=int, default=BUILT, choices=range(1, BUILT + 1))
    options = parser.parse_args(arguments)
    try:
        workspace = config.load(options.workspace)
        ledger = open_ledger(options.state / "ledger.db")
    except ExchangeError as error:
        print(f"milepost: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    session = new_session()
    lanes: dict[tuple[str, str], Lane] = {}
    say({"ready": f"service@{options.level}"})
    for line in sys.stdin:
        try:
            request = json.loads(line)
            name = (request["partner"], request["feed"])
            if name not in lanes:
                lanes[name] = lane(workspace, *name, options.level, options.endpoint)
            now = datetime.fromisoformat(request["now"])
            say(result(exchange(lanes[name], Path(request["file"]), now, ledger, session)))
        except ExchangeError as error:
            say({"error": str(error), "exit_code": error.exit_code})
        except (ValueError, KeyError, TypeError) as error:
            say({"error": f"not a request: {error!r}", "exit_code": 2})
    ledger.close()
    return 0


def say(answer: dict[str, Any]) -> None:
    """One line out, at once."""
    sys.stdout.write(json.dumps(answer, separators=(",", ":")) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
