"""Files of one feed that are exchanged in one pass: each has its own receipt, and none touches its neighbours."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from poc.errors import LeaseLost
from poc.exchanges.file_pass import exchange_files
from poc.quarantine.store import QuarantineStore

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)


@pytest.fixture
def three(good_csv, tmp_path):
    """Three files of two flights each; the second also has a flight of another carrier."""
    paths = [good_csv(tmp_path / f"{name}.csv", 2, first) for name, first in (("a", 1), ("b", 3), ("c", 5))]
    paths[1].write_text(paths[1].read_text() + paths[1].read_text().splitlines()[1].replace(",UA,", ",ZZ,") + "\n")
    return paths


def statements(ledger):
    """The list of statements that the ledger runs from now on."""
    run = []
    ledger.connection.connection.dbapi_connection.set_trace_callback(run.append)
    return run


def flights(partner):
    """The flights that the partner has, in the order of their arrival."""
    return [record["flight"] for record in partner.held("n")]


@pytest.mark.parametrize("ledger_address", ["sqlite"], indirect=True)
def test_a_pass_is_two_commits_and_its_requests_arrive_in_order(start_partner, make_prepared, ledger, three):
    """All files are reserved in one commit and confirmed in one; the requests arrive in the order of the files."""
    partner = start_partner()
    run = statements(ledger)
    receipts = exchange_files(make_prepared(partner.url, level=5), three, NOW, ledger)
    assert [receipt.outcome for receipt in receipts] == ["done", "done", "done"]
    assert run.count("COMMIT") == 2
    assert flights(partner) == ["UA1", "UA2", "UA3", "UA4", "UA5", "UA6"]


@pytest.mark.parametrize("ledger_address", ["sqlite"], indirect=True)
def test_what_is_in_no_request_is_on_disk_before_the_partner_confirms(start_partner, make_prepared, ledger, three):
    """A refused file is closed in the commit of the reservation, as later ones do not wait for the disk."""
    partner = start_partner()
    run = statements(ledger)
    prepared = make_prepared(partner.url, level=5, budget={"share": 0, "rows": 0})
    receipts = exchange_files(prepared, three, NOW, ledger)
    assert [receipt.outcome for receipt in receipts] == ["done", "refused", "done"]
    refusal = next(at for at, statement in enumerate(run) if "'refused'" in statement)
    assert refusal < run.index("COMMIT") < run.index("PRAGMA synchronous = NORMAL")


@pytest.mark.parametrize("step", ["check", "send"])
def test_a_file_that_breaks_does_not_touch_its_neighbours(
    start_partner, make_prepared, ledger, three, monkeypatch, step
):
    """Where one file raises what nobody expects, the others are done, and the next run finishes what was reserved."""
    partner = start_partner()
    prepared = make_prepared(partner.url, level=5)
    with monkeypatch.context() as patch:
        if step == "check":
            patch.setattr(QuarantineStore, "add", lambda _, rows: [] if not rows else 1 / 0)
            broken = prepared
        else:
            broken = replace(prepared, endpoint=BreaksAt("b.csv", prepared.endpoint))
        first, second, third = exchange_files(broken, three, NOW, ledger)
    assert (first.outcome, type(second), third.outcome) == ("done", ZeroDivisionError, "done")
    (again,) = exchange_files(prepared, [three[1]], NOW, ledger)
    assert (again.outcome, again.account.rows_by_outcome["delivered"]) == ("done", 2)
    assert flights(partner) == ["UA1", "UA2", "UA5", "UA6", "UA3", "UA4"]


class BreaksAt:
    """An endpoint that breaks at the requests of one file."""

    def __init__(self, file, inner):
        self._file, self._inner = file, inner

    def post(self, body, headers, now):
        """Send a request, or break."""
        if headers["Milepost-File"] == self._file:
            raise ZeroDivisionError
        self._inner.post(body, headers, now)


@pytest.mark.parametrize("left", range(5))
def test_a_pass_that_loses_its_lease_gives_no_receipt_that_is_not_in_the_ledger(
    start_partner, make_prepared, ledger, three, left
):
    """Wherever the lease is lost, no file counts as exchanged, and the next holder exchanges each once."""
    partner = start_partner()
    prepared = make_prepared(partner.url, level=5)
    calls = iter(range(left))

    def guard():
        if next(calls, None) is None:
            raise LeaseLost("another process has taken over UA/flights")

    ledger.guard = guard
    assert {type(result) for result in exchange_files(prepared, three, NOW, ledger)} == {LeaseLost}
    ledger.guard = None
    assert {receipt.outcome for receipt in exchange_files(prepared, three, NOW, ledger)} == {"done"}
    assert sorted(flights(partner)) == ["UA1", "UA2", "UA3", "UA4", "UA5", "UA6"]


def test_bodies_in_files_stay_until_the_commit_that_closes_the_accounts(
    start_partner, make_prepared, ledger, good_csv, tmp_path
):
    """Where that commit fails, the next run finds the bodies, and the partner takes no row twice."""
    partner = start_partner()
    columns = [{"to": "flight", "from": "flight"}, {"to": "carrier" * 60, "from": "carrier"}]
    prepared = make_prepared(partner.url, level=5, map=columns)
    path = good_csv(tmp_path / "a.csv", 3000)
    later = [good_csv(tmp_path / f"{name}.csv", 1, first) for name, first in (("b", 4001), ("c", 4002))]
    calls = []

    def guard():
        calls.append(len(flights(partner)))
        if calls[-1] == 3002:
            raise LeaseLost("another process has taken over UA/flights")

    ledger.guard = guard
    assert {type(result) for result in exchange_files(prepared, [path, *later], NOW, ledger)} == {LeaseLost}
    ledger.guard = None
    receipts = exchange_files(prepared, [path, *later], NOW, ledger)
    assert [receipt.account.rows_by_outcome["delivered"] for receipt in receipts] == [3000, 1, 1]
    assert len(flights(partner)) == 3002
