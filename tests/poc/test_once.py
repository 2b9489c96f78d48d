"""Each request is reserved before it leaves and confirmed once it has arrived: nothing is lost, nothing comes twice."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from poc import outbox
from poc.exchange import exchange, resume
from poc.ledger import due, pick
from poc.outbox import settle
from poc.overview import unsent

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)
LATER = NOW + timedelta(days=2)


def rows(receipt):
    """The account without its zeros."""
    return {name: count for name, count in receipt.account.as_dict().items() if count}


def faults(**slots):
    """A plan for a.csv: slot -> nth -> fault, as in s1_2="reset": the second time slot 1 is sent."""
    planned = {}
    for name, fault in slots.items():
        slot, nth = name[1:].split("_")
        planned.setdefault(slot, {})[nth] = fault
    return {"faults": {"UA/flights/a.csv": planned}}


@pytest.mark.parametrize("level", [3, 4])
@pytest.mark.parametrize("fault", ["unavailable", "reset", "answer-lost", "hang", "wait-seconds"])
def test_what_failed_is_sent_again_and_nothing_twice(
    start_partner, make_lane, ledger, good_csv, tmp_path, fault, level
):
    """After a fault in the middle of a file the next attempt sends the rest only, and every row is held once."""
    partner = start_partner(faults(s1_1=fault))
    lane = make_lane(partner.url, level=level, timeout_s=0.3)
    first = exchange(lane, good_csv(tmp_path / "a.csv", 1200), NOW, ledger)
    assert first.outcome == ("failed" if level == 3 else "due")
    assert rows(first)["delivered"] == 500
    entry = pick(ledger, first.exchange_id)
    done = resume(lane, entry, LATER, ledger)
    assert (done.outcome, done.attempt, done.calls) == ("done", 2, 2)
    assert rows(done) == {"in": 1200, "delivered": 1200}
    assert [record["flight"] for record in partner.held("n")] == [f"UA{n}" for n in range(1, 1201)]
    assert unsent(ledger) == []


def test_a_file_handed_in_again_goes_on_where_it_stopped(start_partner, make_lane, ledger, good_csv, tmp_path):
    """At level 3 the operator hands the file in again, and only what was not confirmed is sent."""
    partner = start_partner(faults(s1_1="unavailable"))
    lane, path = make_lane(partner.url, level=3), good_csv(tmp_path / "a.csv", 1200)
    assert exchange(lane, path, NOW, ledger).calls == 2
    again = exchange(lane, path, LATER, ledger)
    assert (again.outcome, again.calls, rows(again)) == ("done", 2, {"in": 1200, "delivered": 1200})
    assert len(partner.held("n")) == 1200


@pytest.mark.parametrize("fault", ["answer-lost", "hang", "error"])
def test_an_answer_lost_by_a_partner_without_keys_is_ambiguous(
    start_partner, make_lane, ledger, good_csv, tmp_path, fault
):
    """Nobody knows whether it arrived, so it is not sent again by itself, and the rest is."""
    partner = start_partner({**faults(s1_1=fault), "ignores_keys": ["UA"]})
    lane = make_lane(partner.url, honours_keys=False, timeout_s=0.3)
    first = exchange(lane, good_csv(tmp_path / "a.csv", 1200), NOW, ledger)
    assert (first.outcome, rows(first)) == ("due", {"in": 1200, "delivered": 500, "ambiguous": 500, "due": 200})
    done = resume(lane, pick(ledger, first.exchange_id), LATER, ledger)
    assert (done.outcome, rows(done)) == ("ambiguous", {"in": 1200, "delivered": 700, "ambiguous": 500})
    assert due(ledger, int(LATER.timestamp() * 2e6), failed=True) == []
    assert [(row["name"], row["state"]) for row in unsent(ledger)] == [("1", "ambiguous")]


def test_a_refusal_by_a_partner_without_keys_is_sent_again(start_partner, make_lane, ledger, good_csv, tmp_path):
    """A partner that said no holds nothing, so trying again is safe."""
    partner = start_partner({**faults(s0_1="unavailable"), "ignores_keys": ["UA"]})
    lane = make_lane(partner.url, honours_keys=False)
    first = exchange(lane, good_csv(tmp_path / "a.csv", 3), NOW, ledger)
    assert (first.outcome, rows(first)) == ("due", {"in": 3, "due": 3})
    assert resume(lane, pick(ledger, first.exchange_id), LATER, ledger).outcome == "done"
    assert len(partner.held("n")) == 3


@pytest.mark.parametrize(("arrived", "held"), [(True, 3), (False, 6)])
def test_a_person_settles_what_is_ambiguous(start_partner, make_lane, ledger, good_csv, tmp_path, arrived, held):
    """Told that it arrived, it counts as delivered; told that it did not, it is sent again."""
    partner = start_partner({**faults(s0_1="answer-lost"), "ignores_keys": ["UA"]})
    lane = make_lane(partner.url, honours_keys=False)
    first = exchange(lane, good_csv(tmp_path / "a.csv", 3), NOW, ledger)
    assert first.outcome == "ambiguous"
    assert settle(ledger, pick(ledger, first.exchange_id), int(NOW.timestamp() * 1e6), arrived=arrived) == 3
    entry = pick(ledger, first.exchange_id)
    assert entry.outcome == ("done" if arrived else "due")
    if not arrived:
        assert resume(lane, entry, LATER, ledger).outcome == "done"
    assert pick(ledger, first.exchange_id).rows["delivered"] == 3
    assert len(partner.held("n")) == held


def test_large_bodies_wait_in_a_file_that_goes_away(start_partner, make_lane, ledger, good_csv, tmp_path, monkeypatch):
    """Requests of a large exchange stand beside the ledger until they are confirmed, and then nowhere."""
    monkeypatch.setattr(outbox, "INLINE_BYTES", 50_000)
    partner = start_partner(faults(s2_1="unavailable"))
    lane = make_lane(partner.url)
    first = exchange(lane, good_csv(tmp_path / "a.csv", 2000), NOW, ledger)
    assert first.outcome == "due"
    file = tmp_path / "outbox" / first.exchange_id
    assert file.stat().st_size > 100_000
    assert resume(lane, pick(ledger, first.exchange_id), LATER, ledger).outcome == "done"
    assert not file.exists()
    assert [record["flight"] for record in partner.held("n")] == [f"UA{n}" for n in range(1, 2001)]


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_early_delivery_sends_before_the_file_is_checked(start_partner, make_lane, ledger, good_csv, tmp_path, level):
    """With deliver = early rows leave while the file is read, and the account is the same in the end."""
    partner = start_partner()
    lane = make_lane(partner.url, level=level, deliver="early", block_bytes=20_000)
    receipt = exchange(lane, good_csv(tmp_path / "a.csv", 1700), NOW, ledger)
    assert (receipt.outcome, receipt.calls, rows(receipt)) == ("done", 4, {"in": 1700, "delivered": 1700})
    assert [record["flight"] for record in partner.held("n")] == [f"UA{n}" for n in range(1, 1701)]


def test_early_delivery_stops_at_a_broken_end(start_partner, make_lane, ledger, good_csv, tmp_path):
    """What left before a file turned out to be over its budget stays delivered, and the rest is refused."""
    partner, path = start_partner(), good_csv(tmp_path / "a.csv", 3000)
    lines = path.read_text().split("\n")
    path.write_text("\n".join([*lines[:2501], *(line.replace("2013,1,1", "2013,99,1") for line in lines[2501:])]))
    budget = {"share": 0, "rows": 2}
    lane = make_lane(partner.url, deliver="early", budget=budget, block_bytes=20_000)
    receipt = exchange(lane, path, NOW, ledger)
    assert (receipt.outcome, receipt.error_type) == ("refused", "error-budget")
    account = rows(receipt)
    assert account["in"] == 3000
    assert account["delivered"] == len(partner.held("n")) >= 1000
    assert account["delivered"] + account["refused"] + account.get("quarantined", 0) == 3000


def test_what_left_early_and_failed_is_still_due(start_partner, make_lane, ledger, good_csv, tmp_path):
    """Rows that were reserved before the rest of their file was refused are sent when they are due."""
    partner, path = start_partner(faults(s0_1="unavailable")), good_csv(tmp_path / "a.csv", 3000)
    lines = path.read_text().split("\n")
    path.write_text("\n".join([*lines[:2501], *(line.replace("2013,1,1", "2013,99,1") for line in lines[2501:])]))
    lane = make_lane(partner.url, deliver="early", budget={"share": 0, "rows": 2}, block_bytes=20_000)
    first = exchange(lane, path, NOW, ledger)
    assert (first.outcome, partner.held("n")) == ("due", [])
    done = resume(lane, pick(ledger, first.exchange_id), LATER, ledger)
    account = rows(done)
    assert done.outcome == "refused"
    assert account["delivered"] == len(partner.held("n")) == rows(first)["due"] >= 1000
    assert account["delivered"] + account["refused"] + account.get("quarantined", 0) == 3000


def test_the_key_is_the_same_after_a_restart(start_partner, make_lane, ledger, good_csv, tmp_path):
    """A request that is sent again carries the key it had, which the partner wrote down."""
    partner = start_partner(faults(s0_1="answer-lost"))
    lane = make_lane(partner.url)
    first = exchange(lane, good_csv(tmp_path / "a.csv", 3), NOW, ledger)
    done = resume(lane, pick(ledger, first.exchange_id), LATER, ledger)
    assert (first.outcome, done.outcome) == ("due", "done")
    assert len(partner.held("n")) == 3
    assert json.dumps(rows(done)) == '{"in": 3, "delivered": 3}'
