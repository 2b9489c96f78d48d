"""A collector that dies on the way, for tests: `python tests/collecting.py SPOOL STORE BATCH [WHERE NTH]`.

WHERE is a function of `metrics.collect`, `before:` or `after:`; at the NTH call the process is killed there, as by
`kill -9`. The steps are wrapped from outside, so that nothing of this stands in the shipped code. Without WHERE it
collects to the end and prints how many events were new.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import closing
from pathlib import Path

from metrics.collector import collect as module
from metrics.store.database import open_store


def dying(function, nth, before):
    """The function, with a death before or after the nth call."""
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
    """Collect once, to the end or to death."""
    spool, store, batch, *death = sys.argv[1:]
    module.BATCH = int(batch)
    if death:
        when, name = death[0].split(":")
        setattr(module, name, dying(getattr(module, name), int(death[1]), when == "before"))
    with closing(open_store(Path(store), "replay")) as db:
        print(module.collect(Path(spool), db, 0).new)


if __name__ == "__main__":
    main()
