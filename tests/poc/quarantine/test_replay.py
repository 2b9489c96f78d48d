"""Quarantine from the check to the replay: rejected rows are stored as they came, edited, and sent once."""

import gzip
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from poc.batch import Finding, RejectedRow
from poc.contract.constraints import CompiledConstraint
from poc.errors import BadInput
from poc.ledger.ledger import ExchangeRecord, find_by_prefix
from poc.quarantine import replay as replay_module
from poc.quarantine.export import export_rows, read_export
from poc.quarantine.replay import replay
from poc.quarantine.store import QuarantinedRow, QuarantineStore
from poc.service.exchange import exchange, resume

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)


def rows(receipt):
    """The account without zeros."""
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
    """Forty flights with three invalid rows: 5 in two ways, 7 too short, 9 with the key of row 8."""
    path = good_csv(tmp_path / "a.csv", 40)
    return spoil(
        path,
        ("2013,1,1,517,515,2,830,819,11,UA,5,", "2013,13,x,517,515,2,830,819,11,UA,5,"),
        ("UA,7,N14228,EWR,IAH,227,", "UA,7,N14228,EWR,IAH,"),
        ("UA,9,", "UA,8,"),
    )


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


def test_edited_rows_are_sent_once(start_partner, make_prepared, ledger, broken):
    """Rows that were exported, edited and replayed arrive; replaying them again is refused."""
    partner = start_partner()
    prepared = make_prepared(partner.url)
    first = exchange(prepared, broken, NOW, ledger)
    entry = find_by_prefix(ledger, first.exchange_id)
    text = b"".join(export_rows(entry, QuarantineStore(ledger, entry).rows())).decode()
    assert text.startswith(f"#milepost {entry.exchange_id} row 5: ")
    text = text.replace("2013,13,x,", "2013,1,1,").replace("UA,7,N14228,EWR,IAH,", "UA,7,N14228,EWR,IAH,227,")
    edits = read_export(text.encode(), entry)
    done = replay(prepared, entry, broken, edits, ledger, NOW)
    assert (done.replayed_rows, [bad.row for bad in done.still_rejected]) == ((5, 7), [9])
    receipt = resume(prepared, find_by_prefix(ledger, entry.exchange_id), NOW, ledger)
    assert (receipt.outcome, rows(receipt)) == ("done", {"in": 40, "delivered": 39, "quarantined": 1})
    flights = [record["flight"] for record in partner.held("n")]
    assert sorted(flights) == sorted({f"UA{n}" for n in range(1, 41)} - {"UA9"})
    with pytest.raises(BadInput, match=r"row 5 of exchange .* is replayed; held are 9"):
        replay(prepared, find_by_prefix(ledger, entry.exchange_id), broken, edits, ledger, NOW)


def test_an_edit_with_the_key_of_a_delivered_row_stays(start_partner, make_prepared, ledger, broken):
    """A replayed row is compared with all rows of its file, so that no key is delivered twice."""
    partner = start_partner()
    prepared = make_prepared(partner.url)
    entry = find_by_prefix(ledger, exchange(prepared, broken, NOW, ledger).exchange_id)
    line = broken.read_bytes().split(b"\n")[1]
    done = replay(prepared, entry, broken, {5: line}, ledger, NOW)
    assert (done.replayed_rows, [f.code for bad in done.still_rejected for f in bad.findings]) == ((), ["primary-key"])
    assert len(partner.held("n")) == 37


@pytest.mark.parametrize(
    ("edited", "said"),
    [
        ({4: b"x"}, "row 4 of exchange .* is not in quarantine; held are 5, 7, 9"),
        ({5: b"a\nb"}, "row 5: 2 rows instead of one"),
        ({5: b""}, "row 5: 0 rows instead of one"),
    ],
)
def test_an_edit_that_is_not_one_row_is_refused(start_partner, make_prepared, ledger, broken, edited, said):
    """A text that is not one row of the file is an error before anything changes."""
    prepared = make_prepared(start_partner().url)
    entry = find_by_prefix(ledger, exchange(prepared, broken, NOW, ledger).exchange_id)
    with pytest.raises(BadInput, match=said):
        replay(prepared, entry, broken, edited, ledger, NOW)


