"""The end of a process within seconds of a signal, whatever its threads wait for."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds after a signal in which what is under way may end.
STOP_S = 4.0


def end_process_after(wait_s: float, code: int) -> threading.Timer:
    """End the process with an exit code, if it still runs after some seconds; `cancel` of the timer prevents it."""

    def end() -> None:
        sys.stderr.write(f"milepost: ended {wait_s:g} s after the signal; the next start takes up what was under way\n")
        sys.stderr.flush()
        os._exit(code)

    timer = threading.Timer(wait_s, end)
    timer.daemon = True
    timer.start()
    return timer


@contextmanager
def ending_after_interrupt(wait_s: float) -> Iterator[None]:
    """Let Ctrl-C end this block within some seconds; after them the process ends with 130, as if it were killed.

    The first Ctrl-C raises KeyboardInterrupt, further ones do nothing. Where the process ignores Ctrl-C, it still does.
    """
    timers: list[threading.Timer] = []

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough
        timers.append(end_process_after(wait_s, 130))
        raise KeyboardInterrupt

    handled = (
        threading.current_thread() is threading.main_thread()
        and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    )
    if handled:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()
        if handled:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def cleaning_up_on_terminate() -> Iterator[None]:
    """Let SIGTERM leave this block as an exception does, so that its temporary files are removed; the code is 143."""

    def terminate(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
        sys.exit(128 + signal.SIGTERM)

    handled = (
        threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if handled:
        signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        if handled:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
