"""Joint requests: which small files share one, and that the rows of each arrive once, whatever the partner answers."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from poc.delivery.joint_request import plan_joint_requests
from poc.delivery.outbound_request import OutboundRequest
from poc.delivery.outbox import Outbox
from poc.delivery.outbox_actions import give_up, settle
from poc.errors import BadInput
from poc.exchanges.exchange import resume
from poc.exchanges.file_pass import exchange_files
from poc.ledger.queries import unconfirmed_requests
from poc.retries.breaker_store import delete_breakers

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


class Partner:
    """An endpoint that answers each call with the next of some failures, or takes it; it honours keys."""

    def __init__(self, endpoint, *failures):
        self.sent, self._endpoint, self._failures = [], endpoint, list(failures)

    def post(self, body, headers, now):
        """Send the body on, unless a failure is next: `lost` sends it, and loses the answer."""
        slots = json.loads(headers.get("Milepost-Slots", "[]"))
        self.sent.append((headers["Idempotency-Key"], slots or headers["Milepost-File"], body))
        failure = self._failures.pop(0) if self._failures else None
        if failure is None or failure.unknown:
            self._endpoint.post(body, headers, now)
        if failure is not None:
            raise failure


@pytest.fixture
def failure():
    """A function that makes the failure of a request: answered with a status, or its answer is lost."""
    from poc.errors import DeliveryFailed

    kinds = {503: "retry", 400: "stop", 401: "pause"}

    def make(status):
        if status == "lost":
            return DeliveryFailed("time-out", "no answer", unknown=True)
        return DeliveryFailed(f"http-{status}", f"answered {status}", kind=kinds[status])

    return make


@pytest.fixture
def send(make_prepared, start_partner, good_csv, tmp_path):
    """A function that exchanges three files of 2, 3 and 4 rows in a pass; the rest of a pass is returned, too."""

    def run(ledger, *failures):
        server = start_partner()
        prepared = make_prepared(server.url, level=5)
        partner = Partner(prepared.endpoint, *failures)
        prepared = replace(prepared, endpoint=partner, span_files=True)
        paths = [good_csv(tmp_path / f"{name}.csv", rows, 10 * rows) for name, rows in (("a", 2), ("b", 3), ("c", 4))]
        return prepared, partner, server, exchange_files(prepared, paths, NOW, ledger)

    return run


FLIGHTS = [f"UA{n}" for n in (20, 21, 30, 31, 32, 40, 41, 42, 43)]


def flights(server):
    """The flights that the partner holds, in their order."""
    return [record["flight"] for record in server.held("n")]


def test_files_share_a_request_as_far_as_it_has_room():
    """Neighbours with one request each share one of at most so many rows; one without rows does not separate them."""
    requests = [[OutboundRequest("0", rows, b"x")] if rows else [] for rows in (200, 200, 0, 100, 1)] + [
        [OutboundRequest("0", 500, b"x"), OutboundRequest("1", 5, b"x")],
        [OutboundRequest("0", 9, b"x")],
    ]
    files = [(str(at), f"{at}.csv") for at in range(len(requests))]
    joint = [[request.joint for request in of_file] for of_file in plan_joint_requests(files, requests, 500, 1 << 20)]
    first = joint[0][0]
    assert first.startswith("joint-")
    assert joint == [[first], [first], [], [first], [""], ["", ""], [""]]
    assert plan_joint_requests(files, requests, 500, 1 << 20) == plan_joint_requests(files, requests, 500, 1 << 20)


def test_three_files_arrive_in_one_request(send, ledger):
    """Its header names the rows of each file in order, and each file has its own account and receipt."""
    _, partner, server, receipts = send(ledger)
    assert [(receipt.outcome, receipt.account.rows_by_outcome["delivered"]) for receipt in receipts] == [
        ("done", 2),
        ("done", 3),
        ("done", 4),
    ]
    ((_, slots, _),) = partner.sent
    assert slots == [["a.csv", 0, 2], ["b.csv", 0, 3], ["c.csv", 0, 4]]
    assert flights(server) == FLIGHTS
    assert [receipt.calls for receipt in receipts] == [1, 0, 0]
    assert unconfirmed_requests(ledger) == []


@pytest.mark.parametrize("answer", [503, "lost"])
def test_a_joint_request_that_failed_is_resumed_by_any_of_its_files(send, ledger, failure, answer):
    """The first one resumed sends the same bytes with the same key; the others find them taken, and send nothing."""
    prepared, partner, server, receipts = send(ledger, failure(answer))
    assert [receipt.outcome for receipt in receipts] == ["due"] * 3
    resumed = [resume(prepared, ledger.get(receipts[at].exchange_id), LATER, ledger) for at in (1, 0, 2)]
    assert [(receipt.outcome, receipt.calls) for receipt in resumed] == [("done", 1), ("done", 0), ("done", 0)]
    first, second = partner.sent
    assert first == second
    assert flights(server) == FLIGHTS
    assert unconfirmed_requests(ledger) == []


def test_a_refused_joint_request_is_sent_file_by_file(send, ledger, failure):
    """The partner took nothing of it, so that each file has a request of its own; one that is refused fails alone."""
    _, partner, server, receipts = send(ledger, failure(400), None, failure(400))
    assert [receipt.outcome for receipt in receipts] == ["done", "failed", "done"]
    assert [file for _, file, _ in partner.sent[1:]] == ["a.csv", "b.csv", "c.csv"]
    assert len({key for key, *_ in partner.sent}) == 4
    assert flights(server) == [flight for flight in FLIGHTS if flight not in {"UA30", "UA31", "UA32"}]


def test_a_partner_that_turns_the_service_away_is_paused_for_all_files(send, ledger, failure):
    """The rows of all files wait in the outbox with the reason, and are sent when a person releases the partner."""
    _, partner, _, receipts = send(ledger, failure(401))
    assert [receipt.outcome for receipt in receipts] == ["failed"] * 3
    assert [(row["state"], row["code"]) for row in unconfirmed_requests(ledger)] == [("keyed", "http-401")] * 3
    assert len(partner.sent) == 1


def test_a_file_that_is_given_up_does_not_change_what_the_others_send(send, ledger, failure):
    """The joint request may have arrived, so that it is sent again as it was; what is taken cannot be given up."""
    prepared, partner, server, receipts = send(ledger, failure("lost"))
    first, second, third = (ledger.get(receipt.exchange_id) for receipt in receipts)
    assert give_up(ledger, first, "no longer needed") == 2
    assert len(unconfirmed_requests(ledger)) == 2
    assert resume(prepared, second, LATER, ledger).outcome == "done"
    assert partner.sent[0] == partner.sent[1]
    assert flights(server) == FLIGHTS
    with pytest.raises(BadInput, match="the partner has taken its rows, in one request with those of other files"):
        give_up(ledger, ledger.get(third.exchange_id), "no longer needed")
    assert resume(prepared, ledger.get(third.exchange_id), LATER, ledger).outcome == "done"
    assert ledger.connection.exec_driver_sql("SELECT count(*) FROM parcel").scalar() == 0


def test_files_with_names_of_any_length_and_sign_are_named(make_prepared, start_partner, good_csv, tmp_path, ledger):
    """A header holds at most some names; names are ASCII in it, and the partner reads them as they are."""
    server = start_partner()
    prepared = make_prepared(server.url, level=5)
    partner = Partner(prepared.endpoint)
    paths = [good_csv(tmp_path / f"{'ü' * 60}, {n}.csv", 1, n) for n in range(12)]
    exchange_files(replace(prepared, endpoint=partner, span_files=True), paths, NOW, ledger)
    named = [Path(str(slot[0])).name for _, slots, _ in partner.sent for slot in slots]
    assert named == [path.name for path in paths]
    assert len(partner.sent) > 1
    assert len(flights(server)) == 12


def test_requests_whose_bodies_are_in_files_are_not_joined(make_prepared, start_partner, good_csv, tmp_path, ledger):
    """The rows of a request that is too large for the ledger arrive, and so do those of the files beside it."""
    server = start_partner()
    columns = [{"to": "flight", "from": "flight"}, {"to": "carrier" * 60, "from": "carrier"}]
    prepared = make_prepared(server.url, level=5, request_rows=100_000, map=columns)
    partner = Partner(prepared.endpoint)
    sizes = {"a": 2, "b": 3_000, "c": 3}
    paths = [good_csv(tmp_path / f"{name}.csv", rows, 1 + 5_000 * at) for at, (name, rows) in enumerate(sizes.items())]
    receipts = exchange_files(replace(prepared, endpoint=partner, span_files=True), paths, NOW, ledger)
    assert [receipt.account.rows_by_outcome["delivered"] for receipt in receipts] == list(sizes.values())
    assert len(flights(server)) == sum(sizes.values())


def test_a_joint_request_that_is_refused_when_it_is_resumed_is_sent_file_by_file(send, ledger, failure):
    """The partner took nothing of it: the file that it refuses fails alone, and the others are done."""
    prepared, partner, server, receipts = send(ledger, failure(503), failure(400), None, failure(400))
    resumed = [resume(prepared, ledger.get(receipt.exchange_id), LATER, ledger) for receipt in receipts]
    assert [receipt.outcome for receipt in resumed] == ["done", "failed", "done"]
    assert [file for _, file, _ in partner.sent[2:]] == ["a.csv", "b.csv", "c.csv"]
    assert flights(server) == [flight for flight in FLIGHTS if flight not in {"UA30", "UA31", "UA32"}]


def test_a_joint_request_of_which_all_files_are_given_up_leaves_no_bodies(send, ledger, failure):
    """The bodies stay as long as another file needs them, and no longer."""
    _, _, _, receipts = send(ledger, failure("lost"))
    left = []
    for receipt in receipts:
        give_up(ledger, ledger.get(receipt.exchange_id), "no longer needed")
        left.append(ledger.connection.exec_driver_sql("SELECT count(*) FROM parcel").scalar())
    assert left == [3, 3, 0]


def test_a_file_whose_rows_were_taken_with_those_of_another_is_recorded_by_a_resend(send, ledger, failure):
    """It failed before, so that it is not due by itself: the message names the command that makes it due."""
    prepared, partner, server, receipts = send(ledger, failure(401))
    first, second, _ = (receipt.exchange_id for receipt in receipts)
    delete_breakers(ledger, "UA")
    ledger.commit()
    settle(ledger, ledger.get(first), 0, arrived=False)
    assert resume(prepared, ledger.get(first), LATER, ledger).outcome == "done"
    with pytest.raises(BadInput, match=f"`milepost outbox resend {second}` and `milepost run` records that"):
        give_up(ledger, ledger.get(second), "no longer needed")
    settle(ledger, ledger.get(second), 0, arrived=False)
    assert resume(prepared, ledger.get(second), LATER, ledger).outcome == "done"
    assert (len(partner.sent), flights(server)) == (2, FLIGHTS)


def test_bytes_are_counted_only_where_they_were_sent(send, ledger, failure, good_csv, tmp_path):
    """Files that are held back, as the partner is paused, sent nothing."""
    prepared, partner, _, receipts = send(ledger, failure(401))
    assert all(receipt.bytes_out for receipt in receipts)
    paths = [good_csv(tmp_path / f"{name}.csv", 2, first) for name, first in (("d", 50), ("e", 60))]
    held = exchange_files(prepared, paths, LATER, ledger)
    assert [(receipt.outcome, receipt.calls, receipt.bytes_out) for receipt in held] == [("due", 0, 0)] * 2
    assert len(partner.sent) == 1


def test_the_ledger_is_not_locked_while_what_follows_a_joint_request_is_sent(send, ledger, failure):
    """Rows replayed from quarantine follow it; what the partner took is committed before they are sent."""
    prepared, partner, _, receipts = send(ledger, failure(503))
    entry = ledger.get(receipts[0].exchange_id)
    outbox = Outbox(ledger, entry)
    outbox.add(OutboundRequest("again-3", 1, b"{}\n"))
    outbox.reserve("keyed")
    ledger.update(entry, rows_in=3, rows_due=3)
    ledger.commit()
    locked = []
    post = partner.post

    def note(*arguments):
        locked.append(ledger.is_changing)
        post(*arguments)

    partner.post = note
    resumed = resume(prepared, ledger.get(entry.exchange_id), LATER, ledger)
    assert (resumed.outcome, locked) == ("done", [False, False])
