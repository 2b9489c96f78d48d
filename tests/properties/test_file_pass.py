"""A pass gives what the exchange of its files one by one gives: receipts, the ledger, quarantine, and requests."""

import gzip
import json
import re
from collections import deque
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from poc.config.partner import Feed, RetrySchedule
from poc.contract.contract import load_contract
from poc.errors import BadInput, DeliveryFailed
from poc.exchanges.exchange import exchange
from poc.exchanges.file_pass import exchange_files
from poc.exchanges.joint_exchange import JointExchange
from poc.formats.registry import make_encoder, make_reader
from poc.ledger.opening import open_ledger
from poc.ledger.workspace_id import FIXED_ID
from poc.mapping.expressions import literal_fields
from poc.pipeline.prepared_feed import PreparedFeed
from poc.stages.map import Map
from poc.transports.http_outcome import status_failure

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)

CONTRACT = {
    "fields": [
        {"name": "id", "type": "integer", "constraints": {"required": True}},
        {"name": "kind", "type": "string", "constraints": {"enum": ["a", "b"]}},
        {"name": "amount", "type": "number", "constraints": {"minimum": 0}},
        {"name": "at", "type": "datetime"},
        {"name": "minutes", "type": "integer"},
        {"name": "mark", "type": "string", "constraints": {"unique": True}},
    ],
    "missingValues": ["", "NA"],
    "primaryKey": ["id"],
}
NAMES = [field["name"] for field in CONTRACT["fields"]]
MAP = (
    {"to": "source", "value": 'q"1"'},
    {"to": "name", "join": ["kind", "id"], "separator": "-", "default": "none"},
    {"to": "day", "from": "at", "format": "%d.%m. %H:%M %z"},
    {"to": "code", "from": "mark", "lookup": {"m": "1", "n": "2", **{f"m{n}": "x" for n in range(1, 100)}}},
    {"to": "amount", "from": "amount", "times": 1.5},
    {"to": "raw", "from": "amount"},
    {"to": "at", "from": "at", "plus_minutes": "minutes"},
    {"to": "mark", "from": "mark"},
)

#: What a partner answers, `lost` before or after it took the request; 200 from then on.
ANSWERS = [200, 200, 400, 401, 404, 410, 413, 422, 429, 500, 503, "lost", "lost-taken", "time-out"]

CELLS = {
    "id": ["1", "2", "3", "4", "5", "6", "7", "9223372036854775808", "x", ""],
    "kind": ["a", "b", "c", "NA", '"a"', '"b\nb"'],
    "amount": ["1", "2.50", "1e3", "-1", "NA", "123456789012345678901234567890.5", "0.1", "y"],
    "at": ["2013-01-01T10:00:00Z", "2013-01-01T10:00:00", "2013-13-01", "NA", "9999-12-31T23:59:00Z"],
    "minutes": ["0", "5", "NA", "900", "1.5"],
    "mark": ["m", "n", "", '"o""p"', "NA", "\xe9"],
}
ROW = st.tuples(*(st.one_of(st.just(cells[0]), st.sampled_from(cells)) for cells in CELLS.values())).map(list)
GOOD_ROW = st.integers(1, 99).map(lambda n: [str(n), "a", f"{n}.50", "2013-01-01T10:00:00Z", "5", f"m{n}"])
#: A whole row that is not one of cells.
ODD_LINE = st.sampled_from(
    [b"", b"1", b"1,a,1,NA,NA,NA,more", b'8,"a,1,NA,NA,q', b"8,a\xff,1,NA,NA,r", b'"', b'8,a"b,,,,']
)
LINE = st.one_of(GOOD_ROW, GOOD_ROW, GOOD_ROW, ROW, ODD_LINE)
HEADER = st.sampled_from(
    [NAMES] * 9 + [[*NAMES, "more"], NAMES[:-1], NAMES[::-1], [*NAMES[:-1], "other"], [NAMES[0]] * 2, []]
)


