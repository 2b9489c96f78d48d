"""Proposals from samples: a proposal accepts its own sample, and what has two readings is named, not guessed."""

import gzip
import json
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from pyarrow import parquet
from xlsxwriter import Workbook

from poc.errors import BadInput
from poc.onboarding.infer import infer
from poc.onboarding.layout import Choices

NOW = datetime(2026, 1, 5, tzinfo=UTC)

#: Samples as text: encoding, the bytes of a file, keys of the feed, and the type of each field.
TEXTS = {
    "semicolons.csv": (
        "cp1252",
        "order;customer;amount;on\n1001;Müller;12,50;02.11.2026\n1002;Groß;1.307,00;13.11.2026\n",
        {"dialect": {"encoding": "cp1252", "delimiter": ";"}},
        {"order": "integer", "customer": "string", "amount": "number", "on": "date"},
    ),
    "tabs.csv": (
        "utf-16",
        "Report of the month\n\na\tb\n1\tx\n2\tNA\n3\ty\n",
        {"dialect": {"encoding": "utf-16", "delimiter": "\t", "preamble_lines": 2}},
        {"a": "integer", "b": "string"},
    ),
    "records.csv": (
        "utf-8",
        "HDR,2026-01-05\nsku,amount\nA1,10\nA2,5\nTRL,2,15\n",
        {"header": {"starts": "HDR"}, "trailer": {"starts": "TRL", "count": 2, "sums": {"amount": 3}}},
        {"sku": "string", "amount": "integer"},
    ),
    "bare.csv": (
        "utf-8",
        "1,x\n2,y\n",
        {"dialect": {"header": False}},
        {"column_1": "integer", "column_2": "string"},
    ),
    "lines.jsonl": (
        "utf-8",
        '{"id": 1, "to": {"city": "Ulm"}, "at": "2026-01-01T10:00:00Z"}\n{"id": 2, "to": {"city": null}, "ok": true}\n',
        {"json": {}},
        {"id": "integer", "to.city": "string", "at": "datetime", "ok": "boolean"},
    ),
    "uneven.jsonl": (
        "utf-8",
        '{"tags": [1], "extra": {}}\n{"id": 1, "to": "x", "a.b": 1}\n{"id": 2, "to": {"city": "Ulm"}, "tags": [2]}\n',
        {"json": {"explode": "tags"}},
        {"id": "integer", "tags": "integer"},
    ),
    "nested.json": (
        "utf-8",
        '{"data": {"orders": [{"id": 1, "lines": [{"sku": "A1"}, {"sku": "A2"}]}, {"id": 2, "lines": []}]}}',
        {"json": {"records": "data.orders", "explode": "lines"}},
        {"id": "integer", "lines.sku": "string"},
    ),
    "invoices.xml": (
        "utf-8",
        '<i xmlns="urn:x"><invoice no="1"><sum cur="EUR">1.5</sum></invoice><invoice no="2"><sum>2</sum></invoice></i>',
        {"xml": {"record": "invoice", "paths": {"no": "@no", "sum_cur": "sum/@cur"}}},
        {"no": "string", "sum_cur": "string", "sum": "number"},
    ),
    "fixed.txt": (
        "utf-8",
        "name      amount  day\nAnna        12.50 2026-01-02\nBob          7.00 2026-01-03\n",
        {"dialect": {"preamble_lines": 1}},
        {"name": "string", "amount": "number", "day": "date"},
    ),
    "types.txt": (
        "utf-8",
        "H20260105\nDDE12  345\nDDE87  200\nT000002000000012545\n",
        {"header": {"starts": "H"}, "trailer": {"starts": "T"}},
        {"column_1": "string", "column_2": "integer"},
    ),
}


def propose(path, **choices):
    """The proposal for a sample."""
    return infer(path, Choices(**choices), NOW)


def types_of(result):
    """The type of each field of a proposal."""
    return {field["name"]: field["type"] for field in result.proposal.schema()["fields"]}


def doubts_of(result, name):
    """What is in doubt about a field."""
    return " ".join(doubt for guess in result.proposal.guesses if guess.about == name for doubt in guess.doubts)


@pytest.mark.parametrize("name", TEXTS)
def test_a_proposal_for_a_text_accepts_the_whole_text(name, tmp_path):
    """Dialect, records, paths and types are found, and every row of the sample would be delivered; compressed, too."""
    encoding, text, settings, types = TEXTS[name]
    plain, packed = tmp_path / name, tmp_path / f"{name}.gz"
    plain.write_bytes(text.encode(encoding))
    packed.write_bytes(gzip.compress(text.encode(encoding)))
    for path in (plain, packed):
        result = propose(path)
        assert result.trial.is_accepted, result.trial
        assert types_of(result) == types
        assert {key: result.proposal.layout.settings[key] for key in settings} == settings
        assert result.is_whole


