"""Rows that break the contract are quarantined as they came, and the others are sent."""

import pytest

from poc.batch import Finding, RejectedRow
from poc.errors import BadInput
from poc.exchanges.exchange import exchange
from poc.ledger.lookup import find_by_prefix
from poc.quarantine.store import QuarantineStore
from tests.poc.quarantine.broken_flights import NOW, rows, spoil


@pytest.mark.parametrize("level", [2, 3, 4])
def test_valid_rows_are_sent_and_rejected_ones_stored(start_partner, make_prepared, ledger, broken, level):
    """Every valid row arrives; each rejected row is stored byte for byte with all its findings."""
    partner = start_partner()
    receipt = exchange(make_prepared(partner.url, level=level), broken, NOW, ledger)
    assert (receipt.outcome, rows(receipt)) == ("done", {"in": 40, "delivered": 37, "quarantined": 3})
    assert receipt.quarantined_rows == (5, 7, 9)
    assert len(partner.held("n")) == 37
    lines = broken.read_bytes().split(b"\n")
    kept = list(QuarantineStore(ledger, find_by_prefix(ledger, receipt.exchange_id)).rows())
    assert [row.original for row in kept] == [lines[5], lines[7], lines[9]]
    assert [[(found.code, found.field) for found in row.findings] for row in kept] == [
        [("constraint-error", "month"), ("type-error", "day")],
        [("missing-cell", "")],
        [("primary-key", "carrier, flight, time_hour")],
    ]


@pytest.mark.parametrize("level", [2, 4])
def test_a_file_over_its_budget_is_refused_whole(start_partner, make_prepared, ledger, broken, level):
    """With more rejected rows than the budget, nothing of the file is sent or stored."""
    partner = start_partner()
    prepared = make_prepared(partner.url, level=level, budget={"share": 0.05, "rows": 2})
    receipt = exchange(prepared, broken, NOW, ledger)
    assert (receipt.outcome, receipt.error_type, rows(receipt)) == (
        "refused",
        "error-budget",
        {"in": 40, "refused": 40},
    )
    assert receipt.error.startswith("3 of 40 rows are bad, the budget is 2 rows or 5% of a file; the first is row 5:")
    assert partner.held("n") == []
    assert list(QuarantineStore(ledger, find_by_prefix(ledger, receipt.exchange_id)).rows()) == []


def test_a_drifted_header_has_one_finding(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """A renamed column refuses the file with one sentence, not with an error per row."""
    path = spoil(good_csv(tmp_path / "a.csv", 30), ("tailnum", "tail_number"))
    receipt = exchange(make_prepared(start_partner().url), path, NOW, ledger)
    assert (receipt.outcome, len(receipt.findings), rows(receipt)) == ("refused", 1, {"in": 30, "refused": 30})
    assert "tail_number" in receipt.error
    assert "tailnum" in receipt.error


def test_a_drifted_file_can_wait_in_quarantine(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """With on_drift = quarantine all rows are stored, and the drift is reported once."""
    path = spoil(good_csv(tmp_path / "a.csv", 30), ("tailnum", "tail_number"))
    receipt = exchange(make_prepared(start_partner().url, on_drift="quarantine"), path, NOW, ledger)
    assert (receipt.outcome, len(receipt.findings), rows(receipt)) == ("done", 1, {"in": 30, "quarantined": 30})
    assert len(list(QuarantineStore(ledger, find_by_prefix(ledger, receipt.exchange_id)).rows())) == 30


def test_an_extra_column_can_be_accepted(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """With on_drift = accept-extra a new column is skipped and noted; the rows are delivered."""
    path = good_csv(tmp_path / "a.csv", 3)
    path.write_text("\n".join(f"{line},x" for line in path.read_text().split("\n")[:-1]) + "\n")
    receipt = exchange(make_prepared(start_partner().url, on_drift="accept-extra"), path, NOW, ledger)
    assert (receipt.outcome, rows(receipt)) == ("done", {"in": 3, "delivered": 3})
    assert [finding.code for finding in receipt.findings] == ["extra-label"]


def test_a_duplicate_key_in_a_later_batch_is_found(start_partner, make_prepared, ledger, good_csv, tmp_path):
    """A row with the key of a row thousands of rows before is rejected, and the first one is delivered."""
    partner = start_partner()
    path = spoil(good_csv(tmp_path / "a.csv", 2000), (",UA,1999,", ",UA,3,"))
    receipt = exchange(make_prepared(partner.url, block_bytes=20_000), path, NOW, ledger)
    assert (receipt.quarantined_rows, rows(receipt)) == ((1999,), {"in": 2000, "delivered": 1999, "quarantined": 1})
    assert len({record["flight"] for record in partner.held("n")}) == 1999


def test_quarantined_rows_are_read_in_chunks(ledger):
    """Rows beyond one chunk come in the order of their numbers, also when rows change meanwhile."""
    entry = ledger.find("UA", "flights", "a.csv", "0" * 64)
    ledger.record_attempt(entry, 1, 1)
    quarantine = QuarantineStore(ledger, entry)
    quarantine.add([RejectedRow(row, b"x%d" % row, (Finding(row, "c", "", ""),)) for row in range(1, 702)])
    quarantine.flush()
    seen = []
    for kept in quarantine.rows():
        seen.append((kept.row, kept.original))
        quarantine.discard([kept.row], "why")
    assert seen == [(row, b"x%d" % row) for row in range(1, 702)]


def test_rows_lost_in_the_check_are_an_error(make_prepared, monkeypatch):
    """If the check loses a row, the error names it and nothing is reserved."""
    from poc.quarantine import revalidate

    monkeypatch.setattr(revalidate, "Check", lambda *_, **__: lambda _: iter(()))
    with pytest.raises(BadInput, match=r"rows \[5, 7\] are not one row each"):
        revalidate.revalidate(
            make_prepared("http://127.0.0.1:1", dialect={"header": False}), b"", {5: b"x", 7: b"y"}, []
        )