def csv_line(line):
    """A line as bytes."""
    return line if isinstance(line, bytes) else ",".join(line).encode()


def json_line(line):
    """A line as a JSON object, or as odd bytes."""
    if isinstance(line, bytes):
        return line
    numbers = {"id", "minutes", "amount"}
    cells = {
        name: json.loads(text) if name in numbers and re.fullmatch(r"-?\d+(\.\d+)?", text) else text
        for name, text in zip(NAMES, line, strict=False)
        if text
    }
    return json.dumps(cells).encode()


@dataclass(frozen=True)
class Written:
    """A file that is handed in: header and lines, how often the lines are repeated, and whether its end is cut off."""

    header: list
    lines: list
    empty: bool = False
    cut: bool = False
    large: bool = False

    def data(self, feed):
        """The bytes of the file."""
        lines = [csv_line(self.header)] if feed.format == "csv" else []
        lines += [csv_line(line) if feed.format == "csv" else json_line(line) for line in self.lines]
        data = b"" if self.empty else b"\n".join(lines) + b"\n"
        if self.large:
            numbered = (f"{n},a,1,NA,NA,\n" if feed.format == "csv" else f'{{"id": {n}}}\n' for n in range(100, 160))
            data += "".join(numbered).encode()
        data = gzip.compress(data, mtime=0) if feed.compression == "gzip" else data
        return data[:-9] if self.cut and feed.compression == "gzip" else data[:-1] if self.cut else data


FILE = st.builds(
    Written,
    header=HEADER,
    lines=st.lists(LINE, max_size=12),
    empty=st.sampled_from([False] * 9 + [True]),
    cut=st.sampled_from([False] * 7 + [True]),
    large=st.sampled_from([False] * 9 + [True]),
)
FEED = st.fixed_dictionaries(
    {
        "format": st.sampled_from(["csv", "csv", "jsonl"]),
        "out": st.sampled_from(["jsonl", "csv"]),
        "compression": st.sampled_from(["none", "none", "gzip"]),
        "on_drift": st.sampled_from(["refuse", "quarantine", "accept-extra"]),
        "budget": st.sampled_from([{"share": 1.0}, {"share": 0.4, "rows": 2}, {"share": 0, "rows": 1}]),
        "request_rows": st.sampled_from([2, 3, 500]),
    }
)


@dataclass
class AnsweringEndpoint:
    """A partner that gives the drawn answers, and accepts everything after them; it notes each request."""

    answers: deque
    requests: list = field(default_factory=list)

    def post(self, body, headers, now):
        """Answer one request."""
        self.requests.append((body, headers["Idempotency-Key"], headers["Milepost-Slot"], headers["Milepost-File"]))
        answer = self.answers.popleft() if self.answers else 200
        if answer == "time-out":
            raise DeliveryFailed("time-out", "no answer in 2 s", unknown=True, blocked_s=2.0)
        if str(answer).startswith("lost"):
            raise DeliveryFailed("connection", "connection lost", unknown=True, reused=answer == "lost")
        if answer != 200:
            raise status_failure("http://partner", answer, "30" if answer == 429 else None, now, "its text")


def without_times(text):
    """Text without the seconds of its times, which the speed of the machine decides."""
    return re.sub(r"\d\d:\d\d:\d\d", "", text) if isinstance(text, str) else text


def comparable(result):
    """What of a receipt, or of an error, does not depend on the speed of the machine."""
    if isinstance(result, Exception):
        return type(result), str(result)
    due = result.due_at_us is not None
    return replace(result, stages_ns={}, file_version=None, due_at_us=int(due), error=without_times(result.error))


def rows_of(path):
    """All rows of the ledger, without times."""
    with closing(open_ledger(path)) as ledger:
        connection = ledger.connection
        tables = {}
        for table in ("exchange", "parcel", "aside", "breaker"):
            rows = connection.exec_driver_sql(f"SELECT * FROM {table} ORDER BY 1, 2").mappings().fetchall()
            tables[table] = [
                {
                    name: value is not None if name.endswith("_us") else without_times(value)
                    for name, value in row.items()
                    if not (table == "parcel" and name == "file")
                }
                for row in rows
            ]
    return tables


