"""A failed delivery is due later by itself, and a partner that is down gets no requests for a while."""

from datetime import UTC, datetime, timedelta

import pytest

from poc.config.partner import RetrySchedule
from poc.ledger.ledger import find_by_prefix
from poc.ledger.queries import circuit_breakers
from poc.service.exchange import exchange, resume

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
