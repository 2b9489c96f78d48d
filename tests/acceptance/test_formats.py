"""Every format keeps the promises of quarantine: a bad row is set aside, exported, mended and sent once."""

import io
import json
from decimal import Decimal

import pyarrow as pa
import pytest
import xlsxwriter
from click.testing import CliRunner
from pyarrow import parquet

from milepost.cli import main

PARTNER = """
schema = 1
id = "P"
name = "A partner"

[endpoint]
folder = "out"

[feed.orders]
contract = "orders.schema.json"
files = "*"
settle_s = 0
request_rows = 2
map = [{ to = "id", from = "id" }, { to = "sum", from = "amount" }, { to = "who", from = "name" }]
"""

CONTRACT = {
    "fields": [
        {"name": "id", "type": "integer", "constraints": {"required": True}},
        {"name": "amount", "type": "number", "constraints": {"minimum": 0}},
        {"name": "name", "type": "string"},
    ],
    "primaryKey": "id",
    "missingValues": [""],
}

ROWS = [(1, "1.5", "Ann"), (2, "-7", "Bö"), (3, "3", None)]


def fixed():
    """Lines of columns, a header and a trailer."""
    lines = [f"D{key:05}{amount:>8}{name or '':<10}" for key, amount, name in ROWS]
    return "".join(f"{line}\n" for line in ["H20260105", *lines, "T00003"]).encode()


#: Format -> settings of the feed, a file, and how its bad row is mended in an export.
FORMATS = {
    "csv": (
        'header = { starts = "HDR" }\ntrailer = { starts = "TRL", count = 2 }',
        "HDR,today\nid,amount,name\n1,1.5,Ann\n2,-7,Bö\n3,3,\nTRL,3\n".encode,
        ("2,-7,", "2,7,"),
    ),
    "fixed": (
        """
        header = { starts = "H" }
        trailer = { starts = "T", count = { start = 2, width = 5 } }
        [feed.orders.fixed]
        detail = "D"
        short_rows = "pad"
        [feed.orders.fixed.columns]
        id = { start = 2, width = 5 }
        amount = { start = 7, width = 8 }
        name = { start = 15, width = 10 }
        """,
        fixed,
        ("      -7", "       7"),
    ),
}


FORMATS["json"] = (
    """
    [feed.orders.json]
    records = "data.orders"
    paths = { name = "buyer.name" }
    """,
    lambda: nested().encode(),
    ('"amount": -7', '"amount": 7'),
)
FORMATS["jsonl"] = (
    """
    [feed.orders.json]
    paths = { id = "orders.id", amount = "orders.amount", name = "orders.buyer.name" }
    explode = "orders"
    """,
    lambda: json.dumps(json.loads(nested())["data"]).encode(),
    ('"amount":-7', '"amount":7'),
)


