"""A signal ends a process within seconds, and leaves it as it was where the work ends by itself."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from metrics.process_end import end_process_after, ending_after_interrupt

HANGS = """
import os, signal, threading
from metrics.process_end import ending_after_interrupt
with ending_after_interrupt(0.1):
    try:
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        threading.Event().wait()
"""


def test_a_block_that_waits_forever_ends_with_130():
    """After the seconds for an orderly end, the process ends, and says so."""
    ended = subprocess.run([sys.executable, "-c", HANGS], check=False, capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr[:23]) == (130, "milepost: ended 0.1 s a")


def test_a_block_that_ends_by_itself_leaves_nothing_behind():
    """Ctrl-C raises KeyboardInterrupt; after the block the process lives on, and Ctrl-C has its usual effect."""
    timers = []

    def interrupted():
        with ending_after_interrupt(600):
            try:
                os.kill(os.getpid(), signal.SIGINT)
            finally:
                timers.extend(thread for thread in threading.enumerate() if isinstance(thread, threading.Timer))

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    (timer,) = timers
    timer.join(60)
    assert not timer.is_alive()


def test_an_ignored_interrupt_stays_ignored():
    """A process that was started in the background ignores Ctrl-C, and goes on doing so."""
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with ending_after_interrupt(600):
            os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, previous)


def test_a_cancelled_end_does_not_come():
    """The timer of an end can be cancelled."""
    timer = end_process_after(600, 1)
    timer.cancel()
    timer.join(60)
    assert not timer.is_alive()


IN_A_FOLDER = """
import os, signal, tempfile, threading
from metrics.process_end import cleaning_up_on_terminate
with cleaning_up_on_terminate(), tempfile.TemporaryDirectory():
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(60)
"""


def test_a_block_that_is_terminated_removes_its_temporary_files(tmp_path):
    """SIGTERM leaves the block as an exception does; by default it would leave the files, with a partner's rows."""
    arguments = {"env": {**os.environ, "TMPDIR": str(tmp_path)}, "timeout": 60}
    ended = subprocess.run([sys.executable, "-c", IN_A_FOLDER], check=False, **arguments)
    assert (ended.returncode, list(tmp_path.iterdir())) == (128 + signal.SIGTERM, [])
