"""An exchange from receipt to settlement, with a real partner."""

import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from poc.errors import BadInput, FileStillChanging, LedgerDamaged
from poc.exchanges.exchange import exchange

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)


@pytest.fixture
def exchange_at(make_prepared, ledger):
    """A function that exchanges a file with a partner at level 1, or another."""

    def run(url, path, timeout_s=60.0, level=1, **feed):
        return exchange(make_prepared(url, level=level, timeout_s=timeout_s, **feed), path, NOW, ledger)

    return run


def rows(receipt):
    """The account without zeros."""
    return {name: count for name, count in receipt.account.as_dict().items() if count}


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_a_valid_file_is_delivered_as_the_partner_expects(start_partner, exchange_at, good_csv, tmp_path, level):
    """Every row arrives in order, with the partner's names and units, 500 rows per request."""
    partner = start_partner()
    receipt = exchange_at(partner.url, good_csv(tmp_path / "a.csv", 1201), level=level)
    assert (receipt.outcome, receipt.attempt, receipt.calls) == ("done", 1, 3)
    assert rows(receipt) == {"in": 1201, "delivered": 1201}
    held = partner.held("n")
    assert held[0] == {"flight": "UA1", "scheduled": "2013-01-01T10:15:00Z", "distance_km": 2253.082}
    assert [record["flight"] for record in held] == [f"UA{n}" for n in range(1, 1202)]


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_a_file_of_many_batches_is_sent_slot_by_slot(start_partner, exchange_at, good_csv, tmp_path, level):
    """Batches that end inside a slot do not split its request, and no row is lost between them."""
    partner = start_partner()
    receipt = exchange_at(partner.url, good_csv(tmp_path / "a.csv", 1700), level=level, block_bytes=20_000)
    assert (receipt.calls, rows(receipt)) == (4, {"in": 1700, "delivered": 1700})
    assert len(partner.held("n")) == 1700


def test_a_note_on_a_file_is_listed_after_many_bad_rows(start_partner, exchange_at, good_csv, tmp_path):
    """A receipt lists 20 findings; one that is about the whole file is among them, wherever it was found."""
    path = good_csv(tmp_path / "a.csv", 300)
    lines = path.read_text().splitlines()
    lines[1:31] = [line.replace("2013,1,", "2013,13,") for line in lines[1:31]]
    path.write_text("\n".join([*lines[:-1], lines[-1].replace("N14228", "Jürgen")]) + "\n")
    dialect, budget = {"encoding": "cp1252"}, {"share": 1}
    receipt = exchange_at(start_partner().url, path, level=4, block_bytes=5_000, dialect=dialect, budget=budget)
    assert rows(receipt) == {"in": 300, "delivered": 269, "quarantined": 31}
    assert len(receipt.findings) == 20
    assert ["row 300: " in finding.note for finding in receipt.findings if finding.row == 0] == [True]


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_the_same_bytes_are_received_once(start_partner, exchange_at, good_csv, tmp_path, level):
    """A known file, under any name, is already received: no row is counted and nothing is sent."""
    partner = start_partner()
    first = exchange_at(partner.url, good_csv(tmp_path / "a.csv", 3), level=level)
    again = exchange_at(partner.url, good_csv(tmp_path / "b.csv", 3), level=level)
    assert (again.outcome, rows(again), again.calls) == ("already_received", {}, 0)
    assert again.exchange_id == first.exchange_id
    assert "exchanged as a.csv" in again.error
    assert len(partner.held("n")) == 3


def test_one_rejected_row_refuses_the_file(start_partner, exchange_at, good_csv, tmp_path):
    """At level 1 nothing of a file with an invalid row is sent, and the reason names row, code and value."""
    partner = start_partner()
    path = good_csv(tmp_path / "a.csv", 600)
    path.write_text(path.read_text().replace(",UA,600,", ",ZZ,600,"))
    receipt = exchange_at(partner.url, path)
    assert (receipt.outcome, receipt.error_type, rows(receipt)) == (
        "refused",
        "constraint-error",
        {"in": 600, "refused": 600},
    )
    assert receipt.error == "row 600: constraint-error in carrier"  # without the value, which is a partner's
    assert partner.held("n") == []


def test_another_header_refuses_the_file(start_partner, exchange_at, tmp_path):
    """The rows of a file that does not match its contract are counted as refused."""
    (tmp_path / "a.csv").write_text("year,month\n2013,1\n2013,2\n")
    receipt = exchange_at(start_partner().url, tmp_path / "a.csv")
    assert (receipt.outcome, receipt.error_type, rows(receipt)) == ("refused", "missing-label", {"in": 2, "refused": 2})


def test_the_first_failure_ends_the_attempt_and_the_next_sends_all(start_partner, exchange_at, good_csv, tmp_path):
    """Rows after a failed request are not sent; a new attempt sends the whole file again."""
    partner = start_partner({"faults": {"UA/flights/a.csv": {"1": {"1": "unavailable"}}}})
    path = good_csv(tmp_path / "a.csv", 1200)
    failed = exchange_at(partner.url, path)
    assert (failed.outcome, failed.error_type, failed.calls) == ("failed", "http-503", 2)
    assert rows(failed) == {"in": 1200, "delivered": 500, "failed": 700}
    done = exchange_at(partner.url, path)
    assert (done.outcome, done.attempt, rows(done)) == ("done", 2, {"in": 1200, "delivered": 1200})
    assert len(partner.held("n")) == 1700  # what the partner got twice is the price of level 1; level 3 ends it


