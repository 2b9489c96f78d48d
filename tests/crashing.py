"""A service that is killed at a step, for tests: `python tests/crashing.py WORKSPACE NOW LEVEL`.

`MILEPOST_DIE_AT` in the environment names the step, as in `after:send:1`: after the second request is sent. The steps
wrap the shipped code from outside, so that it contains nothing for the test. `MILEPOST_DIE_BY` may name another signal:
SIGSTOP stops the process once, and it goes on when it is continued. The last line of the output says whether the
service reached its end.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

STEPS = {
    "open": ("poc.exchanges.exchange", "open_regular"),
    "read": ("poc.exchanges.file_pass", "open_regular"),
    "find": ("poc.ledger.ledger", "Ledger.find"),
    "enter": ("poc.ledger.ledger", "Ledger.record_attempt"),
    "commit": ("poc.ledger.ledger", "Ledger.commit"),
    "reserve": ("poc.delivery.outbox", "Outbox.reserve"),
    "send": ("poc.delivery.sender", "RequestSender.send"),
    "confirm": ("poc.delivery.outbox", "Outbox.confirm"),
    "mark": ("poc.delivery.outbox", "Outbox.set_state"),
    "tidy": ("poc.delivery.outbox", "Outbox.end"),
    "publish": ("poc.transports.folder", "publish"),
    "put away": ("poc.service.finished_file", "archive_file"),
    "give": ("poc.service.route_work", "give_to_side"),
    "hand over": ("poc.route.sides.monolith_side", "hand_over"),
    "note": ("poc.route.sides.monolith_side", "update_sender"),
    "command": ("poc.route.sides.monolith_side", "run_command"),
    "running": ("poc.route.sides.command", "killed_after"),
    "put away monolith": ("poc.service.route_work", "archive_file"),
    "shadow": ("poc.route.sides.shadow", "exchange"),
    "compare": ("poc.route.sides.comparison", "compare_file"),
    "fetch": ("poc.pickup.fetch", "copy_to_part"),
    "note fetched": ("poc.pickup.fetch", "note_fetched"),
    "name": ("poc.pickup.fetch", "give_name"),
    "announce": ("poc.pickup.fetch", "announce"),
    "note placed": ("poc.pickup.fetch", "note_placed"),
    "take away": ("poc.pickup.afterwards", "take_away"),
    "note ended": ("poc.pickup.turn", "note_ended"),
}


def dying(function, passed, before, by):
    """Return the function with a signal to this process before or after one of its calls.

    The signal goes to the calling thread, so that it takes no further step: one to the process may reach another first.
    """
    calls = itertools.count()

    def wrapped(*arguments, **named):
        is_last = next(calls) == passed
        if is_last and before:
            signal.pthread_kill(threading.get_ident(), by)
        result = function(*arguments, **named)
        if is_last and not before:
            signal.pthread_kill(threading.get_ident(), by)
        return result

    return wrapped


def main() -> None:
    """Run the inbox once, until its end or the kill."""
    from importlib import import_module

    from metrics.events import SpoolRecorder
    from poc.config import workspace
    from poc.service.inbox_run import run_inbox

    when, step, passed = os.environ["MILEPOST_DIE_AT"].split(":")
    module, name = STEPS[step]
    owner = import_module(module)
    *classes, attribute = name.split(".")
    for part in classes:
        owner = getattr(owner, part)
    by = signal.Signals[os.environ.get("MILEPOST_DIE_BY", "SIGKILL")]
    setattr(owner, attribute, dying(getattr(owner, attribute), int(passed), when == "before", by))
    root, now, level = Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2]), int(sys.argv[3])
    if module.startswith("poc.pickup."):
        from poc.pickup.once import fetch_once

        list(fetch_once(workspace.load_workspace(root), None, lambda: time.time_ns() // 1000, os.environ, print))
        print("through")
        return
    recorder = SpoolRecorder(root / "var" / "spool" / "live")
    for ran in run_inbox(workspace.load_workspace(root), None, level, lambda: now, recorder, "0"):
        if ran.error is not None:
            raise ran.error
    print("through")


if __name__ == "__main__":
    main()
