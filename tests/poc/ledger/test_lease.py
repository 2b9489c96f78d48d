"""Leases: one process works on a feed at a time, a dead one does not block it, and a replaced one changes nothing."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from poc.errors import LeaseLost, TryLater
from poc.ledger.lease import INSERT_FEED, LeaseHolder, exclusive_feed, guarded_by, last_served, wall_clock_us
from poc.ledger.opening import open_ledger
from poc.ledger.process_identity import is_dead, process_id
from poc.ledger.schema import FEED

NOW_US = 1_767_600_000_000_000
LEASE_US = 15_000_000

#: A process that takes a lease and is killed with it.
TAKES_AND_DIES = """
import os, signal, sys
from pathlib import Path
from poc.ledger.lease import LeaseHolder
from poc.ledger.opening import open_ledger
assert LeaseHolder(open_ledger(Path(sys.argv[1]))).take("UA", "flights", cap=1)
os.kill(os.getpid(), signal.SIGKILL)
"""


class OtherProcess(LeaseHolder):
    """A holder that acts as a process of another host, of which nothing is known."""

    def __init__(self, ledger, clock_us):
        super().__init__(ledger, clock_us)
        self._owner = "elsewhere/boot/pid/1/1"


@pytest.fixture
def clock():
    """The time of all processes, to be moved."""
    return [NOW_US]


@pytest.fixture
def this(ledger, clock):
    """The leases of this process."""
    return LeaseHolder(ledger.sibling(), lambda: clock[0])


@pytest.fixture
def other(ledger, clock):
    """The leases of a process on another host."""
    return OtherProcess(ledger.sibling(), lambda: clock[0])


def test_a_feed_has_one_lease_at_a_time(this, other):
    """A held feed is not leased again, to its own process neither; given back, it is."""
    lease = this.take("UA", "flights", cap=9)
    assert lease.epoch == 1
    assert this.take("UA", "flights", cap=9) is other.take("UA", "flights", cap=9) is None
    this.give_back(lease)
    assert other.take("UA", "flights", cap=9).epoch == 2


def test_a_partner_at_its_cap_gets_no_further_lease(this, other):
    """The cap counts the feeds of all processes, and other partners are not concerned."""
    lease = this.take("UA", "flights", cap=2)
    assert other.take("UA", "crews", cap=2) is not None
    assert this.take("UA", "bags", cap=2) is None
    assert this.take("AA", "bags", cap=1) is not None
    this.give_back(lease)
    assert this.take("UA", "bags", cap=2) is not None


def test_an_unrenewed_lease_is_over_after_its_time(this, other, clock):
    """A process of another host that is silent loses its lease after 15 s; one that renews it does not."""
    assert other.take("UA", "flights", cap=1)
    clock[0] += LEASE_US - 1
    assert this.take("UA", "flights", cap=1) is None
    other.renew()
    clock[0] += LEASE_US - 1
    assert this.take("UA", "flights", cap=1) is None
    clock[0] += 1
    assert this.take("UA", "flights", cap=1)


def test_a_lease_from_a_clock_that_was_ahead_is_over(this, other, clock):
    """A lease that ends further ahead than a lease can last blocks neither its feed nor the partner's cap."""
    clock[0] += 3600 * 1_000_000
    assert other.take("UA", "flights", cap=1)
    clock[0] = NOW_US
    assert this.take("UA", "crews", cap=1)
    assert this.take("UA", "flights", cap=2)


def test_a_process_that_waited_for_the_ledger_takes_no_lease_that_was_taken_meanwhile(ledger, this, other, clock):
    """Its time is that at which it may write; and a clock that is a little behind makes no lease look too long."""
    with closing(ledger.sibling()) as writing:
        writing.begin("leases/UA")
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(this.take, "UA", "flights", cap=1)
            time.sleep(0.05)
            clock[0] += 40_000
            writing.execute(INSERT_FEED, {"partner": "UA", "feed": "flights"})
            lease = {"owner": "elsewhere/boot/pid/1/1", "until_us": clock[0] + LEASE_US}
            writing.execute(sa.update(FEED), lease)
            writing.commit()
            assert waiting.result() is None
    clock[0] -= 1_000_000
    assert this.take("UA", "flights", cap=1) is None
    assert other.take("UA", "flights", cap=1) is None


def test_a_replaced_process_commits_nothing(ledger, this, other, clock):
    """A process that was stopped for longer than its lease gets an error at its next commit, and writes nothing."""
    lease = this.take("UA", "flights", cap=1)
    entry = ledger.find("UA", "flights", "a.csv", "00")
    with guarded_by(ledger, lease):
        ledger.record_attempt(entry, 1, NOW_US)
        ledger.commit()
        clock[0] += LEASE_US
        assert other.take("UA", "flights", cap=1)
        with pytest.raises(LeaseLost, match="process 1 on elsewhere has taken UA/flights over"):
            ledger.check_guard()
        ledger.update(entry, reason="late")
        with pytest.raises(LeaseLost):
            ledger.commit()
    this.give_back(lease)
    assert ledger.get(entry.exchange_id).reason == ""
    assert this.take("UA", "flights", cap=1) is None


def test_a_killed_process_loses_its_lease_at_once(tmp_path):
    """On the same host, a restart after `kill -9` waits for no lease."""
    path = tmp_path / "ledger.db"
    child = subprocess.run([sys.executable, "-c", TAKES_AND_DIES, str(path)], check=False, timeout=60)
    assert child.returncode == -9
    ledger = open_ledger(path)
    assert LeaseHolder(ledger.sibling()).take("UA", "flights", cap=1).epoch == 2
    ledger.close()


def test_a_command_is_refused_while_another_process_works_on_the_feed(ledger):
    """The message names the feed and the process; other feeds can be changed."""
    assert OtherProcess(ledger.sibling(), wall_clock_us).take("UA", "flights", cap=1)
    busy = exclusive_feed(ledger, "UA", "flights", wait_s=0)
    with pytest.raises(TryLater, match="UA/flights: process 1 on elsewhere exchanges"), busy:
        raise AssertionError
    with exclusive_feed(ledger, "UA", "crews", wait_s=0):
        assert ledger.guard is not None
    assert ledger.guard is None


def test_a_process_is_told_from_a_later_one_of_its_number():
    """A process is dead where its number is free, or was given to a process that started later."""
    own = process_id()
    host = own.rsplit("/", 2)[0]
    assert not is_dead(own)
    assert is_dead(f"{host}/{os.getpid()}/1")
    assert is_dead(f"{host}/4194305/1")
    assert is_dead("/".join([own.split("/")[0], "earlier-boot", *own.split("/")[2:]]))


@pytest.mark.parametrize("owner", ["elsewhere/boot/pid/4194305/1", "", "x", "a/b/c/d/e"])
def test_an_unknown_owner_is_not_dead(owner):
    """Of a process on another host, or an owner that is no process, nothing is known."""
    assert not is_dead(owner)


def test_a_zombie_is_dead():
    """A killed process whose parent has not asked for its end holds no lease."""
    child = subprocess.Popen([sys.executable, "-c", "print(1)"], stdout=subprocess.PIPE)
    child.stdout.read()
    try:
        start = Path(f"/proc/{child.pid}/stat").read_text().rpartition(")")[2].split()[19]
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_dead(f"{process_id().rsplit('/', 2)[0]}/{child.pid}/{start}")
    finally:
        child.stdout.close()
        child.wait()


def test_feeds_tell_when_they_were_last_served(ledger, this):
    """Feeds that were served the longest ago can come first."""
    this.take("UA", "flights", cap=1)
    assert last_served(ledger) == {("UA", "flights"): NOW_US}
