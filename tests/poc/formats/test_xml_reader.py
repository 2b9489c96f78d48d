"""XML reader: records by their name, fields by paths, and files that could do harm."""

import json
import tracemalloc
from pathlib import Path

import pytest

from poc.errors import BadInput, ContractBreach
from poc.formats import xml_layout, xml_reader
from poc.formats.header import SchemaDrift

SUITES = Path(__file__).parents[4] / "shared" / "suites"
HOSTILE = sorted((SUITES / "xml-hostile").glob("*.x*"))
INVOICES = sorted((SUITES / "xrechnung").rglob("*_ubl.xml"))

#: Those of the hostile files that only have another structure.
HARMLESS = {"simple", "simple-ns", "schema-include", "xalan_exec", "xalan_write"}

UBL = {
    "record": "Invoice",
    "paths": {
        "number": "ID", "date": "IssueDate", "currency": "DocumentCurrencyCode",
        "seller": "AccountingSupplierParty/Party/PartyLegalEntity/RegistrationName",
        "total": "LegalMonetaryTotal/PayableAmount",
    },
}  # fmt: skip
CII = {
    "record": "CrossIndustryInvoice",
    "paths": {
        "number": "ExchangedDocument/ID", "date": "ExchangedDocument/IssueDateTime/DateTimeString",
        "currency": "SupplyChainTradeTransaction/ApplicableHeaderTradeSettlement/InvoiceCurrencyCode",
        "seller": "SupplyChainTradeTransaction/ApplicableHeaderTradeAgreement/SellerTradeParty/Name",
        "total": "SupplyChainTradeTransaction/ApplicableHeaderTradeSettlement/"
                 "SpecifiedTradeSettlementHeaderMonetarySummation/DuePayableAmount",
    },
}  # fmt: skip


@pytest.fixture
def read_xml(read, expected):
    """A function that reads XML: the rows, the rejected rows, notes."""

    def read_file(data, names=("a", "b"), match="subset", **settings):
        fields = expected(names=names, missing_values=("",), fields_match=match)
        return read(data, fields, format="xml", xml={"record": "r", **settings})

    return read_file


def test_each_record_is_a_row(read_xml):
    """Wherever it is; its fields are elements and attributes below it, and white space around a value is left out."""
    data = (
        '<?xml version="1.0" encoding="iso-8859-1"?><x:all xmlns:x="urn:x"><head><r2>1</r2></head><list>'
        '<r a="&#228;"><x:b> ü <!-- no --> &lt;1&gt; </x:b><c><d z="9">5</d></c></r><r><b/></r></list>\n'
        "<r a='y'><b><![CDATA[<&]]></b></r></x:all>"
    ).encode("iso-8859-1")
    valid, rejected, _ = read_xml(data, ("a", "b", "c/d", "z"), paths={"a": "@a", "z": "c/d/@z"})
    assert (valid, rejected) == (
        [(1, "ä", "ü  <1>", "5", "9"), (2, None, None, None, None), (3, "y", "<&", None, None)], {}
    )  # fmt: skip


def test_a_path_names_a_namespace_and_one_of_several_elements(read_xml):
    """With a prefix an element is of this namespace; a number chooses one, and the record may be a value itself."""
    data = b'<l xmlns:p="urn:p" xmlns:q="urn:q"><p:r n="1">t<p:a>1</p:a><q:a>2</q:a><q:a>3</q:a></p:r><q:r>u</q:r></l>'
    names = ("one", "two", "me")
    paths = {"one": "k:a", "two": "q:a[2]", "me": "."}
    valid, _, _ = read_xml(data, names, record="k:r", paths=paths, namespaces={"k": "urn:p", "q": "urn:q"})
    assert valid == [(1, "1", "3", "t123")]
    with pytest.raises(BadInput, match="the prefix 'no' of the path 'no:a'"):
        read_xml(data, ("one",), paths={"one": "no:a"})


def test_an_element_of_the_record_s_name_inside_of_it_is_a_value(read_xml):
    """Only the outer one is a row."""
    assert read_xml(b"<l><r><r>1</r><b>x</b></r><r><r>2</r></r></l>", ("r", "b"))[0] == [(1, "1", "x"), (2, "2", None)]


def test_an_element_that_occurs_twice_sets_its_record_aside(read_xml):
    """One of its values would be lost; the original is a document of its own, with its namespaces."""
    data = b'<l xmlns="urn:d"><r><a>1</a></r><r><a>1</a><b>x</b><a>2</a></r><r><a>3</a></r></l>'
    valid, rejected, _ = read_xml(data)
    assert valid == [(1, "1", None), (3, "3", None)]
    assert rejected[2].original == b'<r xmlns="urn:d"><a>1</a><b>x</b><a>2</a></r>'
    assert rejected[2].findings[0].note == "the element 'a' occurs more than once; choose one by a number, such as a[1]"


