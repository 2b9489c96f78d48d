"""Each request is reserved before it is sent and deleted when it is confirmed: no row is lost or sent twice."""

import json
import re
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from poc.delivery import outbox
from poc.delivery.outbox_actions import resend_all, settle
from poc.exchanges.exchange import exchange, resume
from poc.ledger.lookup import find_by_prefix, resumable_exchanges
from poc.ledger.queries import unconfirmed_requests

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)


LATER = NOW + timedelta(days=2)


def rows(receipt):
    """The account without zeros."""
    return {name: count for name, count in receipt.account.as_dict().items() if count}


def faults(**slots):
    """A plan for a.csv: slot -> nth -> fault, as in s1_2="reset": the second time slot 1 is sent."""
    planned = {}
    for name, fault in slots.items():
        slot, nth = name[1:].split("_")
        planned.setdefault(slot, {})[nth] = fault
    return {"faults": {"UA/flights/a.csv": planned}}


@pytest.mark.parametrize(
    ("level", "fault"),
    [
        *((3, fault) for fault in ("unavailable", "reset", "answer-lost", "hang", "wait-seconds")),
        *((4, fault) for fault in ("unavailable", "hang", "wait-seconds")),
    ],
)
def test_a_failed_request_is_sent_again_and_no_row_twice(
    start_partner, make_prepared, ledger, good_csv, tmp_path, fault, level
):
    """After a fault in the middle of a file the next attempt sends the rest, and the partner has every row once."""
    partner = start_partner(faults(s1_1=fault))
    prepared = make_prepared(partner.url, level=level, timeout_s=3 if fault == "hang" else 60)
    first = exchange(prepared, good_csv(tmp_path / "a.csv", 1200), NOW, ledger)
    assert first.outcome == ("failed" if level == 3 else "due")
    assert rows(first)["delivered"] == 500
    entry = find_by_prefix(ledger, first.exchange_id)
    done = resume(prepared, entry, LATER, ledger)
    assert (done.outcome, done.attempt, done.calls) == ("done", 2, 2)
    assert rows(done) == {"in": 1200, "delivered": 1200}
    assert [record["flight"] for record in partner.held("n")] == [f"UA{n}" for n in range(1, 1201)]
    assert unconfirmed_requests(ledger) == []


@pytest.mark.parametrize("fault", ["reset", "answer-lost"])
def test_a_kept_alive_connection_that_was_lost_is_replaced_at_once(
    start_partner, make_prepared, ledger, good_csv, tmp_path, fault
):
    """The same request goes out once more on a new connection, and the partner has every row once."""
    partner = start_partner(faults(s1_1=fault))
    receipt = exchange(make_prepared(partner.url), good_csv(tmp_path / "a.csv", 1200), NOW, ledger)
    assert (receipt.outcome, receipt.calls, rows(receipt)) == ("done", 4, {"in": 1200, "delivered": 1200})
    assert [record["flight"] for record in partner.held("n")] == [f"UA{n}" for n in range(1, 1201)]


def test_a_second_lost_connection_ends_the_attempt(answer_with, make_prepared, ledger, good_csv, tmp_path):
    """A request is sent once more at once, not again and again, and always with the same key and bytes."""
    partner = answer_with(lambda nth, body: (200, {}, "") if nth in {1, 4} else None)
    receipt = exchange(make_prepared(partner.url), good_csv(tmp_path / "a.csv", 1000), NOW, ledger)
    assert (receipt.outcome, rows(receipt)) == ("due", {"in": 1000, "delivered": 500, "due": 500})
    assert partner.keys[1] == partner.keys[2]
    assert partner.bodies[1] == partner.bodies[2]


def test_without_keys_a_lost_connection_is_not_replaced(answer_with, make_prepared, ledger, good_csv, tmp_path):
    """The partner may have taken the request, so that it is ambiguous."""
    partner = answer_with(lambda nth, body: (200, {}, "") if nth == 1 else None)
    prepared = make_prepared(partner.url, honours_keys=False)
    receipt = exchange(prepared, good_csv(tmp_path / "a.csv", 1000), NOW, ledger)
    assert (len(partner.bodies), rows(receipt)) == (2, {"in": 1000, "delivered": 500, "ambiguous": 500})


@pytest.mark.parametrize("level", [4, 5])
@pytest.mark.parametrize("rows_in", [600, 1200], ids=["small file", "large file"])
def test_a_body_is_a_json_array_that_can_be_halved(
    answer_with, make_prepared, ledger, good_csv, tmp_path, level, rows_in
):
    """Each request is one array, also a half of one that was too large, and every row arrives once."""
    partner = answer_with(lambda nth, body: (413 if len(body) > 3000 else 200, {}, ""))
    prepared = make_prepared(partner.url, body="json", level=level)
    receipt = exchange(prepared, good_csv(tmp_path / "a.csv", rows_in), NOW, ledger)
    assert (receipt.outcome, rows(receipt)) == ("done", {"in": rows_in, "delivered": rows_in})
    data = [record for body in partner.taken.values() for record in json.loads(body)]
    assert [record["flight"] for record in data] == [f"UA{n}" for n in range(1, rows_in + 1)]


