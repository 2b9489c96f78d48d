"""Exchanges of one feed that are resumed together: each is settled as it would be alone, at the cost of one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from poc.errors import BadInput, DeliveryFailed
from poc.exchanges.file_pass import exchange_files
from poc.exchanges.joint_exchange import JointExchange
from poc.exchanges.joint_resume import resume_together

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


class FailsOnce:
    """An endpoint whose first request fails; it counts the requests."""

    def __init__(self, endpoint):
        self.calls, self._endpoint = 0, endpoint

    def post(self, body, headers, now):
        """Send the body on, from the second one on."""
        self.calls += 1
        if self.calls == 1:
            raise DeliveryFailed("http-503", "answered 503", kind="retry")
        self._endpoint.post(body, headers, now)


@pytest.fixture
def three(good_csv, tmp_path):
    """Three files of two flights each."""
    return [good_csv(tmp_path / f"{name}.csv", 2, first) for name, first in (("a", 1), ("b", 3), ("c", 5))]


def flights(partner):
    """The flights that the partner has, in the order of their arrival."""
    return [record["flight"] for record in partner.held("n")]


def statements(ledger):
    """The list of statements that the ledger runs from now on."""
    run = []
    ledger.connection.connection.dbapi_connection.set_trace_callback(run.append)
    return run


@pytest.mark.parametrize("ledger_address", ["sqlite"], indirect=True)
def test_the_parts_of_a_joint_request_are_resumed_by_one_request_and_two_commits(
    start_partner, make_prepared, ledger, three
):
    """The first exchange sends it, and is closed before others could wait for the ledger; the rest is one commit."""
    partner = start_partner()
    prepared = replace(make_prepared(partner.url, level=5), span_files=True)
    endpoint = FailsOnce(prepared.endpoint)
    prepared = replace(prepared, endpoint=endpoint)
    due = exchange_files(prepared, three, NOW, ledger)
    assert [(receipt.outcome, receipt.due_at_us) for receipt in due] == [("due", due[0].due_at_us)] * 3
    entries = [ledger.get(receipt.exchange_id) for receipt in due]
    run = statements(ledger)
    receipts = resume_together(prepared, [(entry, None) for entry in entries], LATER, ledger)
    assert [(receipt.outcome, receipt.attempt, receipt.account.as_dict()["delivered"]) for receipt in receipts] == [
        ("done", 2, 2)
    ] * 3
    assert (endpoint.calls, run.count("COMMIT")) == (2, 2)
    assert flights(partner) == ["UA1", "UA2", "UA3", "UA4", "UA5", "UA6"]


def test_an_exchange_that_cannot_be_resumed_does_not_touch_its_neighbours(start_partner, make_prepared, ledger, three):
    """One that needs its file, as not all of its rows are in the ledger, has its own error."""
    partner = start_partner()
    prepared = make_prepared(partner.url, level=5)
    prepared = replace(prepared, endpoint=FailsOnce(prepared.endpoint), parallel=1)
    due = exchange_files(prepared, three[:1], NOW, ledger)
    unknown = ledger.find("UA", "flights", "x.csv", "ab" * 32)
    exchanges = [(unknown, None), (ledger.get(due[0].exchange_id), None)]
    error, receipt = resume_together(prepared, exchanges, LATER, ledger)
    assert isinstance(error, BadInput)
    assert receipt.outcome == "done"
    assert flights(partner) == ["UA1", "UA2"]


@pytest.mark.parametrize("ledger_address", ["sqlite"], indirect=True)
def test_the_files_of_a_pass_that_was_killed_are_taken_up_together(
    start_partner, make_prepared, ledger, three, monkeypatch
):
    """Their requests are in the ledger, so that nothing is reserved again, and all are confirmed in one commit."""
    partner = start_partner()
    prepared = make_prepared(partner.url, level=5)

    def die(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(JointExchange, "send", die)
        with pytest.raises(KeyboardInterrupt):
            exchange_files(prepared, three, NOW, ledger)
    run = statements(ledger)
    receipts = exchange_files(prepared, three, NOW, ledger)
    assert [(receipt.outcome, receipt.attempt) for receipt in receipts] == [("done", 2)] * 3
    assert [receipt.file_version.size_bytes for receipt in receipts] == [path.stat().st_size for path in three]
    assert run.count("COMMIT") == 1
    assert flights(partner) == ["UA1", "UA2", "UA3", "UA4", "UA5", "UA6"]
