"""A ledger in PostgreSQL: lost connections, leases that hold until the commit, and patterns of names."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from fnmatch import fnmatchcase

import psycopg
import pytest
import sqlalchemy as sa

from poc.errors import BadInput, TryLater
from poc.ledger.lease import LeaseHolder, guarded_by
from poc.ledger.opening import open_ledger
from poc.ledger.queries import unconfirmed_requests
from poc.ledger.schema import FEED
from poc.quarantine.store import QuarantineStore

FILE = ("UA", "flights", "a.csv", "ab" * 32)


@pytest.fixture
def ledger(postgres, tmp_path):
    """A new ledger in PostgreSQL."""
    with closing(open_ledger(postgres.new_ledger(tmp_path))) as ledger:
        yield ledger


def end_connections(ledger):
    """End all connections to the ledger, as a restart of the server does."""
    with psycopg.connect(ledger.address.url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid != pg_backend_pid()"
        )


def test_a_lost_connection_loses_the_transaction_and_is_made_again(ledger):
    """What was not committed is tried later, and is not there; the next transaction has a new connection."""
    entry = ledger.find(*FILE)
    ledger.record_attempt(entry, 10, 1)
    end_connections(ledger)
    with pytest.raises(TryLater):
        ledger.commit()
    assert ledger.find(*FILE).outcome == ""
    ledger.record_attempt(entry, 10, 1)
    ledger.commit()
    end_connections(ledger)
    with pytest.raises(TryLater):
        ledger.get(entry.exchange_id)
    assert ledger.get(entry.exchange_id).outcome == "open"


def test_a_query_for_people_has_a_new_connection_after_a_lost_one(postgres, ledger):
    """Also where the server was away for a while, each query says to try later, and none fails otherwise."""
    unconfirmed_requests(ledger)
    end_connections(ledger)
    with pytest.raises(TryLater):
        unconfirmed_requests(ledger)
    assert unconfirmed_requests(ledger) == []
    postgres.stop()
    try:
        for _ in range(3):
            with pytest.raises(TryLater):
                unconfirmed_requests(ledger)
            with pytest.raises(TryLater):
                ledger.get("x")
    finally:
        postgres.start()
    assert unconfirmed_requests(ledger) == []


def test_a_connection_that_was_lost_is_closed_without_a_word(ledger, caplog):
    """Nothing is raised and nothing is logged: the server rolls back."""
    sibling = ledger.sibling()
    sibling.record_attempt(sibling.find(*FILE), 10, 1)
    end_connections(ledger)
    sibling.close()
    assert caplog.text == ""


def test_a_lease_that_was_checked_is_kept_until_the_commit(ledger):
    """Another process takes it after the commit that it guards, and not between the check and the commit."""
    leases = LeaseHolder(ledger.sibling())
    lease = leases.take("UA", "flights", cap=1)
    with guarded_by(ledger, lease), closing(ledger.sibling()) as other, ThreadPoolExecutor(1) as pool:
        ledger.record_attempt(ledger.find(*FILE), 10, 1)
        ledger.check_guard()
        other.execute(sa.text("SET lock_timeout = '50ms'"), {})
        with pytest.raises(TryLater, match="lock timeout"):
            other.execute(sa.update(FEED), {"owner": "another"})
        other.execute(sa.text("SET lock_timeout = '60s'"), {})
        taken = pool.submit(other.execute, sa.update(FEED), {"owner": "another"})
        ledger.commit()
        assert taken.result(60) == []
        other.roll_back()
    leases._ledger.close()


def test_a_process_that_was_stopped_within_a_transaction_blocks_nobody_for_long(ledger):
    """The server ends the transaction, so that another takes the lease; the process goes on with its next one."""
    assert ledger.execute(sa.text("SHOW idle_in_transaction_session_timeout"), {}) == [("1min",)]
    ledger.execute(sa.text("SET idle_in_transaction_session_timeout = '50ms'"), {})
    with closing(ledger.sibling()) as own, closing(ledger.sibling()) as other:
        ledger.begin("leases/UA")
        lease = LeaseHolder(other).take("UA", "flights", cap=1)  # waits for the end of the other transaction
        assert lease is not None
        with pytest.raises(TryLater):
            ledger.commit()
        assert LeaseHolder(own).take("UA", "flights", cap=1) is None
        assert ledger.find(*FILE).outcome == ""


def test_rows_are_counted_by_reason_whatever_is_in_their_notes(ledger):
    """A NUL or half a surrogate pair, which JSON has as an escape and PostgreSQL refuses, is no hindrance."""
    entry = ledger.find(*FILE)
    ledger.record_attempt(entry, 10, 1)
    rows = QuarantineStore(ledger, entry)
    rows.add(
        [(1, b"x", [(1, "type-error", "a\0", "\ud800")]), (2, b"y", [(2, "row-twice", "", "é"), (2, "b", "", "")])]
    )
    rows.flush()
    assert rows.reasons() == {"type-error": 1, "row-twice": 1}


def test_a_text_that_postgresql_does_not_take_is_no_damage(ledger):
    """A NUL, as in a reason that somebody sends to the dashboard, is refused, and the next change goes on."""
    with pytest.raises(BadInput, match="NUL"):
        ledger.record_attempt(ledger.find(*FILE), 10, 1, reason="a\0")
    ledger.record_attempt(ledger.find(*FILE), 10, 1)
    ledger.commit()


def test_commits_wait_for_the_disk_unless_they_need_not(ledger):
    """The commit of a confirmation may be lost with the power of the server, and no other one."""
    modes = []
    for wait in (True, False):
        ledger.wait_for_disk(wait)
        ledger.begin()
        modes.append(ledger.execute(sa.text("SHOW synchronous_commit"), {})[0][0])
        ledger.commit()
    ledger.roll_back()
    ledger.begin()
    assert [*modes, ledger.execute(sa.text("SHOW synchronous_commit"), {})[0][0]] == ["on", "off", "on"]


@pytest.mark.parametrize(
    "pattern",
    ["a*.csv", "?1.csv", "[ab]*", "[!a]*", "a.csv", "a+(b).csv", "[a.csv", "*]*", "[]]*", "[z-a]*", "[!z-a]*"],
)
def test_a_pattern_of_names_matches_as_in_a_shell(ledger, pattern):
    """Characters of regular expressions stand for themselves."""
    names = ["a.csv", "a1.csv", "b1.csv", "axcsv", "a+(b).csv", "[a.csv", "]", "c\\d.csv", "a\n.csv"]
    matches = [
        name for name in names
        if ledger.connection.execute(sa.select(ledger.matches_glob(sa.literal(name), pattern))).scalar_one()
    ]  # fmt: skip
    assert matches == [name for name in names if fnmatchcase(name, pattern)]
