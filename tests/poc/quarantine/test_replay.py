"""Replay of quarantined rows: edited rows are sent once, and the others wait or are discarded."""

import gzip
import json
from dataclasses import replace

import polars as pl
import pytest

from poc.contract.constraints import CompiledConstraint
from poc.errors import BadInput
from poc.exchanges.exchange import exchange, resume
from poc.ledger.lookup import find_by_prefix
from poc.quarantine.export import export_rows, read_export
from poc.quarantine.replay import replay
from poc.quarantine.store import QuarantineStore
from poc.transports import folder as folders
from tests.poc.quarantine.broken_flights import NOW, rows


def held_records(partner):
    """All records that the partner has, from bodies that are objects or arrays."""
    text, records = (partner.keep / "n" / "UA" / "flights.jsonl").read_text(), []
    while text:
        value, end = json.JSONDecoder().raw_decode(text)
        records += value if isinstance(value, list) else [value]
        text = text[end:].lstrip()
    return records


@pytest.mark.parametrize("body", ["jsonl", "json", "row"])
def test_edited_rows_are_sent_once(start_partner, make_prepared, ledger, broken, body):
    """Rows that were exported, edited and replayed arrive; replaying them again is refused."""
    partner = start_partner()
    prepared = make_prepared(partner.url, body=body)
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
    flights = [record["flight"] for record in held_records(partner)]
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
        patch.setattr(*((folders, "publish") if died == "publish" else (ledger, "commit")), die)
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
