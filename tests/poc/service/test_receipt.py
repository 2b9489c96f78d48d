"""Why rows were set aside is told with every attempt: the counts add up to the rows that stand set aside after it."""

from datetime import UTC, datetime

import pytest

from metrics.events import RunEvent
from poc.ledger.ledger import find_by_prefix
from poc.quarantine.replay import replay
from poc.quarantine.store import QuarantineStore
from poc.service.exchange import exchange, resume
from poc.service.line_protocol import receipt_json
from poc.service.runner import Runner

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)
LATER = datetime(2013, 1, 7, 7, tzinfo=UTC)
WHY = {"constraint-error": 1, "missing-cell": 1, "primary-key": 1}


@pytest.fixture
def broken(good_csv, tmp_path):
    """A function that makes flights of which three are broken: row 5 twice over, row 7 too short, row 9 a key again."""

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
def test_an_attempt_that_goes_on_tells_what_stands_aside(start_partner, make_prepared, ledger, broken, level):
    """The file is not read again, and the reasons are the same."""
    partner = start_partner({"faults": {"UA/flights/a.csv": {"1": {"1": "unavailable"}}}})
    prepared = make_prepared(partner.url, level=level)
    first = exchange(prepared, broken(1200), NOW, ledger)
    assert (first.outcome, first.reasons) == ("failed" if level == 3 else "due", WHY)
    done = resume(prepared, find_by_prefix(ledger, first.exchange_id), LATER, ledger)
    assert (done.outcome, done.account.as_dict()["quarantined"], done.reasons) == ("done", 3, WHY)


def test_rows_that_were_replayed_stand_aside_no_longer(start_partner, make_prepared, ledger, broken):
    """One mended and sent, one given up: the first leaves the reasons, the second stays in them, as in the account."""
    prepared, path = make_prepared(start_partner().url), broken()
    entry = find_by_prefix(ledger, exchange(prepared, path, NOW, ledger).exchange_id)
    QuarantineStore(ledger, entry).discard([9], "a test flight")
    ledger.commit()
    mended = path.read_bytes().splitlines()[7].replace(b"IAH,", b"IAH,227,", 1)
    assert replay(prepared, entry, path, {7: mended}, ledger, NOW).replayed_rows == (7,)
    done = resume(prepared, find_by_prefix(ledger, entry.exchange_id), NOW, ledger)
    assert done.account.as_dict()["quarantined"] == 2
    assert done.reasons == {"constraint-error": 1, "primary-key": 1}


def test_a_file_set_aside_whole_has_one_reason(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """A header that drifted is why every row of it waits."""
    path = good_csv(tmp_path / "a.csv", 40)
    path.write_text(path.read_text().replace("distance", "miles", 1))
    receipt = exchange(make_prepared(start_partner().url, on_drift="quarantine"), path, NOW, ledger)
    (rows,) = receipt.reasons.values()
    assert rows == receipt.account.as_dict()["quarantined"] == 40


def test_a_live_run_tells_them_to_its_recorder(start_partner, make_prepared, ledger, broken):
    """The event has what the receipt has; the start of a run knows nothing yet."""
    told = []

    class Kept:
        def record(self, event, *, started=False):
            told.append((started, event))

    Runner(make_prepared(start_partner().url), ledger, lambda: NOW, Kept(), "1").exchange(broken())
    assert [(started, event.aside) for started, event in told] == [(True, None), (False, WHY)]
    assert all(isinstance(event, RunEvent) for _, event in told)