@pytest.mark.parametrize("keys", [True, False])
def test_a_body_is_one_json_object(answer_with, make_prepared, ledger, good_csv, tmp_path, keys):
    """Each row is a request with a key of its own; one that is refused for good costs no other row."""
    partner = answer_with(lambda nth, body: (422 if b'"UA7"' in body else 200, {}, ""))
    prepared = make_prepared(partner.url, body="row", honours_keys=keys)
    receipt = exchange(prepared, good_csv(tmp_path / "a.csv", 20), NOW, ledger)
    assert (receipt.calls, rows(receipt)) == (20, {"in": 20, "delivered": 19, "failed": 1})
    assert [json.loads(body)["flight"] for body in partner.bodies] == [f"UA{n}" for n in range(1, 21)]
    assert len(set(partner.keys)) == 20


@pytest.mark.parametrize("out", ["jsonl", "csv"])
@pytest.mark.parametrize("most_bytes", [300, 2_000, 20_000])
def test_a_body_that_is_too_large_is_sent_in_halves(
    answer_with, make_prepared, ledger, good_csv, tmp_path, out, most_bytes
):
    """After 413 the rows arrive once and in order, in smaller bodies."""
    partner = answer_with(lambda nth, body: (413 if len(body) > most_bytes else 200, {}, "too large"))
    prepared = make_prepared(partner.url, out=out)
    receipt = exchange(prepared, good_csv(tmp_path / "a.csv", 1200), NOW, ledger)
    assert (receipt.outcome, rows(receipt)) == ("done", {"in": 1200, "delivered": 1200})
    data = [line for body in partner.taken.values() for line in body.decode().splitlines()[out == "csv" :]]
    assert [int(re.search(r"UA(\d+)", line)[1]) for line in data] == [*range(1, 1201)]
    assert unconfirmed_requests(ledger) == []


def test_a_row_that_is_too_large_is_failed_alone(answer_with, make_prepared, ledger, good_csv, tmp_path):
    """Halves go down to one row; that row is failed with the partner's text, all others are delivered."""
    partner = answer_with(lambda nth, body: (413, {}, "limit is 1 kB") if b'"UA7"' in body else (200, {}, ""))
    receipt = exchange(make_prepared(partner.url), good_csv(tmp_path / "a.csv", 600), NOW, ledger)
    assert (receipt.outcome, rows(receipt)) == ("failed", {"in": 600, "delivered": 599, "failed": 1})
    assert "limit is 1 kB" in receipt.error
    (left,) = unconfirmed_requests(ledger)
    assert (left["rows"], left["state"], left["code"]) == (1, "failed", "http-413")


def test_a_partner_that_finds_one_row_too_large_gets_no_more_halves(
    answer_with, make_prepared, ledger, good_csv, tmp_path
):
    """Where even one row is too large and nothing was accepted, the other requests are not cut to pieces."""
    partner = answer_with(lambda nth, body: (413, {}, ""))
    receipt = exchange(make_prepared(partner.url), good_csv(tmp_path / "a.csv", 2000), NOW, ledger)
    assert rows(receipt) == {"in": 2000, "failed": 2000}
    assert receipt.calls < 25


def test_without_keys_a_body_that_is_too_large_is_failed(answer_with, make_prepared, ledger, good_csv, tmp_path):
    """Its request stays whole, and the others are sent."""
    partner = answer_with(lambda nth, body: (413 if nth == 1 else 200, {}, ""))
    prepared = make_prepared(partner.url, honours_keys=False)
    receipt = exchange(prepared, good_csv(tmp_path / "a.csv", 1200), NOW, ledger)
    assert (receipt.outcome, rows(receipt)) == ("failed", {"in": 1200, "delivered": 700, "failed": 500})


@pytest.mark.parametrize("keys", [True, False])
@pytest.mark.parametrize("early", [True, False])
def test_a_request_refused_for_good_does_not_stop_the_others(
    answer_with, make_prepared, ledger, good_csv, tmp_path, keys, early
):
    """The refused request is failed with the partner's text, and is sent again only if a person asks for it."""
    partner = answer_with(lambda nth, body: (422, {}, "customer 17 is unknown") if nth == 2 else (200, {}, ""))
    prepared = make_prepared(
        partner.url, honours_keys=keys, deliver="early" if early else "checked", block_bytes=20_000
    )
    receipt = exchange(prepared, good_csv(tmp_path / "a.csv", 1200), NOW, ledger)
    assert (receipt.outcome, receipt.error_type) == ("failed", "http-422")
    assert rows(receipt) == {"in": 1200, "delivered": 700, "failed": 500}
    assert "customer 17 is unknown" in receipt.error
    (left,) = unconfirmed_requests(ledger)
    assert (left["name"], left["state"], left["rows"]) == ("1", "failed", 500)
    assert "customer 17 is unknown" in left["note"]
    entry = find_by_prefix(ledger, receipt.exchange_id)
    assert settle(ledger, entry, int(LATER.timestamp() * 1e6), arrived=False) == 500
    done = resume(prepared, find_by_prefix(ledger, receipt.exchange_id), LATER, ledger)
    assert (done.outcome, done.calls, rows(done)) == ("done", 1, {"in": 1200, "delivered": 1200})