def test_a_text_that_is_no_export_is_refused(start_partner, make_prepared, ledger, broken):
    """A file of plain rows, or an export of another exchange, is an error."""
    entry = find_by_prefix(ledger, exchange(make_prepared(start_partner().url), broken, NOW, ledger).exchange_id)
    with pytest.raises(BadInput, match="not an export"):
        read_export(b"2013,1,1\n", entry)
    with pytest.raises(BadInput, match="row 5 is of exchange abc, not of"):
        read_export(b"#milepost abc row 5: x\n2013\n", entry)


def test_a_discarded_row_stays_in_the_account(start_partner, make_prepared, ledger, broken):
    """A discarded row stays quarantined, with the reason, and cannot be replayed."""
    prepared = make_prepared(start_partner().url)
    entry = find_by_prefix(ledger, exchange(prepared, broken, NOW, ledger).exchange_id)
    QuarantineStore(ledger, entry).discard([5], "a test flight")
    ledger.commit()
    kept = {row.row: (row.state, row.why) for row in QuarantineStore(ledger, entry).rows()}
    assert kept[5] == ("discarded", "a test flight")
    assert find_by_prefix(ledger, entry.exchange_id).rows["quarantined"] == 3
    with pytest.raises(BadInput, match="is discarded"):
        replay(prepared, entry, broken, {5: b"x"}, ledger, NOW)


def test_edits_with_open_quotes_are_read_separately(start_partner, make_prepared, ledger, broken):
    """Rows whose quotes would join two rows are read one by one: both stay, and the account adds up."""
    partner = start_partner()
    prepared = make_prepared(partner.url)
    entry = find_by_prefix(ledger, exchange(prepared, broken, NOW, ledger).exchange_id)
    line = broken.read_bytes().split(b"\n")[5].replace(b"13,x", b"1,1")
    first, second = line.split(b"14228")
    done = replay(
        prepared, entry, broken, {5: first.replace(b",N", b',"N1'), 7: b'4228"' + second, 9: line}, ledger, NOW
    )
    assert ([bad.row for bad in done.still_rejected], done.replayed_rows) == ([5, 7], (9,))
    receipt = resume(prepared, find_by_prefix(ledger, entry.exchange_id), NOW, ledger)
    assert (receipt.outcome, rows(receipt)) == ("done", {"in": 40, "delivered": 38, "quarantined": 2})


def test_a_row_over_two_lines_is_one_row(start_partner, make_prepared, ledger, broken):
    """An edit may span lines where the feed's quotes allow it: its value is checked as one row."""
    prepared = make_prepared(start_partner().url)
    entry = find_by_prefix(ledger, exchange(prepared, broken, NOW, ledger).exchange_id)
    line = broken.read_bytes().split(b"\n")[5].replace(b"13,x", b"1,1").replace(b"N14228", b'"N14\n228"')
    done = replay(prepared, entry, broken, {5: line}, ledger, NOW)
    assert [(found.code, found.field) for bad in done.still_rejected for found in bad.findings] == [
        ("constraint-error", "tailnum")
    ]


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_keys_of_delivered_rows_count_under_a_stricter_contract(
    start_partner, make_prepared, ledger, broken, tmp_path, compression
):
    """A delivered row keeps its key even where the current contract rejects it, so that no key is sent twice."""
    partner = start_partner()
    path = tmp_path / "sent"
    path.write_bytes(gzip.compress(broken.read_bytes()) if compression == "gzip" else broken.read_bytes())
    prepared = make_prepared(partner.url, compression=compression)
    entry = find_by_prefix(ledger, exchange(prepared, path, NOW, ledger).exchange_id)
    lines = broken.read_bytes().split(b"\n")
    edits = {5: lines[5].replace(b"13,x", b"1,1").replace(b"517", b"518"), 7: lines[8].replace(b"517", b"518")}
    strict = replace(prepared, contract=stricter(prepared.contract))
    done = replay(strict, entry, path, {5: edits[5]}, ledger, NOW)
    assert (done.replayed_rows, done.still_rejected) == ((5,), ())
    resume(prepared, find_by_prefix(ledger, entry.exchange_id), NOW, ledger)
    entry = find_by_prefix(ledger, entry.exchange_id)
    key = "the key (carrier, flight, time_hour) is already in row"
    done = replay(strict, entry, path, {7: edits[7]}, ledger, NOW)
    assert [found.note for bad in done.still_rejected for found in bad.findings] == [f"{key} 8"]
    done = replay(replace(prepared, contract=never(prepared.contract)), entry, path, {7: edits[5]}, ledger, NOW)
    assert f"{key} 5" not in [found.note for bad in done.still_rejected for found in bad.findings]  # bad in itself
    done = replay(prepared, entry, path, {7: edits[5]}, ledger, NOW)
    assert [found.note for bad in done.still_rejected for found in bad.findings] == [f"{key} 5"]
    flights = [record["flight"] for record in partner.held("n")]
    assert len(flights) == len(set(flights)) == 38


