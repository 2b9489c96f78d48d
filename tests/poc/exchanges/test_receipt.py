"""The reasons of a receipt: counts of the quarantined rows by error code, which add up to those in the account."""

from datetime import UTC, datetime

import pytest

from metrics.events import RunEvent
from poc.exchanges.exchange import exchange, resume
from poc.ledger.lookup import find_by_prefix
from poc.quarantine.replay import replay
from poc.quarantine.store import QuarantineStore
from poc.service.line_protocol import receipt_json
from poc.service.runner import Runner

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)
LATER = datetime(2013, 1, 7, 7, tzinfo=UTC)
WHY = {"constraint-error": 1, "missing-cell": 1, "primary-key": 1}


@pytest.fixture
def broken(good_csv, tmp_path):
    """A function that makes flights with three invalid rows: 5 in two ways, 7 too short, 9 with a duplicate key."""

    def make(rows=40):
        path = good_csv(tmp_path / "a.csv", rows)
        lines = path.read_text().splitlines(keepends=True)
        lines[5] = lines[5].replace("2013,1,1,", "2013,13,x,", 1)
        lines[7] = lines[7].replace("IAH,227,", "IAH,", 1)
        lines[9] = lines[9].replace("UA,9,", "UA,8,", 1)
        path.write_text("".join(lines))
        return path

    return make


@pytest.mark.parametrize(("level", "why"), [(1, {}), (2, WHY), (3, WHY), (4, WHY)])
def test_each_row_counts_once_by_the_first_thing_wrong_with_it(
    start_partner, make_prepared, ledger, broken, level, why
):
    """The sum is the account's; a level that sets nothing aside, and a file that came before, tell of nothing."""
    prepared, path = make_prepared(start_partner().url, level=level), broken()
    receipt = exchange(prepared, path, NOW, ledger)
    assert receipt_json(receipt)["reasons"] == why
    assert sum(why.values()) == receipt.account.as_dict()["quarantined"]
    once_more = exchange(prepared, path, LATER, ledger)
    assert once_more.outcome == "already_received" or level == 1
    assert once_more.reasons == {}


@pytest.mark.parametrize("level", [3, 4])
def test_a_resumed_attempt_has_the_same_reasons(start_partner, make_prepared, ledger, broken, level):
    """The file is not read again, and the reasons are the same."""
    partner = start_partner({"faults": {"UA/flights/a.csv": {"1": {"1": "unavailable"}}}})
    prepared = make_prepared(partner.url, level=level)
    first = exchange(prepared, broken(1200), NOW, ledger)
    assert (first.outcome, first.reasons) == ("failed" if level == 3 else "due", WHY)
    done = resume(prepared, find_by_prefix(ledger, first.exchange_id), LATER, ledger)
    assert (done.outcome, done.account.as_dict()["quarantined"], done.reasons) == ("done", 3, WHY)


def test_replayed_rows_leave_the_reasons(start_partner, make_prepared, ledger, broken):
    """A replayed row leaves the reasons, a discarded one stays in them, as in the account."""
    prepared, path = make_prepared(start_partner().url), broken()
    entry = find_by_prefix(ledger, exchange(prepared, path, NOW, ledger).exchange_id)
    QuarantineStore(ledger, entry).discard([9], "a test flight")
    ledger.commit()
    mended = path.read_bytes().splitlines()[7].replace(b"IAH,", b"IAH,227,", 1)
    assert replay(prepared, entry, path, {7: mended}, ledger, NOW).replayed_rows == (7,)
    done = resume(prepared, find_by_prefix(ledger, entry.exchange_id), NOW, ledger)
    assert done.account.as_dict()["quarantined"] == 2
    assert done.reasons == {"constraint-error": 1, "primary-key": 1}


def test_a_file_quarantined_whole_has_one_reason(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """The drift of the header is the reason of every row."""
    path = good_csv(tmp_path / "a.csv", 40)
    path.write_text(path.read_text().replace("distance", "miles", 1))
    receipt = exchange(make_prepared(start_partner().url, on_drift="quarantine"), path, NOW, ledger)
    (rows,) = receipt.reasons.values()
    assert rows == receipt.account.as_dict()["quarantined"] == 40


def test_a_run_event_has_the_reasons(start_partner, make_prepared, ledger, broken):
    """The end event has the reasons of the receipt; the start event has none."""
    told = []

    class Kept:
        def record(self, event, *, started=False):
            told.append((started, event))

    Runner(make_prepared(start_partner().url), ledger, lambda: NOW, Kept(), "1").exchange(broken())
    assert [(started, event.aside) for started, event in told] == [(True, None), (False, WHY)]
    assert all(isinstance(event, RunEvent) for _, event in told)