def test_refused_requests_stay_failed_while_others_are_due(answer_with, make_prepared, ledger, good_csv, tmp_path):
    """An exchange with failed and due rows is due; once the due ones are delivered it is failed, and says why."""
    statuses = {1: 422, 3: 503}
    partner = answer_with(lambda nth, body: (statuses.get(nth, 200), {}, "row 3 is odd" if nth == 1 else ""))
    prepared = make_prepared(partner.url)
    first = exchange(prepared, good_csv(tmp_path / "a.csv", 1200), NOW, ledger)
    assert (first.outcome, rows(first)) == ("due", {"in": 1200, "delivered": 500, "failed": 500, "due": 200})
    assert "500 row(s) failed" in first.error
    assert "row 3 is odd" in first.error
    second = resume(prepared, find_by_prefix(ledger, first.exchange_id), LATER, ledger)
    assert (second.outcome, second.calls, rows(second)) == ("failed", 1, {"in": 1200, "delivered": 700, "failed": 500})
    assert (second.error_type, "row 3 is odd" in second.error) == ("http-422", True)


def test_a_person_may_resend_while_an_attempt_begins(
    answer_with, make_prepared, ledger, good_csv, tmp_path, monkeypatch
):
    """No lease is needed: the attempt counts each request once, and what was refused can be sent again after it."""
    statuses = {1: 422, 3: 503}
    partner = answer_with(lambda nth, body: (statuses.get(nth, 200), {}, ""))
    prepared = make_prepared(partner.url)
    first = exchange(prepared, good_csv(tmp_path / "a.csv", 1200), NOW, ledger)
    later_us, states = int(LATER.timestamp() * 1e6), outbox.Outbox.states

    def resend_after(*arguments):
        found = states(*arguments)
        with closing(ledger.sibling()) as other:
            resend_all(other, ["UA"], later_us)
        return found

    with monkeypatch.context() as patched:
        patched.setattr(outbox.Outbox, "states", resend_after)
        second = resume(prepared, find_by_prefix(ledger, first.exchange_id), LATER, ledger)
    assert (second.outcome, rows(second)) == ("failed", {"in": 1200, "delivered": 700, "failed": 500})
    assert resend_all(ledger, ["UA"], later_us).rows == 500
    third = resume(prepared, find_by_prefix(ledger, first.exchange_id), LATER, ledger)
    assert (third.outcome, rows(third)) == ("done", {"in": 1200, "delivered": 1200})
    assert len(partner.lines()) == 1200


@pytest.mark.parametrize("fault", ["answer-lost", "hang", "error"])
def test_a_lost_answer_without_keys_is_ambiguous(start_partner, make_prepared, ledger, good_csv, tmp_path, fault):
    """The request may have arrived, so it is not sent again by itself; the rest is sent."""
    partner = start_partner({**faults(s1_1=fault), "ignores_keys": ["UA"]})
    prepared = make_prepared(partner.url, honours_keys=False, timeout_s=3 if fault == "hang" else 60)
    first = exchange(prepared, good_csv(tmp_path / "a.csv", 1200), NOW, ledger)
    assert (first.outcome, rows(first)) == ("due", {"in": 1200, "delivered": 500, "ambiguous": 500, "due": 200})
    done = resume(prepared, find_by_prefix(ledger, first.exchange_id), LATER, ledger)
    assert (done.outcome, rows(done)) == ("ambiguous", {"in": 1200, "delivered": 700, "ambiguous": 500})
    assert resumable_exchanges(ledger, int(LATER.timestamp() * 2e6), failed=True) == []
    assert [(row["name"], row["state"]) for row in unconfirmed_requests(ledger)] == [("1", "ambiguous")]


ODD_ANSWERS = {
    "cut": b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\ncut short",
    "of several": b"HTTP/1.1 207 Multi-Status\r\nContent-Length: 9\r\n\r\ncut short",
    "elsewhere": b"HTTP/1.1 303 See Other\r\nContent-Length: 9\r\n\r\ncut short",
    "not HTTP": b"HTTP/1.1 2_00 OK\r\n\r\ncut short",
}