def test_time_lost_on_a_time_out_is_separate(start_partner, exchange_at, good_csv, tmp_path):
    """The receipt has the time spent on a partner that hangs, so that it can be left out of the busy time."""
    partner = start_partner({"faults": {"UA/flights/a.csv": {"0": {"1": "hang"}}}})
    receipt = exchange_at(partner.url, good_csv(tmp_path / "a.csv", 2), timeout_s=0.3)
    assert (receipt.outcome, receipt.error_type) == ("failed", "time-out")
    assert receipt.blocked_s >= 0.3


def test_a_refused_connection_is_explained(exchange_at, good_csv, tmp_path):
    """The reason has the address and the system's message."""
    receipt = exchange_at("http://127.0.0.1:9", good_csv(tmp_path / "a.csv", 2))
    assert (receipt.outcome, receipt.error_type, rows(receipt)) == ("failed", "connection", {"in": 2, "failed": 2})
    assert receipt.error == "http://127.0.0.1:9/n/UA/flights: no connection: Connection refused"


def test_a_file_without_rows_is_done(start_partner, exchange_at, tmp_path, good_csv):
    """A header alone is received, and there is nothing to deliver."""
    receipt = exchange_at(start_partner().url, good_csv(tmp_path / "a.csv", 0))
    assert (receipt.outcome, rows(receipt), receipt.calls) == ("done", {}, 0)


def test_a_file_may_have_any_name(start_partner, exchange_at, good_csv, tmp_path):
    """A file name may have non-Latin letters, and the partner's plan finds the file by it."""
    partner = start_partner({"faults": {"UA/flights/день.csv": {"0": {"1": "unavailable"}}}})
    path = good_csv(tmp_path / "день.csv", 2)
    assert exchange_at(partner.url, path).error_type == "http-503"
    assert exchange_at(partner.url, path).outcome == "done"


def test_a_missing_file_is_bad_input(exchange_at, tmp_path):
    """A missing file is an error of the caller that names the file."""
    with pytest.raises(BadInput, match=r"gone\.csv: cannot be read: No such file"):
        exchange_at("http://127.0.0.1:9", tmp_path / "gone.csv")


def test_stages_are_timed_from_outside(start_partner, exchange_at, good_csv, tmp_path):
    """The receipt has the time inside each stage; their sum is not more than the exchange took."""
    import time

    path, url = good_csv(tmp_path / "a.csv", 2000), start_partner().url
    began = time.monotonic_ns()
    receipt = exchange_at(url, path)
    took_ns = time.monotonic_ns() - began
    assert list(receipt.stages_ns) == ["receive", "check", "map", "ahead", "refuse", "deliver"]
    assert all(spent >= 0 for spent in receipt.stages_ns.values())
    assert 0 < sum(receipt.stages_ns.values()) <= took_ns


def test_no_thread_is_left_behind(start_partner, exchange_at, good_csv, tmp_path):
    """After an exchange no thread of it runs."""
    url, before = start_partner().url, set(threading.enumerate())
    exchange_at(url, good_csv(tmp_path / "a.csv", 10))
    assert set(threading.enumerate()) <= before


def test_a_file_that_changes_while_it_is_read_waits(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """A file that is still being written waits for the next run; nothing of it is sent or stored."""
    partner, path = start_partner(), good_csv(tmp_path / "a.csv", 3)
    prepared = make_prepared(partner.url, level=4)

    def grow(_):
        with path.open("a") as file:
            file.write("more")

    with pytest.raises(FileStillChanging, match=r"a\.csv: changed while it was read"):
        exchange(prepared, path, NOW, ledger, grow)
    assert partner.held("n") == []
    assert exchange(prepared, path, NOW, ledger).attempt == 1


class DeletesLedger:
    """An endpoint that deletes the ledger once a request has been accepted."""

    def __init__(self, endpoint, ledger):
        self._endpoint, self._ledger = endpoint, ledger

    def post(self, *arguments):
        """Send the request, then delete."""
        self._endpoint.post(*arguments)
        self._ledger.path.unlink()


@pytest.mark.parametrize("ledger_address", ["sqlite"], indirect=True)
@pytest.mark.parametrize("level", [1, 2, 3, 4])
@pytest.mark.parametrize("honours_keys", [True, False])
def test_nothing_is_sent_after_the_ledger_is_gone(
    start_partner, make_prepared, ledger, good_csv, tmp_path, level, honours_keys
):
    """A ledger deleted before the first request or after it ends the exchange with an error that names it."""
    partner = start_partner()
    prepared = make_prepared(partner.url, level=level, honours_keys=honours_keys)
    path = good_csv(tmp_path / "a.csv", 1201)
    with pytest.raises(LedgerDamaged, match=r"ledger\.db: the ledger was deleted or replaced"):
        exchange(replace(prepared, endpoint=DeletesLedger(prepared.endpoint, ledger)), path, NOW, ledger)
    assert len(partner.held("n")) == 500
    with pytest.raises(LedgerDamaged):
        exchange(prepared, path, NOW, ledger)
    assert len(partner.held("n")) == 500


@pytest.mark.parametrize("ledger_address", ["sqlite"], indirect=True)
def test_no_file_is_delivered_into_a_folder_after_the_ledger_is_gone(make_prepared, ledger, good_csv, tmp_path):
    """The file does not get its name when its commit went into a deleted ledger."""
    (tmp_path / "out").mkdir()
    ledger.path.unlink()
    with pytest.raises(LedgerDamaged):
        exchange(make_prepared(folder=tmp_path / "out"), good_csv(tmp_path / "a.csv", 3), NOW, ledger)
    assert not [path for path in (tmp_path / "out").iterdir() if path.suffix != ".part"]
