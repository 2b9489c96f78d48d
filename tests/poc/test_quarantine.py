"""Rows that break the contract are set aside, kept as they came, and can be mended and sent."""

from datetime import UTC, datetime

import pytest

from poc.aside import Aside
from poc.errors import BadInput
from poc.exchange import exchange, resume
from poc.ledger import pick
from poc.quarantine import again, export, read_export

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)


def rows(receipt):
    """The account without its zeros."""
    return {name: count for name, count in receipt.account.as_dict().items() if count}


def spoil(path, *pairs):
    """Replace text in a file."""
    text = path.read_text()
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text)
    return path


@pytest.fixture
def broken(good_csv, tmp_path):
    """Forty flights of which three are broken: row 5 twice over, row 7 too short, row 9 with the key of row 8."""
    path = good_csv(tmp_path / "a.csv", 40)
    return spoil(
        path,
        ("2013,1,1,517,515,2,830,819,11,UA,5,", "2013,13,x,517,515,2,830,819,11,UA,5,"),
        ("UA,7,N14228,EWR,IAH,227,", "UA,7,N14228,EWR,IAH,"),
        ("UA,9,", "UA,8,"),
    )


@pytest.mark.parametrize("level", [2, 3, 4])
def test_good_rows_go_on_and_bad_ones_are_kept(start_partner, make_lane, ledger, broken, level):
    """Every good row arrives, each bad row is kept byte for byte with all that is wrong with it."""
    partner = start_partner()
    receipt = exchange(make_lane(partner.url, level=level), broken, NOW, ledger)
    assert (receipt.outcome, rows(receipt)) == ("done", {"in": 40, "delivered": 37, "quarantined": 3})
    assert receipt.aside == (5, 7, 9)
    assert len(partner.held("n")) == 37
    lines = broken.read_bytes().split(b"\n")
    kept = list(Aside(ledger, pick(ledger, receipt.exchange_id)).rows())
    assert [row.original for row in kept] == [lines[5], lines[7], lines[9]]
    assert [[(found.code, found.field) for found in row.findings] for row in kept] == [
        [("constraint-error", "month"), ("type-error", "day")],
        [("missing-cell", "")],
        [("primary-key", "carrier, flight, time_hour")],
    ]


@pytest.mark.parametrize("level", [2, 4])
def test_a_file_over_its_budget_is_refused_whole(start_partner, make_lane, ledger, broken, level):
    """With more bad rows than the budget allows, nothing of the file reaches the partner, and nothing is kept."""
    partner = start_partner()
    lane = make_lane(partner.url, level=level, budget={"share": 0.05, "rows": 2})
    receipt = exchange(lane, broken, NOW, ledger)
    assert (receipt.outcome, receipt.error_type, rows(receipt)) == (
        "refused",
        "error-budget",
        {"in": 40, "refused": 40},
    )
    assert receipt.error.startswith("3 of 40 rows are bad, the budget is 2 rows or 5% of a file; the first is row 5:")
    assert partner.held("n") == []
    assert list(Aside(ledger, pick(ledger, receipt.exchange_id)).rows()) == []


def test_a_drifted_header_is_named_once(start_partner, make_lane, ledger, good_csv, tmp_path):
    """A renamed column refuses the file with one sentence, not with an error a row."""
    path = spoil(good_csv(tmp_path / "a.csv", 30), ("tailnum", "tail_number"))
    receipt = exchange(make_lane(start_partner().url), path, NOW, ledger)
    assert (receipt.outcome, len(receipt.findings), rows(receipt)) == ("refused", 1, {"in": 30, "refused": 30})
    assert "tail_number" in receipt.error
    assert "tailnum" in receipt.error


def test_a_drifted_file_can_wait_in_quarantine(start_partner, make_lane, ledger, good_csv, tmp_path):
    """With on_drift = quarantine all rows are kept, and the drift is told once."""
    path = spoil(good_csv(tmp_path / "a.csv", 30), ("tailnum", "tail_number"))
    receipt = exchange(make_lane(start_partner().url, on_drift="quarantine"), path, NOW, ledger)
    assert (receipt.outcome, len(receipt.findings), rows(receipt)) == ("done", 1, {"in": 30, "quarantined": 30})
    assert len(list(Aside(ledger, pick(ledger, receipt.exchange_id)).rows())) == 30


def test_an_extra_column_can_be_accepted(start_partner, make_lane, ledger, good_csv, tmp_path):
    """With on_drift = accept-extra a new column is read over and noted; the rows are delivered."""
    path = good_csv(tmp_path / "a.csv", 3)
    path.write_text("\n".join(f"{line},x" for line in path.read_text().split("\n")[:-1]) + "\n")
    receipt = exchange(make_lane(start_partner().url, on_drift="accept-extra"), path, NOW, ledger)
    assert (receipt.outcome, rows(receipt)) == ("done", {"in": 3, "delivered": 3})
    assert [finding.code for finding in receipt.findings] == ["extra-label"]


