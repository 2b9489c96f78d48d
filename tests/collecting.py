"""A collector that can be killed at a step, for tests: `python tests/collecting.py SPOOL STORE BATCH [WHERE NTH]`.

WHERE is `before:` or `after:` and a function of `metrics.collector.collect`; the process is killed at its NTH call, as
by `kill -9`. The function is wrapped from outside, so that the product has no test code. Without WHERE it collects to
the end and prints the number of new events.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing
from pathlib import Path

from metrics.collector import collect as module
from metrics.store.database import open_store


def kill_at(function, nth, before):
    """Wrap a function so that the process is killed before or after its nth call."""
    calls = 0

    def wrapped(*arguments, **named):
        nonlocal calls
        calls += 1
        if calls == nth and before:
            os.kill(os.getpid(), signal.SIGKILL)
        result = function(*arguments, **named)
        if calls == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    return wrapped


def main() -> None:
    """Collect once, to the end or until the process is killed."""
    spool, store, batch, *kill = sys.argv[1:]
    module.BATCH = int(batch)
    if kill:
        when, name = kill[0].split(":")
        setattr(module, name, kill_at(getattr(module, name), int(kill[1]), when == "before"))
    with closing(open_store(Path(store), "replay")) as db:
        print(module.collect(Path(spool), db, 0).new)


if __name__ == "__main__":
    main()