def with_rule(contract, rule):
    """A contract with one more constraint on departures."""
    columns = (replace(one, constraints=(rule,)) if one.name == "dep_time" else one for one in contract.columns)
    return replace(contract, columns=tuple(columns))


def stricter(contract):
    """A contract that rejects every delivered row: none departs at 517."""
    return with_rule(contract, CompiledConstraint("is 517", lambda column: column == 517, lambda _: False))


def never(contract):
    """A contract that rejects every row."""
    return with_rule(contract, CompiledConstraint("is there", pl.Series.is_not_null, lambda _: False))


def test_two_edits_with_one_key_send_it_once(start_partner, make_prepared, ledger, broken):
    """Of two replayed rows with one key the earlier is sent; if the key was delivered before, neither."""
    prepared = make_prepared(start_partner().url)
    entry = find_by_prefix(ledger, exchange(prepared, broken, NOW, ledger).exchange_id)
    lines = broken.read_bytes().split(b"\n")
    mended = lines[5].replace(b"13,x", b"1,1")
    done = replay(prepared, entry, broken, {5: lines[1], 7: lines[1]}, ledger, NOW)
    notes = [found.note for bad in done.still_rejected for found in bad.findings]
    assert notes == ["the key (carrier, flight, time_hour) is already in row 1"] * 2
    done = replay(prepared, entry, broken, {5: mended, 7: mended}, ledger, NOW)
    assert (done.replayed_rows, [bad.row for bad in done.still_rejected]) == ((5,), [7])


def test_a_replay_under_another_dialect_is_refused(start_partner, make_prepared, ledger, broken):
    """Where the current settings give the file other rows, keys cannot be compared, and nothing is sent."""
    prepared = make_prepared(start_partner().url)
    entry = find_by_prefix(ledger, exchange(prepared, broken, NOW, ledger).exchange_id)
    line = broken.read_bytes().split(b"\n")[5].replace(b"13,x", b"1,1")
    other = make_prepared("http://127.0.0.1:1", dialect={"header": False})
    with pytest.raises(BadInput, match=r"row 8 of a.csv was delivered and cannot be read as the feed is declared now"):
        replay(other, entry, broken, {5: line}, ledger, NOW)
    longer = replace(entry, rows={**entry.rows, "in": 41})
    with pytest.raises(BadInput, match=r"a.csv has 40 rows as the feed is declared now, and had 41"):
        replay(prepared, longer, broken, {5: line}, ledger, NOW)
    assert [kept.state for kept in QuarantineStore(ledger, entry).rows()] == ["held"] * 3


def test_the_head_of_a_file_is_read_once(start_partner, make_prepared, ledger, broken):
    """However many rows are replayed, the file's head is read once."""
    prepared = make_prepared(start_partner().url)
    entry = find_by_prefix(ledger, exchange(prepared, broken, NOW, ledger).exchange_id)
    read = []

    class Counted:
        def head(self, source):
            read.append(1)
            return prepared.reader.head(source)

    replay(replace(prepared, reader=Counted()), entry, broken, None, ledger, NOW)
    assert read == [1]