def test_a_key_that_stands_again_batches_later_is_found(start_partner, make_lane, ledger, good_csv, tmp_path):
    """A row whose key stood thousands of rows before is set aside, and its first is delivered."""
    partner = start_partner()
    path = spoil(good_csv(tmp_path / "a.csv", 2000), (",UA,1999,", ",UA,3,"))
    receipt = exchange(make_lane(partner.url, block_bytes=20_000), path, NOW, ledger)
    assert (receipt.aside, rows(receipt)) == ((1999,), {"in": 2000, "delivered": 1999, "quarantined": 1})
    assert len({record["flight"] for record in partner.held("n")}) == 1999


def test_mended_rows_are_sent_once(start_partner, make_lane, ledger, broken):
    """Rows that were exported, edited and replayed arrive; replayed again they are refused."""
    partner = start_partner()
    lane = make_lane(partner.url)
    first = exchange(lane, broken, NOW, ledger)
    entry = pick(ledger, first.exchange_id)
    text = export(entry, list(Aside(ledger, entry).rows())).decode()
    assert text.startswith(f"#milepost {entry.exchange_id} row 5: ")
    text = text.replace("2013,13,x,", "2013,1,1,").replace("UA,7,N14228,EWR,IAH,", "UA,7,N14228,EWR,IAH,227,")
    edits = read_export(text.encode(), entry)
    done = again(lane, entry, broken, edits, ledger, NOW)
    assert (done.reserved, [bad.row for bad in done.still_bad]) == ((5, 7), [9])
    receipt = resume(lane, pick(ledger, entry.exchange_id), NOW, ledger)
    assert (receipt.outcome, rows(receipt)) == ("done", {"in": 40, "delivered": 39, "quarantined": 1})
    flights = [record["flight"] for record in partner.held("n")]
    assert sorted(flights) == sorted({f"UA{n}" for n in range(1, 41)} - {"UA9"})
    with pytest.raises(BadInput, match=r"row 5 of exchange .* is replayed; held are 9"):
        again(lane, pick(ledger, entry.exchange_id), broken, edits, ledger, NOW)


def test_an_edit_that_takes_the_key_of_a_good_row_stays(start_partner, make_lane, ledger, broken):
    """A replayed row is compared with all rows of its file, so that no key arrives twice."""
    partner = start_partner()
    lane = make_lane(partner.url)
    entry = pick(ledger, exchange(lane, broken, NOW, ledger).exchange_id)
    line = broken.read_bytes().split(b"\n")[1]
    done = again(lane, entry, broken, {5: line}, ledger, NOW)
    assert (done.reserved, [f.code for bad in done.still_bad for f in bad.findings]) == ((), ["primary-key"])
    assert len(partner.held("n")) == 37


@pytest.mark.parametrize(
    ("edited", "said"),
    [
        ({4: b"x"}, "row 4 of exchange .* is not in quarantine; held are 5, 7, 9"),
        ({5: b"a\nb"}, "row 5: 2 rows stand where there was one"),
        ({5: b""}, "row 5: 0 rows stand where there was one"),
    ],
)
def test_an_edit_that_is_no_row_is_refused(start_partner, make_lane, ledger, broken, edited, said):
    """What cannot be one row of the file is told before anything changes."""
    lane = make_lane(start_partner().url)
    entry = pick(ledger, exchange(lane, broken, NOW, ledger).exchange_id)
    with pytest.raises(BadInput, match=said):
        again(lane, entry, broken, edited, ledger, NOW)


def test_a_text_that_is_no_export_is_refused(start_partner, make_lane, ledger, broken):
    """A file of plain rows, or of another exchange, is not taken for an export."""
    entry = pick(ledger, exchange(make_lane(start_partner().url), broken, NOW, ledger).exchange_id)
    with pytest.raises(BadInput, match="not an export"):
        read_export(b"2013,1,1\n", entry)
    with pytest.raises(BadInput, match="row 5 is of exchange abc, not of"):
        read_export(b"#milepost abc row 5: x\n2013\n", entry)


def test_a_discarded_row_stays_in_the_account(start_partner, make_lane, ledger, broken):
    """A row that was given up is quarantined for good, with the reason, and cannot be replayed."""
    lane = make_lane(start_partner().url)
    entry = pick(ledger, exchange(lane, broken, NOW, ledger).exchange_id)
    Aside(ledger, entry).discard([5], "a test flight")
    ledger.seal()
    kept = {row.row: (row.state, row.why) for row in Aside(ledger, entry).rows()}
    assert kept[5] == ("discarded", "a test flight")
    assert pick(ledger, entry.exchange_id).rows["quarantined"] == 3
    with pytest.raises(BadInput, match="is discarded"):
        again(lane, entry, broken, {5: b"x"}, ledger, NOW)
