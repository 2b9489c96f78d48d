"""Quarantined rows are exported byte by byte, and edits are read back strictly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from poc.batch import Finding
from poc.errors import BadInput
from poc.exchanges.exchange import exchange, resume
from poc.ledger.exchange_record import ExchangeRecord
from poc.ledger.lookup import find_by_prefix
from poc.quarantine.export import export_rows, read_export
from poc.quarantine.replay import replay
from poc.quarantine.store import QuarantinedRow, QuarantineStore
from tests.poc.quarantine.broken_flights import NOW, rows


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


TEXTS = {
    "cp1252": ["François;1", "Jürgen ‘x’", "plain"],
    "cp1251": ["Ёлка", "№ 5"],
    "cp037": ["Zoé,1", "#"],
    "shift_jis": ["日本,ﾃｱ", "表"],
    "gb18030": ["模", "中文"],
    "utf-16-le": ["Zoé", "\u0a0a\u000bx", "日本"],
    "utf-16-be": ["Zoé", "\u0a0a"],
    "utf-32-le": ["Zoé"],
    "iso2022_jp": ["日本", "a"],
    "utf-8": ["Zoé", "日本"],
}


def exported(codec, originals, note="note"):
    """An export of rows in a codec."""
    held = [QuarantinedRow(at, "held", (Finding(at, "c", "f", note),), row, None, "") for at, row in originals.items()]
    return b"".join(export_rows(ENTRY, held, codec))


@pytest.mark.parametrize("codec", TEXTS)
def test_an_export_is_a_text_in_one_encoding(codec):
    """Marks and rows can be read together, and an unedited export gives the rows byte for byte."""
    originals = {row: text.encode(codec) for row, text in enumerate(TEXTS[codec], 1)}
    data = exported(codec, originals, "'Jürgen' is not ✓")
    for text in TEXTS[codec]:
        assert text in data.decode(codec)
    assert read_export(data, ENTRY, codec, originals) == originals


@pytest.mark.parametrize("saved", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("codec", sorted({*TEXTS} - {"gb18030", "iso2022_jp"}))
def test_an_export_that_an_editor_saved_in_another_encoding_is_converted_back(codec, saved):
    """The rows are those of the feed's encoding, edited or not."""
    originals = {row: text.encode(codec) for row, text in enumerate(TEXTS[codec], 1)}
    text = exported(codec, originals).decode(codec).removeprefix("\ufeff").replace("Zo", "Cl")
    rows = read_export(text.encode(saved), ENTRY, codec, originals)
    assert rows == {row: text.replace("Zo", "Cl").encode(codec) for row, text in enumerate(TEXTS[codec], 1)}


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            ("é".encode("cp1252"), b"\xef\xbf\xbd"),
            "characters were lost: export the rows again, and open them in cp1252",
        ),
        (("é".encode("cp1252"), "ł".encode()), "'ł' cannot be written in cp1252, the feed's own"),
    ],
)
def test_an_export_that_lost_characters_is_refused(edit, message):
    """An editor that took it for UTF-8 has replaced them; nothing is guessed."""
    originals = {1: "Zoé, à".encode("cp1252")}
    text = exported("cp1252", originals).replace(*edit).replace("à".encode("cp1252"), "à".encode())
    with pytest.raises(BadInput, match=message):
        read_export(text, ENTRY, "cp1252", originals)


def test_one_edited_row_in_utf_8_among_others_is_refused():
    """A program wrote UTF-8 into a file of another encoding; the message says what to do."""
    originals = {1: "Zoé".encode("cp1252"), 2: b"Jurgen"}
    data = exported("cp1252", originals)
    assert read_export(data.replace(b"Jurgen", b"J\xfcrgen"), ENTRY, "cp1252", originals)[2] == b"J\xfcrgen"
    with pytest.raises(BadInput, match="row 2 is in utf-8, the feed says cp1252: save the whole export in cp1252"):
        read_export(data.replace(b"Jurgen", "Jürgen".encode()), ENTRY, "cp1252", originals)


def test_rows_that_came_in_utf_8_are_as_they_came():
    """They are suspect in a feed of cp1252, and a person decides what they are: an export changes nothing."""
    originals = {1: "Zoé".encode(), 2: "Jürgen".encode()}
    assert read_export(exported("cp1252", originals), ENTRY, "cp1252", originals) == originals


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
    text = b"".join(export_rows(entry, QuarantineStore(ledger, entry).rows(), "utf-16-le"))
    assert text.decode("utf-16").startswith(f"#milepost {entry.exchange_id} row 5: ")
    text = text.replace("13,x,".encode("utf-16-le"), "1,1,".encode("utf-16-le"))
    done = replay(prepared, entry, path, read_export(text, entry, "utf-16-le"), ledger, NOW)
    assert (done.replayed_rows, [bad.row for bad in done.still_rejected]) == ((5,), [7, 9])
    assert resume(prepared, find_by_prefix(ledger, entry.exchange_id), NOW, ledger).outcome == "done"
    assert "UA5" in [record["flight"] for record in partner.held("n")]