def test_quarantined_rows_are_read_in_chunks(ledger):
    """Rows beyond one chunk come in the order of their numbers, also when rows change meanwhile."""
    entry = ledger.find("UA", "flights", "a.csv", "0" * 64)
    ledger.record_attempt(entry, 1, 1)
    quarantine = QuarantineStore(ledger, entry)
    quarantine.add([RejectedRow(row, b"x%d" % row, (Finding(row, "c", "", ""),)) for row in range(1, 702)])
    seen = []
    for kept in quarantine.rows():
        seen.append((kept.row, kept.original))
        quarantine.discard([kept.row], "why")
    assert seen == [(row, b"x%d" % row) for row in range(1, 702)]


ENTRY = ExchangeRecord("0123456789abcdef", "UA", "flights", "a.csv", "0" * 64)


@given(st.lists(st.binary() | st.sampled_from([b"", b"a\r", b"a\n", b"\r\n", b"#milepost 12 row 3: x\n", b"\x0a\x00"])))
def test_an_export_keeps_every_byte(originals):
    """Whatever bytes rows have, with line ends and marks of other exchanges, an unedited export keeps them."""
    held = [
        QuarantinedRow(
            row, "held", (Finding(row, "c", "f", "note\r\n#milepost 0123456789abcdef row 1"),), line, None, ""
        )
        for row, line in enumerate(originals, 1)
    ]
    data = b"".join(export_rows(ENTRY, held))
    if held:
        assert read_export(data, ENTRY) == dict(enumerate(originals, 1))
    else:
        assert data == b""


def test_an_editor_may_change_line_ends():
    """An export with CR LF after an edit, marks included, gives rows without them."""
    data = b"#milepost 0123456789abcdef row 5: x\r\n2013,1\r\n#milepost 0123456789abcdef row 7: y\r\n2014,1"
    assert read_export(data, ENTRY) == {5: b"2013,1", 7: b"2014,1"}


def test_rows_in_utf_16_are_replayed(start_partner, make_prepared, ledger, broken, tmp_path):
    """Rows of a feed in UTF-16 are exported in UTF-16, edited and read back."""
    partner = start_partner()
    path = tmp_path / "wide.csv"
    path.write_text(broken.read_text(), encoding="utf-16")
    prepared = make_prepared(partner.url, dialect={"encoding": "utf-16"})
    entry = find_by_prefix(ledger, exchange(prepared, path, NOW, ledger).exchange_id)
    text = b"".join(export_rows(entry, QuarantineStore(ledger, entry).rows()))
    text = text.replace("13,x,".encode("utf-16-le"), "1,1,".encode("utf-16-le"))
    done = replay(prepared, entry, path, read_export(text, entry), ledger, NOW)
    assert (done.replayed_rows, [bad.row for bad in done.still_rejected]) == ((5,), [7, 9])
    assert resume(prepared, find_by_prefix(ledger, entry.exchange_id), NOW, ledger).outcome == "done"
    assert "UA5" in [record["flight"] for record in partner.held("n")]


@pytest.mark.parametrize("outcome", ["open", "failed", "due"])
def test_an_unfinished_exchange_must_end_before_a_replay(start_partner, make_prepared, ledger, broken, outcome):
    """Rows of a file that will be read again are not replayed, or they would be sent twice; the error says so."""
    prepared = make_prepared(start_partner().url)
    entry = find_by_prefix(ledger, exchange(prepared, broken, NOW, ledger).exchange_id)
    with pytest.raises(BadInput, match=f"is {outcome}: a.csv will be read again.*milepost run"):
        replay(prepared, replace(entry, outcome=outcome, whole=False), broken, None, ledger, NOW)