def workbook():
    """A workbook of two sheets."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        book.add_worksheet("About")
        sheet = book.add_worksheet("Orders")
        sheet.write_row(0, 0, ["id", "amount", "name"])
        for number, (key, amount, name) in enumerate(ROWS, 1):
            sheet.write_row(number, 0, [key, float(amount), name])
    return file.getvalue()


def columns():
    """A Parquet file."""
    file = io.BytesIO()
    ids, amounts, names = zip(*ROWS, strict=True)
    parquet.write_table(pa.table({"id": ids, "amount": [Decimal(a) for a in amounts], "name": names}), file)
    return file.getvalue()


def markup():
    """XML in a namespace."""
    orders = [
        f'<order id="{key}"><amount>{amount}</amount><buyer><name>{name or ""}</name></buyer></order>'
        for key, amount, name in ROWS
    ]
    return f'<orders xmlns="urn:orders"><when>today</when>{"".join(orders)}</orders>'


def nested():
    """A list of records inside of an object, on several lines."""
    records = [{"id": key, "amount": json.loads(amount), "buyer": {"name": name}} for key, amount, name in ROWS]
    return json.dumps({"data": {"orders": records}}, indent=1)


FORMATS["xml"] = (
    """
    [feed.orders.xml]
    record = "o:order"
    paths = { id = "@id", name = "buyer/name" }
    namespaces = { o = "urn:orders" }
    """,
    lambda: markup().encode(),
    ("<amount>-7<", "<amount>7<"),
)
FORMATS["parquet"] = ("", columns, ('"amount":"-7.0"', '"amount":"7"'))
FORMATS["xlsx"] = ('excel = { sheet = "Orders" }', workbook, ('"amount":"-7"', '"amount":7'))


FORMATS["xlsx without a header"] = (
    'excel = { sheet = "Orders", range = "A2:C", header_row = 0 }',
    workbook,
    ('"amount":"-7"', '"amount":"7"'),
)


class Workspace:
    """A workspace with one partner, whose deliveries lie in a folder."""

    def __init__(self, root, settings):
        self.root = root
        assert CliRunner().invoke(main, ["init", str(root)]).exit_code == 0
        for file in [*root.glob("partners/*"), *root.glob("contracts/*")]:
            file.unlink()
        (root / "partners" / "P.toml").write_text(PARTNER + settings)
        (root / "contracts" / "orders.schema.json").write_text(json.dumps(CONTRACT))
        (root / "out").mkdir()
        self.inbox = root / "var" / "inbox" / "P" / "orders"
        self.inbox.mkdir(parents=True)

    def run(self, *arguments, code=0):
        """Return the standard output of a command that ends with an exit code."""
        done = CliRunner().invoke(main, ["-w", str(self.root), *map(str, arguments)])
        assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
        assert done.exit_code == code, done.output
        return done.stdout

    def written(self):
        """Return the content of the only delivered file."""
        (file,) = (self.root / "out" / "orders").glob("*")
        return file.read_bytes()

    def delivered(self):
        """Return the delivered records in the order of their ids."""
        lines = [line for file in (self.root / "out" / "orders").glob("*") for line in file.read_text().splitlines()]
        return sorted(map(json.loads, lines), key=lambda record: record["id"])


@pytest.mark.parametrize("kind", FORMATS)
def test_a_mended_row_of_every_format_is_sent_once(tmp_path, kind):
    """Of three rows the second breaks the contract; its export is edited and replayed, and all are delivered."""
    settings, file, (bad, good) = FORMATS[kind]
    workspace = Workspace(tmp_path / "w", f'format = "{kind.split()[0]}"\n{settings}')
    (workspace.inbox / "orders.in").write_bytes(file())
    workspace.run("run")
    assert [record["id"] for record in workspace.delivered()] == [1, 3]
    (listed,) = json.loads(workspace.run("quarantine", "ls", "--json"))
    (row,) = json.loads(workspace.run("quarantine", "show", listed["id"], "--json"))
    assert (row["row"], [finding["field"] for finding in row["findings"]]) == (2, ["amount"])
    export = tmp_path / "edit.txt"
    workspace.run("quarantine", "export", listed["id"], "--out", export)
    text = export.read_text()
    assert text.count(bad) == 1
    workspace.run("quarantine", "replay", listed["id"], code=3)
    export.write_text(text.replace(bad, good))
    workspace.run("quarantine", "replay", listed["id"], "--from", export)
    assert workspace.delivered() == [
        {"id": 1, "sum": 1.5, "who": "Ann"}, {"id": 2, "sum": 7, "who": "Bö"}, {"id": 3, "sum": 3, "who": None}
    ]  # fmt: skip
    assert "3 rows in: 3 delivered" in workspace.run("status")


def test_each_format_is_written_as_a_whole_file(tmp_path):
    """A list of JSON, columns of fixed width, CSV with a header and a trailer, and Parquet."""
    columns = """
        [feed.orders.out_columns]
        id = { width = 4, align = "right", fill = "0" }
        sum = { width = 6, align = "right" }
        who = { width = 3 }
    """
    outs = {
        "json": ("", (b'[{"id":1,"sum":1.50,"who":"Ann"},\n{"id":2,"sum":7,"who":"B\xc3\xb6"},\n'
                     b'{"id":-3,"sum":null,"who":null}]\n')),
        "csv": ('out_header = "HDR"\nout_trailer = "TRL,{rows:03},{sum.sum}"',
                b"HDR\r\nid,sum,who\r\n1,1.50,Ann\r\n2,7,B\xc3\xb6\r\n-3,,\r\nTRL,003,8.50\r\n"),
        "fixed": (f'out_trailer = "T{{rows:4}}{{sum.id:05}}"\n{columns}',
                  b"0001  1.50Ann\n0002     7B\xc3\xb6 \n-003" + b" " * 9 + b"\nT   300000\n"),
    }  # fmt: skip
    data = "id,amount,name\n1,1.50,Ann\n2,7,Bö\n-3,,\n".encode()
    for out, (settings, content) in outs.items():
        workspace = Workspace(tmp_path / out, f'out = "{out}"\n{settings}')
        (workspace.inbox / "orders.csv").write_bytes(data)
        workspace.run("run")
        assert workspace.written() == content
    workspace = Workspace(tmp_path / "p", 'out = "parquet"')
    (workspace.inbox / "orders.csv").write_bytes(data)
    assert "Ann" in workspace.run("try", "P/orders", workspace.inbox / "orders.csv")
    workspace.run("run")
    assert parquet.read_table(io.BytesIO(workspace.written())).to_pylist() == [
        {"id": 1, "sum": "1.50", "who": "Ann"}, {"id": 2, "sum": "7", "who": "Bö"}, {"id": -3, "sum": None, "who": None}
    ]  # fmt: skip


def test_a_value_that_does_not_fit_its_column_is_set_aside(tmp_path):
    """Nothing is cut off: the row is quarantined, and replayed when its value is shorter."""
    columns = "[feed.orders.out_columns]\nid = { width = 2 }\nsum = { width = 3 }\nwho = { width = 3 }\n"
    workspace = Workspace(tmp_path / "w", f'out = "fixed"\n{columns}')
    (workspace.inbox / "orders.csv").write_bytes(b'id,amount,name\n1,1,Anna\n2,2,Bo\n3,3,"a\nb"\n')
    workspace.run("run")
    assert workspace.written() == b"2 2  Bo \n"
    (listed,) = json.loads(workspace.run("quarantine", "ls", "--json"))
    notes = [
        row["findings"][0]["note"] for row in json.loads(workspace.run("quarantine", "show", listed["id"], "--json"))
    ]
    assert notes[0] == "'Anna' does not fit into a line: its column has 3 characters"
    export = tmp_path / "edit.txt"
    workspace.run("quarantine", "export", listed["id"], "--out", export)
    export.write_text(export.read_text().replace("Anna", "Ann"))
    workspace.run("quarantine", "replay", listed["id"], "--from", export, code=3)
    assert sorted(file.read_bytes() for file in (workspace.root / "out/orders").glob("*")) == [
        b"1 1  Ann\n",
        b"2 2  Bo \n",
    ]
