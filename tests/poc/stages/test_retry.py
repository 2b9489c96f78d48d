"""A failed delivery is due later by itself, and a partner that is down gets no requests for a while."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from poc.config.partner import RetrySchedule
from poc.delivery.outbox_actions import release_partner
from poc.exchanges.exchange import exchange, resume
from poc.ledger.lookup import find_by_prefix, resumable_exchanges
from poc.ledger.queries import circuit_breakers

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)
LATER = NOW + timedelta(days=2)


def faults(fault, times=1):
    """A plan with a fault for the first `times` times that a.csv is sent."""
    return {"faults": {"UA/flights/a.csv": {"0": {str(nth): fault for nth in range(1, times + 1)}}}}


def due_s(receipt):
    """The seconds from now until an exchange is due."""
    return receipt.due_at_us / 1e6 - NOW.timestamp()


def test_the_first_retry_comes_within_five_seconds(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """After one failure the exchange is due within the first step of the schedule, with time and reason."""
    prepared = make_prepared(start_partner(faults("unavailable")).url)
    receipt = exchange(prepared, good_csv(tmp_path / "a.csv", 3), NOW, ledger)
    assert (receipt.outcome, receipt.error_type) == ("due", "http-503")
    assert 0 <= due_s(receipt) < 5 + 2
    assert "due at 2013-01-07 06:00:" in receipt.error


@pytest.mark.parametrize("fault", ["wait-seconds", "wait-date"])
def test_retry_after_is_obeyed(start_partner, make_prepared, ledger, good_csv, tmp_path, fault):
    """Both forms of Retry-After are obeyed."""
    prepared = make_prepared(start_partner(faults(fault)).url)
    receipt = exchange(prepared, good_csv(tmp_path / "a.csv", 3), NOW, ledger)
    assert receipt.outcome == "due"
    assert 58 < due_s(receipt) < 63


def test_retry_after_is_capped(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """A partner that asks for more than the configured cap gets the cap."""
    prepared = make_prepared(start_partner(faults("wait-seconds")).url, retry=RetrySchedule(cap_s=20))
    assert 18 < due_s(exchange(prepared, good_csv(tmp_path / "a.csv", 3), NOW, ledger)) < 23


@pytest.mark.parametrize(("fault", "code"), [("gone", "http-410"), ("bad-request", "http-400")])
def test_a_permanent_failure_is_not_retried(start_partner, make_prepared, ledger, good_csv, tmp_path, fault, code):
    """After 410 or a refused body the exchange is failed and not due: a person has to look."""
    prepared = make_prepared(start_partner(faults(fault)).url)
    receipt = exchange(prepared, good_csv(tmp_path / "a.csv", 3), NOW, ledger)
    assert (receipt.outcome, receipt.error_type, receipt.due_at_us) == ("failed", code, None)


def test_the_schedule_ends_after_ten_attempts(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """After ten attempts nothing is retried, and the reason says so."""
    prepared = make_prepared(start_partner(faults("unavailable", 20)).url, retry=RetrySchedule(breaker_failures=99))
    receipt, attempts = exchange(prepared, good_csv(tmp_path / "a.csv", 3), NOW, ledger), 1
    while receipt.outcome == "due":
        at = datetime.fromtimestamp(receipt.due_at_us / 1e6, UTC)
        receipt, attempts = resume(prepared, find_by_prefix(ledger, receipt.exchange_id), at, ledger), attempts + 1
    assert (receipt.outcome, attempts) == ("failed", 10)
    assert receipt.error.endswith("given up after 10 attempts")


def test_the_circuit_breaker_opens_and_closes(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """After failures in a row nothing is sent; then one probe is sent, and its success closes the breaker."""
    partner = start_partner({"down": {"UA": ["2013-01-07"]}})
    partner.today("2013-01-07")
    prepared = make_prepared(partner.url, retry=RetrySchedule(breaker_failures=2, breaker_s=600))
    receipts = [exchange(prepared, good_csv(tmp_path / f"{n}.csv", 3, first=10 * n), NOW, ledger) for n in range(4)]
    assert [receipt.calls for receipt in receipts] == [1, 1, 0, 0]
    assert {receipt.outcome for receipt in receipts} == {"due"}
    assert "nothing is sent to UA until 2013-01-07 06:10:" in receipts[3].error
    (stands,) = circuit_breakers(ledger)
    assert (stands["partner"], stands["failures"], stands["trips"]) == ("UA", 2, 1)
    partner.today("2013-01-08")
    for receipt in receipts:
        assert resume(prepared, find_by_prefix(ledger, receipt.exchange_id), LATER, ledger).outcome == "done"
    assert circuit_breakers(ledger) == []
    assert len(partner.held("n")) == 12


def test_a_failed_probe_doubles_the_time_open(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """When the breaker is half-open, one request is sent; if it fails, the breaker is open for twice as long."""
    partner = start_partner({"down": {"UA": ["2013-01-07"]}})
    partner.today("2013-01-07")
    prepared = make_prepared(partner.url, retry=RetrySchedule(breaker_failures=1, breaker_s=600))
    first, second = (exchange(prepared, good_csv(tmp_path / f"{n}.csv", 3, first=10 * n), NOW, ledger) for n in (1, 2))
    assert (first.calls, second.calls) == (1, 0)
    at = NOW + timedelta(minutes=11)
    probe = resume(prepared, find_by_prefix(ledger, first.exchange_id), at, ledger)
    held = resume(prepared, find_by_prefix(ledger, second.exchange_id), at, ledger)
    assert (probe.calls, held.calls) == (1, 0)
    assert held.due_at_us / 1e6 - at.timestamp() == pytest.approx(1200, abs=5)


def test_a_success_resets_the_schedule(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """The waits grow only while no request succeeds."""
    plan = {"faults": {"UA/flights/a.csv": {"1": {"1": "unavailable"}, "2": {"1": "unavailable"}}}}
    prepared = make_prepared(start_partner(plan).url)
    first = exchange(prepared, good_csv(tmp_path / "a.csv", 1200), NOW, ledger)
    at = datetime.fromtimestamp(first.due_at_us / 1e6, UTC)
    second = resume(prepared, find_by_prefix(ledger, first.exchange_id), at, ledger)
    assert second.outcome == "due"
    assert second.due_at_us / 1e6 - at.timestamp() < 5 + 2


def test_retry_after_holds_all_files_of_the_partner(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """Retry-After is about the partner: other files wait as long, and no failure is counted for it."""
    partner = start_partner(faults("wait-seconds"))
    prepared = make_prepared(partner.url)
    first = exchange(prepared, good_csv(tmp_path / "a.csv", 3), NOW, ledger)
    second = exchange(prepared, good_csv(tmp_path / "b.csv", 3, first=10), NOW, ledger)
    assert (first.calls, second.calls, second.outcome) == (1, 0, "due")
    assert "the partner asked for it" in second.error
    for receipt in (first, second):
        assert resume(prepared, find_by_prefix(ledger, receipt.exchange_id), LATER, ledger).outcome == "done"
    assert circuit_breakers(ledger) == []


def hundred(prepared, good_csv, folder, ledger, at=NOW):
    """The receipts of a hundred files."""
    return [exchange(prepared, good_csv(folder / f"{n}.csv", 1, first=n), at, ledger) for n in range(1, 101)]


@pytest.mark.parametrize("status", [401, 403, 410])
def test_a_partner_that_turns_us_away_is_paused_at_the_first_request(
    answer_with, make_prepared, ledger, good_csv, tmp_path, status
):
    """A hundred files make one call; the others are due with the reason, and time does not end the pause."""
    partner = answer_with(lambda nth, body: (status, {}, "token expired") if nth == 1 else (200, {}, ""))
    prepared = make_prepared(partner.url)
    first, *others = hundred(prepared, good_csv, tmp_path, ledger)
    assert (len(partner.bodies), first.outcome, first.error_type) == (1, "failed", f"http-{status}")
    assert {(receipt.outcome, receipt.error_type, receipt.due_at_us) for receipt in others} == {
        ("due", "partner-paused", None)
    }
    assert "nothing is sent to UA until `milepost partner release UA`" in others[0].error
    assert f"answered {status}" in others[0].error
    years_later = int((NOW + timedelta(days=4000)).timestamp() * 1e6)
    assert resumable_exchanges(ledger, years_later, failed=False) == []


def test_a_released_partner_is_served(answer_with, make_prepared, ledger, good_csv, tmp_path):
    """After the release everything is due now, also the file that met the pause, and all is delivered once."""
    partner = answer_with(lambda nth, body: (401, {}, "") if nth == 1 else (200, {}, ""))
    prepared = make_prepared(partner.url)
    hundred(prepared, good_csv, tmp_path, ledger)
    now_us = int(NOW.timestamp() * 1e6)
    assert release_partner(ledger, "UA", now_us).rows == 100
    entries = resumable_exchanges(ledger, now_us, failed=False)
    assert {resume(prepared, entry, NOW, ledger).outcome for entry in entries} == {"done"}
    assert (len(entries), len(partner.lines()), len(partner.bodies)) == (100, 100, 101)
    assert circuit_breakers(ledger) == []


@pytest.mark.parametrize(
    ("status", "headers", "most_calls"),
    [
        (404, {}, 1),
        (405, {}, 1),
        (308, {"Location": "/other"}, 1),
        (415, {}, 1),
        (429, {}, 5),
        (429, {"Retry-After": "soon"}, 5),
        (429, {"Retry-After": "60"}, 1),
        (503, {"Retry-After": "0"}, 5),
        (503, {"Retry-After": "-5"}, 5),
        (503, {"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}, 5),
        (503, {"Retry-After": "soon"}, 5),
        (500, {}, 5),
        (400, {}, 5),
        (422, {}, 5),
    ],
)
def test_a_hundred_files_make_few_calls_to_a_partner_that_refuses_all(
    answer_with, make_prepared, ledger, good_csv, tmp_path, status, headers, most_calls
):
    """Any answer that is no success opens a circuit breaker soon; what was not sent is due and has the reason."""
    partner = answer_with(lambda nth, body: (status, headers, "no"))
    receipts = hundred(make_prepared(partner.url), good_csv, tmp_path, ledger)
    assert 1 <= len(partner.bodies) <= most_calls
    held = receipts[len(partner.bodies) :]
    assert {(receipt.outcome, receipt.error_type) for receipt in held} == {("due", "partner-down")}
    assert all("nothing is sent to UA" in receipt.error and receipt.due_at_us for receipt in held)


def test_a_wrong_address_holds_its_feed_alone(answer_with, make_prepared, ledger, good_csv, tmp_path):
    """After 404 nothing is sent to this feed for a while; the other feeds of the partner are served."""
    missing, there = answer_with(lambda nth, body: (404, {}, "")), answer_with(lambda nth, body: (200, {}, ""))
    wrong, other = make_prepared(missing.url), replace(make_prepared(there.url), feed_id="crews")
    first = exchange(wrong, good_csv(tmp_path / "a.csv", 1), NOW, ledger)
    held = exchange(wrong, good_csv(tmp_path / "b.csv", 1, first=2), NOW, ledger)
    served = exchange(other, good_csv(tmp_path / "c.csv", 1, first=3), NOW, ledger)
    assert (first.outcome, held.outcome, served.outcome) == ("due", "due", "done")
    assert "nothing is sent to UA/flights until" in held.error
    assert len(missing.bodies) == 1


def test_a_time_out_counts_toward_the_breaker(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """A partner that does not answer in time is left alone after some requests, as one that fails."""
    prepared = make_prepared(
        start_partner(faults("hang", 9)).url, timeout_s=0.2, retry=RetrySchedule(breaker_failures=1)
    )
    exchange(prepared, good_csv(tmp_path / "a.csv", 3), NOW, ledger)
    assert exchange(prepared, good_csv(tmp_path / "b.csv", 3, first=10), NOW, ledger).error_type == "partner-down"


@pytest.mark.parametrize("ahead_h", [10, 10 * 365 * 24])
def test_a_clock_that_jumped_parks_no_partner(answer_with, make_prepared, ledger, good_csv, tmp_path, ahead_h):
    """Failures under a clock that was hours or years ahead hold nothing back once the clock is right again."""
    partner = answer_with(lambda nth, body: (503, {"Retry-After": "99999999"}, "") if nth < 3 else (200, {}, ""))
    prepared = make_prepared(partner.url, retry=RetrySchedule(breaker_failures=1))
    ahead = NOW + timedelta(hours=ahead_h)
    receipts = [exchange(prepared, good_csv(tmp_path / f"{n}.csv", 1, first=n), ahead, ledger) for n in (1, 2)]
    assert {receipt.outcome for receipt in receipts} == {"due"}
    entries = resumable_exchanges(ledger, int(NOW.timestamp() * 1e6), failed=False)
    assert len(entries) == 2
    again = [resume(prepared, entry, NOW, ledger) for entry in entries]
    assert [receipt.calls for receipt in again] == [1, 0]
    assert again[0].due_at_us <= int((NOW + timedelta(days=1, seconds=5)).timestamp() * 1e6)


def test_a_due_time_beyond_the_longest_wait_counts_as_over(answer_with, make_prepared, ledger, good_csv, tmp_path):
    """A time in the ledger further ahead than the partner's settings allow does not park an exchange."""
    prepared = make_prepared(answer_with(lambda nth, body: (503, {}, "")).url)
    receipt = exchange(prepared, good_csv(tmp_path / "a.csv", 1), NOW, ledger)
    now_us, day_us = int(NOW.timestamp() * 1e6), 86_400_000_000
    for ahead_us, count in ((day_us - 10_000_000, 0), (day_us + 10_000_000, 1)):
        ledger.update(find_by_prefix(ledger, receipt.exchange_id), due_at_us=now_us + ahead_us)
        ledger.commit()
        assert len(resumable_exchanges(ledger, now_us + 1_000_000, failed=False)) == count
        assert len(resumable_exchanges(ledger, now_us, failed=False, longest_us={"UA": 2 * day_us})) == 0
