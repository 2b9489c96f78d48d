"""A small clean file is checked and encoded by looking up its cells, and the partner cannot tell."""

import random
from decimal import Decimal
from io import BytesIO

import pytest

from poc.batch import Batch
from poc.config.partner import Feed
from poc.contract.contract import compile_contract
from poc.contract.schema import Schema
from poc.delivery.request_builder import RequestBuilder
from poc.errors import ContractBreach
from poc.formats.registry import make_encoder, make_reader
from poc.mapping.expressions import literal_fields
from poc.pipeline.small_file import MAX_ROWS, make_small_file_path
from poc.stages.check import Check
from poc.stages.map import Map

SCHEMA = {
    "fields": [
        {"name": "id", "type": "integer", "constraints": {"required": True, "minimum": -5}},
        {"name": "text", "type": "string", "constraints": {"maxLength": 12}},
        {"name": "amount", "type": "number", "constraints": {"maximum": 9999}},
        {"name": "flag", "type": "boolean"},
        {"name": "day", "type": "date"},
        {"name": "clock", "type": "time"},
        {"name": "at", "type": "datetime"},
        {"name": "other_at", "type": "datetime", "format": "%d.%m.%Y %H:%M"},
        {"name": "minutes", "type": "integer"},
        {"name": "span", "type": "duration", "missingValues": ["", "NA", "none"]},
        {"name": "code", "type": "string", "constraints": {"enum": ["A", "B", "ß"], "required": True}},
    ],
    "missingValues": ["", "NA"],
    "primaryKey": ["id", "code"],
    "uniqueKeys": [["span", "amount", "text"]],
}
MAP = [
    {"to": "first", "from": "id"},
    {"to": "joined", "join": ["code", "id", "day"]},
    {"to": "text", "from": "text"},
    {"to": "alone", "join": ["text"]},
    {"to": "amount", "from": "amount"},
    {"to": "scaled", "from": "amount", "times": 1.609344},
    {"to": "flag", "from": "flag"},
    {"to": "clock", "from": "clock"},
    {"to": "later", "from": "at", "plus_minutes": "minutes"},
    {"to": "at", "from": "at"},
    {"to": "other", "from": "other_at", "plus_minutes": "minutes"},
    {"to": "span", "from": "span"},
]
#: A map with constants at its beginning, in its middle and at its end.
COMPUTED_MAP = [
    {"to": "source", "value": 'Zü"rich'},
    {"to": "id", "from": "id", "default": 0},
    {"to": "joined", "join": ["code", "id", "text"], "separator": '\\ "|', "default": 'none "at" all'},
    {"to": "number", "value": Decimal("1.50")},
    {"to": "flag", "from": "flag", "default": True},
    {"to": "day", "from": "day", "format": "%d/%m/%y"},
    {"to": "amount", "from": "amount", "times": 2, "decimals": 0, "default": -1},
    {"to": "code", "from": "code", "lookup_file": "codes.csv", "lookup_default": "other"},
    {"to": "text", "from": "text", "lookup": {"plain": "1", "ünï": "ä"}, "lookup_default": "2", "default": ""},
    {"to": "known", "from": "span", "lookup": {"P1D": "day", "PT24H": "day"}},
    {"to": "at", "from": "at", "format": "%Y-%m-%d %H:%M:%S"},
    {"to": "tokyo", "from": "at", "zone": "Asia/Tokyo"},
    {"to": "later", "from": "at", "plus_minutes": "minutes", "default": "never"},
    {"to": "end", "value": False},
    {"to": "very end", "value": 7},
]
LOOK_UPS = {"codes.csv": b"code,text\nA,first\n"}

#: Cells of each field: usual ones, and ones that break the contract or need the ordinary stages.
CELLS = [
    (["1", "2", "007", "+5", "-3", "9223372036854775807"], ["-6", "x", "1.0"]),
    (["", "plain", "ünï", "back\\slash", "tab\there", "NA", "\x7f\u2028", "'"], ["longer than twelve"]),
    (["0", "1.50", ".5", "+3.", "-0", "1e3", "NA", "9999.000"], ["NaN", "10000", "1,"]),
    (["true", "false", "True", "0", ""], ["maybe"]),
    (["2013-01-31", "0001-01-01", "9999-12-31"], ["2013-02-30", "31.01.2013"]),
    (["23:59:59", "00:00:00", ""], ["24:00:00", "7:00"]),
    (
        ["2013-01-01T05:00:00Z", "0999-12-31T23:59:59Z", "2013-01-01T05:00:00+02:00", "NA"],
        ["2013-01-01T05:00:00", "2013-01-01T05:00:00.5Z", "2013-02-29T00:00:00Z", "2013-01-01T24:00:00Z"],
    ),
    (["01.02.2013 10:30", "31.12.0001 00:00"], ["1.2.2013", "32.01.2013 00:00"]),
    (["0", "59", "-61", "600"], ["999999999999", "", "1.5"]),
    (["P1D", "PT24H", "P1M", "none", ""], ["P", "1D"]),
    (["A", "B", "ß"], ["C", "", "NA"]),
]  # fmt: skip


def make_file(chance, *, rows, unusual):
    """A file of random rows; each cell is unusual by this chance."""
    lines = [",".join(field["name"] for field in SCHEMA["fields"])]
    for _ in range(rows):
        cells = [chance.choice(bad if chance.random() < unusual else good) for good, bad in CELLS]
        lines.append(",".join(cells))
    return ("\n".join(lines) + "\n").encode()