def test_rows_of_an_exchange_given_up_are_not_sent(start_partner, make_prepared, ledger, broken):
    """A replay does not reopen an exchange that was given up; the error has the reason."""
    prepared = make_prepared(start_partner().url)
    entry = find_by_prefix(ledger, exchange(prepared, broken, NOW, ledger).exchange_id)
    with pytest.raises(BadInput, match=r"of a.csv was given up: given up: too late"):
        replay(prepared, replace(entry, outcome="given_up", reason="given up: too late"), broken, None, ledger, NOW)


def test_rows_lost_in_the_check_are_an_error(make_prepared, monkeypatch):
    """If the check loses a row, the error names it and nothing is reserved."""
    from poc.quarantine import revalidate

    monkeypatch.setattr(revalidate, "Check", lambda *_, **__: lambda _: iter(()))
    with pytest.raises(BadInput, match=r"rows \[5, 7\] are not one row each"):
        revalidate.revalidate(
            make_prepared("http://127.0.0.1:1", dialect={"header": False}), b"", {5: b"x", 7: b"y"}, []
        )


@pytest.fixture
def dropped(make_prepared, ledger, broken, tmp_path):
    """A feed into a folder, the entry of the broken file, its path, its edited rows, and the name of their file."""
    prepared = make_prepared(folder=tmp_path / "out")
    entry = find_by_prefix(ledger, exchange(prepared, broken, NOW, ledger).exchange_id)
    line = broken.read_bytes().split(b"\n")[5].replace(b"13,x", b"1,1")
    edits = {5: line, 9: line.replace(b"UA,5,", b"UA,9,")}
    return prepared, entry, broken, edits, tmp_path / "out" / f"a.{entry.exchange_id[:8]}.again-5.jsonl"


def account(ledger, entry):
    """The rows of an exchange by outcome."""
    found = find_by_prefix(ledger, entry.exchange_id)
    return found.outcome, {name: count for name, count in found.rows.items() if count}


def test_rows_replayed_into_a_folder_are_a_file_of_their_own(ledger, dropped):
    """A partner with a folder gets edited rows as one more file, once."""
    prepared, entry, path, edits, file = dropped
    done = replay(prepared, entry, path, edits, ledger, NOW)
    assert (done.replayed_rows, done.still_rejected) == ((5, 9), ())
    assert [line[:15] for line in file.read_text().splitlines()] == ['{"flight":"UA5"', '{"flight":"UA9"']
    assert account(ledger, entry) == ("done", {"in": 40, "delivered": 39, "quarantined": 1})
    with pytest.raises(BadInput, match=r"row 5 of exchange .* is replayed"):
        replay(prepared, find_by_prefix(ledger, entry.exchange_id), path, edits, ledger, NOW)
    assert len(list(file.parent.iterdir())) == 2


@pytest.mark.parametrize("died", ["publish", "commit"])
def test_an_interrupted_replay_into_a_folder_is_finished(ledger, dropped, monkeypatch, died):
    """Interrupted before the commit, rows stay and the part is discarded; after it, the next replay renames it."""
    prepared, entry, path, edits, file = dropped

    def die(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*((replay_module, "publish") if died == "publish" else (ledger, "commit")), die)
        with pytest.raises(KeyboardInterrupt):
            replay(prepared, entry, path, edits, ledger, NOW)
    part = file.with_name(f"{file.name}.part")
    assert (part.exists(), file.exists()) == (True, False)
    entry = find_by_prefix(ledger, entry.exchange_id)
    done = replay(prepared, entry, path, {} if died == "publish" else {9: edits[9]}, ledger, NOW)
    assert (part.exists(), file.exists()) == (False, died == "publish")
    assert done.replayed_rows == (() if died == "publish" else (9,))
    if died == "commit":
        assert replay(
            prepared, find_by_prefix(ledger, entry.exchange_id), path, {5: edits[5]}, ledger, NOW
        ).replayed_rows == (5,)
    assert account(ledger, entry) == ("done", {"in": 40, "delivered": 39, "quarantined": 1})
    sent = [line[11:14] for one in file.parent.glob("*.again-*.jsonl") for line in one.read_text().splitlines()]
    assert sorted(sent) == ["UA5", "UA9"]
