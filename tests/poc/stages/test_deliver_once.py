"""Each request is reserved before it is sent and deleted when it is confirmed: no row is lost or sent twice."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from poc.config.partner import RetrySchedule
from poc.delivery import outbox
from poc.delivery.outbox_actions import give_up, settle
from poc.errors import BadInput
from poc.ledger.lookup import find_by_prefix, resumable_exchanges
from poc.ledger.queries import unconfirmed_requests
from poc.service.exchange import exchange, resume

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
    prepared = make_prepared(partner.url, level=level, timeout_s=0.3 if fault == "hang" else 10)
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


def test_halves_are_the_same_after_a_death(answer_with, make_prepared, ledger, good_csv, tmp_path):
    """After a death among the halves the rest is sent in the order of the rows, and nothing twice."""
    partner = answer_with(lambda nth, body: (413 if len(body) > 20_000 else 200, {}, ""))
    prepared = make_prepared(partner.url)
    with pytest.raises(Dies):
        exchange(dying(prepared, 1), good_csv(tmp_path / "a.csv", 1200), NOW, ledger)
    (entry,) = resumable_exchanges(ledger, 0, failed=False)
    done = resume(prepared, entry, LATER, ledger)
    assert (done.outcome, rows(done)) == ("done", {"in": 1200, "delivered": 1200})
    flights = [json.loads(line)["flight"] for line in partner.lines()]
    assert flights == [f"UA{n}" for n in range(1, 1201)]


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


def test_a_file_handed_in_again_resumes(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """At level 3 the operator hands the file in again, and only unconfirmed requests are sent."""
    partner = start_partner(faults(s1_1="unavailable"))
    prepared, path = make_prepared(partner.url, level=3), good_csv(tmp_path / "a.csv", 1200)
    assert exchange(prepared, path, NOW, ledger).calls == 2
    again = exchange(prepared, path, LATER, ledger)
    assert (again.outcome, again.calls, rows(again)) == ("done", 2, {"in": 1200, "delivered": 1200})
    assert len(partner.held("n")) == 1200


@pytest.mark.parametrize("fault", ["answer-lost", "hang", "error"])
def test_a_lost_answer_without_keys_is_ambiguous(start_partner, make_prepared, ledger, good_csv, tmp_path, fault):
    """The request may have arrived, so it is not sent again by itself; the rest is sent."""
    partner = start_partner({**faults(s1_1=fault), "ignores_keys": ["UA"]})
    prepared = make_prepared(partner.url, honours_keys=False, timeout_s=0.3 if fault == "hang" else 10)
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


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_early_delivery_sends_before_the_file_is_checked(
    start_partner, make_prepared, ledger, good_csv, tmp_path, level
):
    """With deliver = early rows are sent while the file is read, and the account is the same in the end."""
    partner = start_partner()
    prepared = make_prepared(partner.url, level=level, deliver="early", block_bytes=20_000)
    receipt = exchange(prepared, good_csv(tmp_path / "a.csv", 1700), NOW, ledger)
    assert (receipt.outcome, receipt.calls, rows(receipt)) == ("done", 4, {"in": 1700, "delivered": 1700})
    assert [record["flight"] for record in partner.held("n")] == [f"UA{n}" for n in range(1, 1701)]


def test_early_delivery_stops_over_the_budget(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """Rows sent before a file went over its budget stay delivered, and the rest is refused."""
    partner, path = start_partner(), good_csv(tmp_path / "a.csv", 3000)
    lines = path.read_text().split("\n")
    path.write_text("\n".join([*lines[:2501], *(line.replace("2013,1,1", "2013,99,1") for line in lines[2501:])]))
    budget = {"share": 0, "rows": 2}
    prepared = make_prepared(partner.url, deliver="early", budget=budget, block_bytes=20_000)
    receipt = exchange(prepared, path, NOW, ledger)
    assert (receipt.outcome, receipt.error_type) == ("refused", "error-budget")
    account = rows(receipt)
    assert account["in"] == 3000
    assert account["delivered"] == len(partner.held("n")) >= 1000
    assert account["delivered"] + account["refused"] + account.get("quarantined", 0) == 3000


def test_rows_reserved_early_stay_due(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """Rows that were reserved before the rest of their file was refused are sent when they are due."""
    partner, path = start_partner(faults(s0_1="unavailable")), good_csv(tmp_path / "a.csv", 3000)
    lines = path.read_text().split("\n")
    path.write_text("\n".join([*lines[:2501], *(line.replace("2013,1,1", "2013,99,1") for line in lines[2501:])]))
    prepared = make_prepared(partner.url, deliver="early", budget={"share": 0, "rows": 2}, block_bytes=20_000)
    first = exchange(prepared, path, NOW, ledger)
    assert (first.outcome, partner.held("n")) == ("due", [])
    done = resume(prepared, find_by_prefix(ledger, first.exchange_id), LATER, ledger)
    account = rows(done)
    assert done.outcome == "refused"
    assert account["delivered"] == len(partner.held("n")) == rows(first)["due"] >= 1000
    assert account["delivered"] + account["refused"] + account.get("quarantined", 0) == 3000


def test_the_key_is_the_same_after_a_restart(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """A request that is sent again has the same idempotency key, which the partner has stored."""
    partner = start_partner(faults(s0_1="answer-lost"))
    prepared = make_prepared(partner.url)
    first = exchange(prepared, good_csv(tmp_path / "a.csv", 3), NOW, ledger)
    done = resume(prepared, find_by_prefix(ledger, first.exchange_id), LATER, ledger)
    assert (first.outcome, done.outcome) == ("due", "done")
    assert len(partner.held("n")) == 3
    assert json.dumps(rows(done)) == '{"in": 3, "delivered": 3}'


class Dies(BaseException):
    """A death on the way, in one process."""


def dying(prepared, after):
    """The feed with an endpoint that passes requests on and then lets the service die; the last one has arrived."""
    inner, left = prepared.endpoint, [after]

    class DyingEndpoint:
        def post(self, body, headers, now):
            inner.post(body, headers, now)
            left[0] -= 1
            if left[0] < 0:
                raise Dies

    return replace(prepared, endpoint=DyingEndpoint())


@pytest.mark.parametrize("arrived", [True, False])
def test_an_interrupted_exchange_is_not_settled_by_hand(
    start_partner, make_prepared, ledger, good_csv, tmp_path, arrived
):
    """An interrupted exchange must be resumed by a run before a person can settle it."""
    plan = {"ignores_keys": ["UA"], **faults(s0_1="answer-lost")}
    prepared = make_prepared(start_partner(plan).url, honours_keys=False)
    first = exchange(prepared, good_csv(tmp_path / "a.csv", 1200), NOW, ledger)
    assert first.outcome == "due"
    with pytest.raises(Dies):
        resume(dying(prepared, 0), find_by_prefix(ledger, first.exchange_id), LATER, ledger)
    ledger.update(find_by_prefix(ledger, first.exchange_id), outcome="open")
    ledger.commit()
    with pytest.raises(BadInput, match="was interrupted; `milepost run` resumes it"):
        settle(ledger, find_by_prefix(ledger, first.exchange_id), 0, arrived=arrived)


def test_a_file_begun_early_resumes_under_the_same_settings(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """Where requests would have other rows than those sent, resuming is an error that says what to do."""
    partner = start_partner()
    prepared = replace(make_prepared(partner.url, deliver="early", block_bytes=20_000), settings_digest="one")
    path = good_csv(tmp_path / "a.csv", 1700)
    with pytest.raises(Dies):
        exchange(dying(prepared, 1), path, NOW, ledger)
    with pytest.raises(BadInput, match="was begun under other settings of UA/flights; put them back, or give it up"):
        exchange(replace(prepared, settings_digest="other"), path, NOW, ledger)
    with pytest.raises(BadInput, match="was begun at a level that remembers requests"):
        exchange(replace(prepared, level=2), path, NOW, ledger)
    assert exchange(prepared, path, NOW, ledger).outcome == "done"
    assert [record["flight"] for record in partner.held("n")] == [f"UA{n}" for n in range(1, 1701)]


def test_a_partner_that_stops_honouring_keys_gets_nothing_twice(
    start_partner, make_prepared, ledger, good_csv, tmp_path
):
    """Requests that may have been sent while keys were honoured are ambiguous when they are not any more."""
    partner = start_partner({"ignores_keys": ["UA"]})
    prepared = make_prepared(partner.url)
    with pytest.raises(Dies):
        exchange(dying(prepared, 0), good_csv(tmp_path / "a.csv", 3), NOW, ledger)
    (entry,) = resumable_exchanges(ledger, 0, failed=False)
    done = resume(replace(prepared, honours_keys=False), entry, LATER, ledger)
    assert (done.outcome, rows(done)) == ("ambiguous", {"in": 3, "ambiguous": 3})
    assert len(partner.held("n")) == 3


def test_an_exchange_that_is_given_up_is_never_sent(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """Its rows count as failed, with the reason, and neither a run nor the same file sends them."""
    partner = start_partner(faults(s0_1="unavailable"))
    prepared, path = make_prepared(partner.url), good_csv(tmp_path / "a.csv", 3)
    first = exchange(prepared, path, NOW, ledger)
    assert give_up(ledger, find_by_prefix(ledger, first.exchange_id), "the partner left") == 3
    entry = find_by_prefix(ledger, first.exchange_id)
    assert (entry.outcome, entry.reason, entry.rows["failed"]) == ("given_up", "given up: the partner left", 3)
    assert resumable_exchanges(ledger, int(LATER.timestamp() * 1e6), failed=True) == []
    assert exchange(prepared, path, LATER, ledger).outcome == "already_received"
    with pytest.raises(BadInput, match="there is nothing to give up"):
        give_up(ledger, entry, "again")
    assert (partner.held("n"), unconfirmed_requests(ledger)) == ([], [])


def test_a_missing_outbox_file_is_reported(start_partner, make_prepared, ledger, good_csv, tmp_path, monkeypatch):
    """A removed outbox file is an error that says what to do, and other exchanges are not affected."""
    monkeypatch.setattr(outbox, "INLINE_BYTES", 50_000)
    prepared = make_prepared(start_partner(faults(s1_1="unavailable")).url)
    first = exchange(prepared, good_csv(tmp_path / "a.csv", 2000), NOW, ledger)
    next((tmp_path / "outbox").glob(f"{first.exchange_id}.*")).unlink()
    with pytest.raises(BadInput, match="restore it, or give the exchange up with `milepost outbox discard`"):
        resume(prepared, find_by_prefix(ledger, first.exchange_id), LATER, ledger)


def test_requests_held_back_are_not_ambiguous(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """A partner without keys whose breaker is open gets the reserved requests later: none of them is ambiguous."""
    partner = start_partner({"ignores_keys": ["UA"], **faults(s0_1="unavailable")})
    prepared = make_prepared(partner.url, honours_keys=False, retry=RetrySchedule(breaker_failures=1))
    exchange(prepared, good_csv(tmp_path / "a.csv", 3), NOW, ledger)
    held = exchange(prepared, good_csv(tmp_path / "b.csv", 1200, first=10), NOW, ledger)
    assert (held.outcome, held.calls) == ("due", 0)
    done = resume(prepared, find_by_prefix(ledger, held.exchange_id), LATER, ledger)
    assert (done.outcome, rows(done)) == ("done", {"in": 1200, "delivered": 1200})


def test_a_due_exchange_can_be_sent_now(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """An exchange that is due later can be made due now."""
    prepared = make_prepared(start_partner(faults(s0_1="wait-seconds")).url)
    first = exchange(prepared, good_csv(tmp_path / "a.csv", 3), NOW, ledger)
    now_us = int(NOW.timestamp() * 1e6)
    assert resumable_exchanges(ledger, now_us, failed=False) == []
    assert settle(ledger, find_by_prefix(ledger, first.exchange_id), now_us, arrived=False) == 3
    assert [entry.exchange_id for entry in resumable_exchanges(ledger, now_us, failed=False)] == [first.exchange_id]