def ordinary_requests(feed, contract, reader, file):
    """The requests that the ordinary stages make of a file, and whether any row is rejected."""
    builder = RequestBuilder(feed.request_rows, make_encoder(feed, literal_fields(feed.map, contract)))
    requests, rejected = [], False
    for batch in Map(feed.map, contract, LOOK_UPS)(Check(contract)(reader.read(file))):
        requests += builder.add_batch(batch)
        rejected |= bool(batch.rejected)
    return requests + builder.flush(), rejected


@pytest.mark.parametrize(
    "changes", [{}, {"dialect": {"encoding": "latin-1"}}, {"dialect": {"nulls": ("plain",)}}, {"map": COMPUTED_MAP}]
)
def test_a_small_file_gives_the_same_requests_as_the_ordinary_stages(changes):
    """Whatever its cells hold: it is encoded to the same bytes, or left to the stages that name its bad rows."""
    contract = compile_contract(Schema.model_validate(SCHEMA))
    feed = Feed.model_validate({"contract": "c", "map": MAP, "request_rows": 3, **changes})
    reader = make_reader(feed, contract)
    small_files = make_small_file_path(feed, contract, reader, LOOK_UPS)
    chance, encoded, clean = random.Random(7), 0, []
    for number in range(120):
        file = make_file(chance, rows=chance.randint(1, 5), unusual=0 if number % 4 else 0.03)
        file = file.replace(b"\n", b"\r\n") if number % 5 == 0 else file
        file = file.decode().encode("latin-1", "replace") if "encoding" in changes.get("dialect", {}) else file
        together = [*clean[-2:], file]  # files of a pass are looked up together
        small = small_files.read([BytesIO(data) for data in together])
        for data, of_file in zip(together, small or (), strict=False):
            requests, rejected = ordinary_requests(feed, contract, reader, BytesIO(data))
            assert not rejected, data
            builder = RequestBuilder(3, make_encoder(feed))
            assert builder.add_batch(Batch(None, encoded=of_file.rows)) + builder.flush() == requests, data
        if small is not None:
            clean.append(file)
            encoded += 1
    assert encoded > 40


@pytest.mark.parametrize(
    "file",
    [
        b"", b"id,text\n", b"text,id\nplain,1\n", b'id,text\n1,"plain"\n', b"id,text\n1\n", b"id,text\n1,a,2\n3\n",
        b"id,text\n1,a\n\n", b"id,text\n1,a\r2,b\n", b"id,text\n1,\xff\n", b"id,text\n1,a\n1,b\n",
        b"id,text\n" + b"".join(b"%d,a\n" % row for row in range(MAX_ROWS + 1)),
    ],
)  # fmt: skip
def test_a_file_that_is_not_small_and_clean_is_left_to_the_ordinary_stages(file):
    """No row, another header, a quote, ragged and blank lines, a stray CR, no UTF-8, a key twice, too many rows."""
    fields = [{"name": "id", "type": "integer"}, {"name": "text", "type": "string"}]
    contract = compile_contract(Schema.model_validate({"fields": fields, "primaryKey": "id"}))
    feed = Feed.model_validate({"contract": "c", "map": [{"to": "id", "from": "id"}]})
    reader = make_reader(feed, contract)
    small_files = make_small_file_path(feed, contract, reader)
    assert small_files.read([BytesIO(b"id,text\n1,a\n2,b")]) is not None
    assert small_files.read([BytesIO(file)]) is None


@pytest.mark.parametrize(
    ("names", "dialect", "file"),
    [
        (["a,b", "c"], {}, b"a,b,c\n1,2\n"),
        (["'a'", "c"], {"quote": "'"}, b"'a',c\n1,2\n"),
        (["é", "c"], {"encoding": "latin-1"}, "é,c\nü,2\n".encode()),
    ],
    ids=["a delimiter in a name", "a quote in a name", "another encoding"],
)
def test_a_header_that_only_looks_like_the_contract_is_left_to_the_ordinary_stages(names, dialect, file):
    """These bytes are the contract's names, but they are read as other names, so the file has to be refused."""
    contract = compile_contract(Schema.model_validate({"fields": [{"name": name} for name in names]}))
    feed = Feed.model_validate({"contract": "c", "map": [{"to": "c", "from": "c"}], "dialect": dialect})
    reader = make_reader(feed, contract)
    with pytest.raises(ContractBreach):
        list(reader.read(BytesIO(file)))
    small_files = make_small_file_path(feed, contract, reader)
    assert small_files is None or small_files.read([BytesIO(file)]) is None


def test_where_no_file_is_clean_most_files_are_not_tried():
    """Looking at each of them twice would cost more than it saves; a clean one is found again after some files."""
    contract = compile_contract(Schema.model_validate({"fields": [{"name": "a"}, {"name": "b"}]}))
    feed = Feed.model_validate({"contract": "c", "map": [{"to": "a", "from": "a"}]})
    small_files = make_small_file_path(feed, contract, make_reader(feed, contract))
    for _ in range(20):
        assert small_files.read([BytesIO(b'a,b\n"1",2\n')]) is None
    tried = [small_files.read([BytesIO(b"a,b\n1,2\n")]) is not None for _ in range(20)]
    assert tried[0] is False
    assert tried[-1] is True