def test_an_element_that_no_path_begins_with_is_drift(read_xml, codes):
    """As in flat records, where the contract does not allow more; a file without the record is drift, too."""
    with pytest.raises(SchemaDrift, match="c"):
        read_xml(b"<l><r><a>1</a><c>1</c></r></l>", match="exact")
    assert codes(read_xml(b"<l><r><a>1</a><b>1</b></r><r><c>1</c></r></l>", match="exact")[1]) == {2: "extra-cell"}
    with pytest.raises(SchemaDrift, match="there is no element 'r'; the file has s in l"):
        read_xml(b"<l><s><a>1</a></s></l>")
    assert [note.code for note in read_xml(b"<l/>")[2]] == ["empty-file"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"<l><r><a>1</a></r><r><a>2</a></l>", "not well-formed XML: .*mismatch.*line 1"),
        (b"<l><r><a>1</a></r>", "not well-formed XML"),
        (b"<l><r/></l><l/>", "not well-formed XML"),
        (b"a,b\n1,2\n", "not well-formed XML"),
        (b"", "not well-formed XML|has no element"),
        (b"<a>" * 100_000, "not well-formed XML: Excessive depth"),
        (b"<l><r>" + b"<a>" * 100_000, "not well-formed XML: Excessive depth"),
        (b"<l><r><a>&x;</a></r></l>", "not well-formed XML: Entity 'x' not defined"),
        (b'<!DOCTYPE l [<!ENTITY x "y">]><l><r><a>&x;</a></r></l>', "has a document type"),
        (b"<!DOCTYPE l SYSTEM 'http://127.0.0.1:9/x.dtd'><l/>", "has a document type"),
        ("<!DOCTYPE l><l/>".encode("utf-16"), "has a document type"),
        (b"<l><r>" + b"<a>1</a>" * 3_000_000, "a record has more than 16777216 bytes"),
    ],
    ids=range(12),
)
def test_a_file_that_is_damaged_or_could_do_harm_is_refused(read_xml, data, message):
    """The message says why."""
    with pytest.raises(ContractBreach, match=message):
        read_xml(data)


@pytest.mark.parametrize("path", HOSTILE, ids=lambda path: path.stem)
def test_a_hostile_file_of_the_suite_is_refused(read_xml, path):
    """For its document type, or as no XML; memory is bounded."""
    tracemalloc.start()
    reason = "no element 'r'" if path.stem in HARMLESS else "has a document type|well-formed"
    with pytest.raises(ContractBreach, match=reason):
        read_xml(path.read_bytes())
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("ubl", INVOICES, ids=lambda path: path.stem)
def test_an_invoice_of_the_suite_gives_equal_rows_in_both_dialects(read_xml, ubl):
    """The same business case in two dialects of XML maps to the same row."""
    cii = ubl.with_name(ubl.name.replace("_ubl", "_uncefact"))
    names = tuple(UBL["paths"])
    if b"CreditNote" in ubl.read_bytes()[:500] or not cii.exists():
        pytest.skip("not a pair of invoices")
    (first,), rejected, _ = read_xml(ubl.read_bytes(), names, **UBL)
    (second,), more, _ = read_xml(cii.read_bytes(), names, **CII)
    assert not rejected
    assert not more
    assert [str(cell).replace("-", "") for cell in first] == [str(cell).replace("-", "") for cell in second], (
        json.dumps([first, second])
    )


ALIKE = "<r><a>%d</a> <b> é%d </b></r>\n"


@pytest.mark.parametrize(
    "odd",
    [
        "", "<r><a>1</a><b>&lt;</b></r>", "<r><b>1</b><a>2</a></r>", '<r x="1"><a>1</a><b>2</b></r>', "<!-- <r> -->",
        "<r><a>1</a><b><![CDATA[x]]></b></r>", "<s/>", "<r><a>1</a></r>", "<r><a/><b>2</b></r>",
        "<r><a>1\r\n2</a><b>2</b></r>", "<q><r><a>1</a><b>2</b></r></q>", "<r><a>1<i>2</i></a><b>2</b></r>",
    ],
)  # fmt: skip
@pytest.mark.parametrize("at", [0, 1, 700])
def test_records_that_are_written_alike_give_the_same_rows(read_xml, monkeypatch, odd, at):
    """As element by element, up to where one differs and after it; originals are as they are in the file."""
    records = [ALIKE % (number, number) for number in range(900)]
    records.insert(at, odd)
    data = f'<?xml version="1.0" encoding="UTF-8"?><l><h>x</h>{"".join(records)}</l>'.encode()
    monkeypatch.setattr(xml_layout, "HEAD_BYTES", 5000)
    monkeypatch.setattr(xml_layout, "PIECE_BYTES", 5000)
    monkeypatch.setattr(xml_reader, "MIN_BYTES", 1 << 30)
    plain = read_xml(data)
    monkeypatch.setattr(xml_reader, "MIN_BYTES", 1)
    alike = read_xml(data)
    assert alike[0] == plain[0]
    assert alike[2] == plain[2]


def test_alike_records_of_a_damaged_file_are_refused(read_xml, monkeypatch):
    """The whole file is checked, and so is what follows its records."""
    monkeypatch.setattr(xml_reader, "MIN_BYTES", 1)
    records = "".join(ALIKE % (number, number) for number in range(100))
    for end in ("</m>", "", "</l><l/>", "<r><a>1</a><b>\x01</b></r></l>"):
        with pytest.raises(ContractBreach, match="not well-formed XML"):
            read_xml(f"<l>{records}{end}")


def test_records_that_are_alike_are_read_in_the_encoding_that_the_file_declares(read_xml, monkeypatch):
    """Also where their bytes would be another text in UTF-8."""
    monkeypatch.setattr(xml_reader, "MIN_BYTES", 0)
    records = "<r><a>Ã¤</a><b>1</b></r>" * 3
    for codec in ("iso-8859-1", "utf-8"):
        data = f'<?xml version="1.0" encoding="{codec}"?><x>{records}</x>'.encode(codec)
        assert [row[1] for row in read_xml(data)[0]] == ["Ã¤"] * 3