def test_a_proposal_for_cells_accepts_the_whole_file(tmp_path):
    """A workbook with a title and two sheets, and Parquet with a column that is a list, are read to their last row."""
    book = tmp_path / "prices.xlsx"
    with Workbook(book) as workbook:
        sheet = workbook.add_worksheet("Prices")
        sheet.write(0, 0, "Price list")
        sheet.write_row(2, 0, ["sku", "price", "from"])
        day = workbook.add_format({"num_format": "yyyy-mm-dd"})
        for row in range(3, 6):
            sheet.write_row(row, 0, [f"{row:03}", row / 2])
            sheet.write_datetime(row, 2, date(2026, 1, row), day)
        workbook.add_worksheet("Notes").write(0, 0, "x")
    result = propose(book)
    assert (result.trial.is_accepted, result.trial.rows["delivered"]) == (True, 3)
    assert result.proposal.layout.settings == {"excel": {"sheet": "Prices", "header_row": 3}}
    assert types_of(result) == {"sku": "string", "price": "number", "from": "date"}
    table = tmp_path / "sales.parquet"
    parquet.write_table(pa.table({"id": ["1", "2"], "amount": [1.5, 2.0], "tags": [["a"], []]}), table)
    result = propose(table)
    assert result.trial.is_accepted
    assert types_of(result) == {"id": "string", "amount": "number"}  # digits in a column of texts stay text
    assert result.proposal.schema()["fieldsMatch"] == "subset"


def test_what_has_two_readings_stays_text_until_a_person_chooses(tmp_path):
    """The order of day and month and the mark of thousands are named with the option that decides them."""
    path = tmp_path / "a.csv"
    path.write_text('day,amount,mixed\n03/04/2026,"1,234",2026-01-02\n05/04/2026,"2,345",2.1.2026\n')
    result = propose(path)
    assert types_of(result) == {"day": "string", "amount": "string", "mixed": "string"}
    assert "--dates day-first" in doubts_of(result, "day")
    assert "--decimal . or ," in doubts_of(result, "amount")
    assert "different formats" in doubts_of(result, "mixed")
    fields = propose(path, dates="month-first", decimal=".").proposal.schema()["fields"]
    assert [(field["type"], field.get("format"), field.get("groupChar")) for field in fields] == [
        ("date", "%m/%d/%Y", None), ("integer", None, ","), ("string", None, None),
    ]  # fmt: skip


def test_digits_that_are_no_number_stay_text(tmp_path):
    """Leading zeros, long digits and names of identifiers are texts, and the reason is given."""
    path = tmp_path / "a.csv"
    path.write_text("zip,long,customer_id,count\n01067,12345678901234567,17,1\n80331,12345678901234568,18,2\n")
    result = propose(path)
    assert types_of(result) == {"zip": "string", "long": "string", "customer_id": "string", "count": "integer"}
    for name, reason in (("zip", "leading zero"), ("long", "more digits"), ("customer_id", "identifier")):
        assert reason in doubts_of(result, name)


def test_a_value_that_does_not_fit_is_named_with_its_row(tmp_path):
    """One text among numbers makes the column a text; words for “no value” do not, and are declared."""
    path = tmp_path / "a.csv"
    path.write_text('amount,delay\n1.5,3\nabc,NA\n"1,234.5",4\n')
    result = propose(path)
    assert doubts_of(result, "amount") == "text, though most values are numbers: not 'abc' in row 2"
    assert result.proposal.schema()["fields"][1] == {"name": "delay", "type": "integer", "missingValues": ["", "NA"]}
    assert result.trial.is_accepted


def test_rows_after_the_sampled_ones_take_back_what_they_contradict(tmp_path):
    """Type, few values, required and key are guessed from the first rows, and given up where a later row differs."""
    path = tmp_path / "a.csv"
    rows = [f"{row},{row},{'xy'[row % 2]},1" for row in range(200)] + ["7,oops,z,"]
    path.write_text("id,n,kind,must\n" + "\n".join(rows) + "\n")
    result = infer(path, Choices(), NOW, rows=100)
    assert (result.rows, result.is_whole, result.trial.is_accepted) == (100, False, True)
    assert result.proposal.schema() == {
        "fields": [
            {"name": "id", "type": "string", "constraints": {"required": True}},
            {"name": "n", "type": "string", "constraints": {"required": True}},
            {"name": "kind", "type": "string", "constraints": {"required": True}},
            {"name": "must", "type": "integer"},
        ]
    }
    texts = " ".join(guess.text for guess in result.proposal.guesses)
    assert "string instead of integer: row 201: 'oops' is not of type integer" in texts
    assert "no primary key: row 201" in texts


def test_a_key_and_few_values_are_proposed_where_enough_rows_show_them(tmp_path):
    """The identifier is the primary key, and a column of two values in many rows has an `enum`; bounds never."""
    path = tmp_path / "a.csv"
    path.write_text("n,id,kind\n" + "".join(f"{row // 2},K{row},{'xy'[row % 2]}\n" for row in range(40)))
    schema = propose(path).proposal.schema()
    assert schema["primaryKey"] == ["id"]
    assert schema["fields"][2]["constraints"] == {"required": True, "enum": ["x", "y"]}
    assert "imum" not in json.dumps(schema)
    assert "0 to 19 in the sample" in propose(path).proposal.feed_text()


def test_a_sample_that_leaves_open_how_it_is_read_is_refused(tmp_path):
    """An unknown encoding, an empty file, and JSON without records are mistakes that say what to do."""
    path = tmp_path / "a.csv"
    path.write_bytes("имя;город\nАнна;Москва\n".encode("koi8-r"))
    with pytest.raises(BadInput, match="name it by --encoding"):
        propose(path)
    assert types_of(propose(path, encoding="koi8-r")) == {"имя": "string", "город": "string"}
    path.write_text(" \n")
    with pytest.raises(BadInput, match="the file is empty"):
        propose(path)
    path.write_text('{"a":\n 1}')
    with pytest.raises(BadInput, match="no list of objects"):
        propose(path)
