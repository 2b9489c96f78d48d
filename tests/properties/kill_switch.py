"""Kills the program at a step within a test process, and copies its files at that moment.

A kill is as hard as `kill -9`: the files of that step are restored once the program has stopped, so that nothing it did
while it was unwinding counts.
"""

import shutil
import sqlite3
import threading
from contextlib import closing, nullcontext
from importlib import import_module
from pathlib import Path

import pytest

from metrics.events import OUTCOMES
from poc.formats.record_splitter import Sizes

STEPS = {
    "open": ("poc.exchanges.exchange", "open_regular"),
    "read": ("poc.exchanges.file_pass", "open_regular"),
    "find": ("poc.ledger.ledger", "Ledger.find"),
    "enter": ("poc.ledger.ledger", "Ledger.record_attempt"),
    "commit": ("poc.ledger.ledger", "Ledger.commit"),
    "reserve": ("poc.delivery.outbox", "Outbox.reserve"),
    "hold": ("poc.delivery.outbox", "Outbox.add"),
    "send": ("poc.delivery.sender", "RequestSender.send"),
    "confirm": ("poc.delivery.outbox", "Outbox.confirm"),
    "mark": ("poc.delivery.outbox", "Outbox.set_state"),
    "tidy": ("poc.delivery.outbox", "Outbox.end"),
    "put away": ("poc.service.finished_file", "archive_file"),
}


class Killed(BaseException):
    """The program is killed here."""


class KillSwitch:
    """Kills the program at a step, and copies its files at that moment. Checks the accounts after every commit.

    All lanes are dead from then on: none commits anything, and each ends at its next step.
    """

    killed = Killed

    def __init__(self):
        self.at, self.passed, self.var, self.lives = None, 0, None, 0
        self.dead, self.lock = False, threading.RLock()
        self.block_bytes = 60

    def arm(self, at, var):
        """Choose the step of the next kill, or none, and begin another life."""
        self.at, self.passed, self.var, self.dead = at, 0, var, False
        self.lives += 1

    def step(self, when, name):
        """Count a step, and kill the program at the chosen one."""
        with self.lock:
            if self.at is not None and self.at[:2] == (when, name):
                self.passed += 1
                if self.passed > self.at[2]:
                    shutil.copytree(self.var, self.var.with_name("then"))
                    self.at, self.dead = None, True
            if self.dead:
                raise Killed

    def around(self, name, function):
        """Return the function with a step before and after it."""

        def wrapped(*arguments, **named):
            self.step("before", name)
            with self.lock if name == "commit" else nullcontext():  # no commit while the files are copied
                if self.dead:
                    raise Killed
                result = function(*arguments, **named)
                if name == "commit":
                    check_balance(arguments[0].address)
            try:
                self.step("after", name)
            except Killed:
                if name in {"open", "read"}:
                    result[0].close()  # as the system does for a program that is killed
                raise
            return result

        return wrapped


def connect(address):
    """Return a connection of its own to a ledger."""
    if isinstance(address, Path):
        return sqlite3.connect(address)
    import psycopg

    return psycopg.connect(address.url.replace("+psycopg", ""))


def check_balance(address):
    """Check that every account in the ledger adds up, and that pending rows are those in the outbox."""
    with closing(connect(address)) as ledger:
        counts = " + ".join(f"rows_{name}" for name in OUTCOMES)
        wrong = ledger.execute(f"SELECT * FROM exchange WHERE rows_in != {counts}").fetchall()
        assert wrong == []
        waiting = ledger.execute(
            "SELECT * FROM (SELECT id, rows_due + rows_failed + rows_ambiguous AS accounted,"
            " (SELECT coalesce(sum(rows), 0) FROM parcel WHERE exchange_id = id) AS in_outbox"
            " FROM exchange WHERE whole = 1 AND partner != 'folder') AS account WHERE accounted != in_outbox"
        ).fetchall()
        assert waiting == []


@pytest.fixture(scope="module")
def kill_switch():
    """A kill switch in every step; small blocks, and few confirmations per commit."""
    switch = KillSwitch()
    with pytest.MonkeyPatch.context() as patch:
        for name, (module, place) in STEPS.items():
            owner = import_module(module)
            *classes, attribute = place.split(".")
            for part in classes:
                owner = getattr(owner, part)
            patch.setattr(owner, attribute, switch.around(name, getattr(owner, attribute)))
        patch.setattr("poc.ledger.lease.process_id", lambda: f"life {switch.lives}")
        patch.setattr("poc.ledger.lease.is_dead", lambda owner: owner != f"life {switch.lives}")
        patch.setattr("poc.formats.table_reader.Sizes", lambda: Sizes(block_bytes=switch.block_bytes))
        patch.setattr("poc.delivery.request_delivery.CONFIRM_BATCH", 2)
        yield switch
