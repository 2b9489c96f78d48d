"""Run the practice partner as a program: `python -m poc.practice_partner`."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from waitress.server import create_server

from poc.practice_partner.server import PartnerApplication, PartnerChannel
from poc.practice_partner.state import PartnerState


def main(arguments: list[str] | None = None) -> int:
    """Serve until the standard input ends or SIGTERM comes."""
    parser = argparse.ArgumentParser(prog="python -m poc.practice_partner", description="Run a practice partner.")
    parser.add_argument("--plan", type=Path, help="JSON file of faults; without it there are none")
    parser.add_argument("--keep", type=Path, required=True, help="folder for accepted deliveries")
    parser.add_argument("--port", type=int, default=0, help="port on loopback; 0 takes a free one")
    options = parser.parse_args(arguments)
    plan = json.loads(options.plan.read_text("utf-8")) if options.plan else {}
    partner = PartnerState(plan, options.keep)
    try:
        server: Any = create_server(
            PartnerApplication(partner),
            host="127.0.0.1",
            port=options.port,
            threads=8,
            channel_timeout=3600,
            channel_request_lookahead=1,
            recv_bytes=1 << 16,  # a body in few reads
        )
    except OSError as error:
        print(f"milepost: port {options.port}: {error.strerror}; choose another with --port", file=sys.stderr)  # noqa: T201
        return 2
    server.channel_class = PartnerChannel
    server.partner = partner
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(json.dumps({"ready": f"http://127.0.0.1:{server.effective_port}"}), flush=True)  # noqa: T201
    threading.Thread(target=_end_with_input, daemon=True).start()
    server.run()
    return 0


def _end_with_input() -> None:
    # without Python's buffer, whose lock this thread would hold when the interpreter ends
    with suppress(OSError):  # no standard input
        while os.read(0, 1):
            pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