@pytest.mark.parametrize("odd", ODD_ANSWERS)
def test_an_odd_answer_is_followed_by_the_same_request_or_a_person(
    scripted, make_prepared, ledger, good_csv, tmp_path, odd
):
    """With keys, the same bytes and key are sent again; without, the request is ambiguous, with what was answered."""
    ended = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"
    keyed = scripted([scripted.READ, ODD_ANSWERS[odd]], [scripted.READ, ended])
    prepared = make_prepared(keyed.url, honours_keys=True)
    first = exchange(prepared, good_csv(tmp_path / "a.csv", 3), NOW, ledger)
    assert (first.outcome, rows(first)) == ("due", {"in": 3, "due": 3})
    assert resume(prepared, find_by_prefix(ledger, first.exchange_id), LATER, ledger).outcome == "done"
    (one, one_body), (other, other_body) = (request.split(b"\r\n\r\n") for request in keyed.requests)
    (key,) = (line for line in one.split(b"\r\n") if line.startswith(b"Idempotency-Key: "))
    assert key in other
    assert one_body == other_body

    prepared = make_prepared(scripted([scripted.READ, ODD_ANSWERS[odd]]).url, honours_keys=False)
    second = exchange(prepared, good_csv(tmp_path / "b.csv", 3, first=9), NOW, ledger)
    assert (second.outcome, rows(second)) == ("ambiguous", {"in": 3, "ambiguous": 3})
    assert "cut short" in unconfirmed_requests(ledger)[0]["note"]


def test_a_refusal_by_a_partner_without_keys_is_sent_again(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """A partner that refused a request does not have it, so sending it again is safe."""
    partner = start_partner({**faults(s0_1="unavailable"), "ignores_keys": ["UA"]})
    prepared = make_prepared(partner.url, honours_keys=False)
    first = exchange(prepared, good_csv(tmp_path / "a.csv", 3), NOW, ledger)
    assert (first.outcome, rows(first)) == ("due", {"in": 3, "due": 3})
    assert resume(prepared, find_by_prefix(ledger, first.exchange_id), LATER, ledger).outcome == "done"
    assert len(partner.held("n")) == 3


@pytest.mark.parametrize(("arrived", "held"), [(True, 3), (False, 6)])
def test_a_person_settles_an_ambiguous_request(start_partner, make_prepared, ledger, good_csv, tmp_path, arrived, held):
    """Marked as arrived, it counts as delivered; marked as not arrived, it is sent again."""
    partner = start_partner({**faults(s0_1="answer-lost"), "ignores_keys": ["UA"]})
    prepared = make_prepared(partner.url, honours_keys=False)
    first = exchange(prepared, good_csv(tmp_path / "a.csv", 3), NOW, ledger)
    assert first.outcome == "ambiguous"
    assert settle(ledger, find_by_prefix(ledger, first.exchange_id), int(NOW.timestamp() * 1e6), arrived=arrived) == 3
    entry = find_by_prefix(ledger, first.exchange_id)
    assert entry.outcome == ("done" if arrived else "due")
    if not arrived:
        assert resume(prepared, entry, LATER, ledger).outcome == "done"
    assert find_by_prefix(ledger, first.exchange_id).rows["delivered"] == 3
    assert len(partner.held("n")) == held


def test_large_bodies_wait_in_a_temporary_file(start_partner, make_prepared, ledger, good_csv, tmp_path, monkeypatch):
    """The bodies of a large exchange are in a file beside the ledger until they are confirmed; then it is removed."""
    monkeypatch.setattr(outbox, "INLINE_BYTES", 50_000)
    partner = start_partner(faults(s2_1="unavailable"))
    prepared = make_prepared(partner.url)
    first = exchange(prepared, good_csv(tmp_path / "a.csv", 2000), NOW, ledger)
    assert first.outcome == "due"
    (file,) = (tmp_path / "outbox").iterdir()
    assert file.stat().st_size > 100_000
    assert resume(prepared, find_by_prefix(ledger, first.exchange_id), LATER, ledger).outcome == "done"
    assert not file.exists()
    assert [record["flight"] for record in partner.held("n")] == [f"UA{n}" for n in range(1, 2001)]


def test_a_due_exchange_can_be_sent_now(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """An exchange that is due later can be made due now."""
    prepared = make_prepared(start_partner(faults(s0_1="wait-seconds")).url)
    first = exchange(prepared, good_csv(tmp_path / "a.csv", 3), NOW, ledger)
    now_us = int(NOW.timestamp() * 1e6)
    assert resumable_exchanges(ledger, now_us, failed=False) == []
    assert settle(ledger, find_by_prefix(ledger, first.exchange_id), now_us, arrived=False) == 3
    assert [entry.exchange_id for entry in resumable_exchanges(ledger, now_us, failed=False)] == [first.exchange_id]