@pytest.fixture(scope="module")
def contract(tmp_path_factory):
    """A function that gives the contract of CSV or JSON Lines."""
    path = tmp_path_factory.mktemp("contract") / "rows.json"
    path.write_text(json.dumps(CONTRACT))
    both = {name: load_contract(path, json_values=name == "jsonl") for name in ("csv", "jsonl")}
    return both.__getitem__


@pytest.fixture(scope="module")
def side_of(contract):
    """A function that exchanges files at a level: gives the results, the requests and the rows of the ledger."""

    def exchange_at(level, flow, body, paths, folder, answers, keys, first):
        of_feed = contract(flow.format)
        endpoint = AnsweringEndpoint(deque(answers))
        ready = PreparedFeed(
            "UA", "rows", flow, of_feed, Map(flow.map, of_feed), make_reader(flow, of_feed),
            make_encoder(flow, literal_fields(flow.map, of_feed), body), endpoint, None, keys,
            RetrySchedule(breaker_failures=2), level,
        )  # fmt: skip
        path = folder / str(level) / "ledger.db"
        path.parent.mkdir()
        with closing(open_ledger(path, fixed_id=FIXED_ID)) as ledger:
            if first:
                exchange(ready, paths[0], NOW - timedelta(hours=1), ledger)  # however long it takes, it ends before NOW
            results = (
                exchange_one_by_one(ready, paths, ledger) if level < 5 else exchange_files(ready, paths, NOW, ledger)
            )
        return list(map(comparable, results)), endpoint.requests, rows_of(path)

    return exchange_at


def exchange_one_by_one(ready, paths, ledger):
    """The receipt or the error of each file.

    Each has its time well after the one before has ended, and before a wait of 30 s is over.
    """
    results = []
    for number, path in enumerate(paths):
        try:
            results.append(exchange(ready, path, NOW + timedelta(seconds=3 * number), ledger))
        except BadInput as error:
            results.append(error)
    return results


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(
    feed=FEED,
    files=st.lists(FILE, min_size=1, max_size=6),
    again=st.lists(st.integers(0, 5), max_size=2),
    first=st.booleans(),
    answers=st.one_of(st.just([]), st.lists(st.sampled_from(ANSWERS), max_size=8)),
    keys=st.booleans(),
    body=st.sampled_from(["jsonl", "json"]),
)
def test_a_pass_gives_what_its_files_give_one_by_one(side_of, feed, files, again, first, answers, keys, body):
    """Receipts, ledger, quarantined rows and requests are the same, whatever the files hold and the partner answers."""
    flow = Feed.model_validate({"contract": "rows.json", "map": MAP, **feed})
    with TemporaryDirectory() as name, pytest.MonkeyPatch.context() as patch:
        patch.setattr("poc.exchanges.file_pass.MAX_FILE_BYTES", 1000)
        prevented = patch_reserve(patch)
        folder = Path(name)
        paths = [folder / f"{number}.csv" for number in range(len(files) + len(again))]
        contents = [file.data(flow) for file in files]
        for path, data in zip(paths, contents + [contents[which % len(files)] for which in again], strict=True):
            path.write_bytes(data)
        paths.append(folder / "gone.csv")
        one_by_one, together = (side_of(level, flow, body, paths, folder, answers, keys, first) for level in (4, 5))
        for of_pass, alone in zip(together, one_by_one, strict=True):
            assert of_pass == alone
        assert prevented == []


def patch_reserve(patch):
    """Note what prevents that files are exchanged together, as they are exchanged one by one then."""
    prevented, reserve = [], JointExchange.reserve

    def noting(together):
        try:
            reserve(together)
        except Exception as error:
            prevented.append(error)
            raise

    patch.setattr(JointExchange, "reserve", noting)
    return prevented
