"""An exchange that was interrupted, refused or sent early goes on where it was: no row is lost or sent twice."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from poc.config.partner import RetrySchedule
from poc.delivery import outbox
from poc.delivery.outbox_actions import give_up, settle
from poc.errors import BadInput
from poc.exchanges.exchange import exchange, resume
from poc.ledger.lookup import find_by_prefix, resumable_exchanges
from poc.ledger.queries import unconfirmed_requests
from poc.retries.breaker_store import delete_breakers

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


def test_a_file_handed_in_again_resumes(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """At level 3 the operator hands the file in again, and only unconfirmed requests are sent."""
    partner = start_partner(faults(s1_1="unavailable"))
    prepared, path = make_prepared(partner.url, level=3), good_csv(tmp_path / "a.csv", 1200)
    assert exchange(prepared, path, NOW, ledger).calls == 2
    again = exchange(prepared, path, LATER, ledger)
    assert (again.outcome, again.calls, rows(again)) == ("done", 2, {"in": 1200, "delivered": 1200})
    assert len(partner.held("n")) == 1200


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


def raise_dies(*_):
    """Let the service die here."""
    raise Dies


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


def test_what_a_person_made_due_is_not_sent_twice_without_keys(
    start_partner, make_prepared, ledger, good_csv, tmp_path
):
    """Its answer was lost while the partner honoured keys; now that it does not, a person is asked."""
    partner = start_partner(faults(s0_1="gone", s0_2="answer-lost", s0_3="answer-lost"))
    prepared = make_prepared(partner.url)
    failed = exchange(prepared, good_csv(tmp_path / "a.csv", 3), NOW, ledger)
    assert failed.outcome == "failed"
    delete_breakers(ledger, "UA")
    settle(ledger, ledger.get(failed.exchange_id), 0, arrived=False)
    assert resume(prepared, ledger.get(failed.exchange_id), LATER, ledger).outcome == "due"
    unkeyed = replace(prepared, honours_keys=False)
    again = resume(unkeyed, ledger.get(failed.exchange_id), LATER + timedelta(days=2), ledger)
    assert (again.outcome, len(partner.held("n"))) == ("ambiguous", 3)


def test_a_death_between_the_mark_and_the_account_loses_no_row(
    start_partner, make_prepared, ledger, good_csv, tmp_path, monkeypatch
):
    """An attempt that died after it marked a request as ambiguous, and before it counted its rows, is resumed."""
    plan = {"ignores_keys": ["UA"], **faults(s1_1="unavailable")}
    prepared = make_prepared(start_partner(plan).url, honours_keys=False)
    with pytest.raises(Dies):
        exchange(dying(prepared, 0), good_csv(tmp_path / "a.csv", 700), NOW, ledger)
    (entry,) = resumable_exchanges(ledger, 0, failed=False)
    with monkeypatch.context() as patch:
        patch.setattr(outbox.Outbox, "pending", raise_dies)
        with pytest.raises(Dies):
            resume(prepared, entry, LATER, ledger)
    for outcome, now in (("due", LATER), ("ambiguous", LATER + timedelta(days=2))):
        (entry,) = resumable_exchanges(ledger, int(now.timestamp() * 1e6), failed=False)
        receipt = resume(prepared, entry, now, ledger)
        assert receipt.outcome == outcome
    assert rows(receipt) == {"in": 700, "delivered": 200, "ambiguous": 500}


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
