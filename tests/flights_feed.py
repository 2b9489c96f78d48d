"""What tests of the exchange service share: the flights contract, and files written as text."""

from pathlib import Path

import pytest

from poc.config.partner import Feed, RetrySchedule
from poc.contract import contract
from poc.formats.record_splitter import Sizes
from poc.formats.registry import make_encoder, make_reader
from poc.ledger.opening import open_ledger
from poc.mapping.expressions import literal_fields
from poc.pipeline.prepared_feed import PreparedFeed
from poc.pipeline.small_file import make_small_file_path
from poc.places.target import FolderTarget
from poc.stages.map import Map
from poc.transports.http import HttpEndpoint, new_session

MAP = (
    {"to": "flight", "join": ["carrier", "flight"]},
    {"to": "scheduled", "from": "time_hour", "plus_minutes": "minute"},
    {"to": "distance_km", "from": "distance", "times": 1.609344},
)

HEADER = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,origin,"
    "dest,air_time,distance,hour,minute,time_hour"
)
ROW = "2013,1,1,517,515,2,830,819,11,UA,{flight},N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z"


@pytest.fixture(scope="session")
def flights():
    """The contract that new workspaces begin with."""
    import poc.config

    return contract.load_contract(Path(poc.config.__file__).with_name("sample") / "flights.schema.json")


@pytest.fixture
def good_csv():
    """A function that writes a file of good flights, numbered from 1."""

    def write(path: Path, rows: int, first: int = 1) -> Path:
        lines = [HEADER, *(ROW.format(flight=n) for n in range(first, first + rows))]
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


@pytest.fixture
def ledger(ledger_address):
    """A ledger that lives as long as the test, in each of the two databases."""
    opened = open_ledger(ledger_address)
    yield opened
    opened.close()


@pytest.fixture
def make_prepared(flights):
    """A function that makes the feed UA/flights ready, with the partner at a URL, in a folder or at another target."""
    session = new_session()

    def make(
        url=None,
        *,
        level=4,
        timeout_s=60.0,
        honours_keys=True,
        folder=None,
        target=None,
        retry=None,
        block_bytes=None,
        body="jsonl",
        **feed,
    ):
        flow = Feed.model_validate({"contract": "flights.schema.json", "map": MAP, **feed})
        sizes = None if block_bytes is None else Sizes(block_bytes=block_bytes)
        flow = flow.model_copy(update={"request_rows": 1}) if body == "row" else flow
        written = make_encoder(flow, literal_fields(flow.map, flights), body)
        door = None if url is None else HttpEndpoint(session, f"{url}/n/UA/flights", timeout_s, {}, written.media_type)
        read = make_reader(flow, flights, sizes)
        return PreparedFeed(
            "UA",
            "flights",
            flow,
            flights,
            Map(flow.map, flights),
            read,
            written,
            door,
            target if folder is None else FolderTarget(folder),
            honours_keys,
            retry or RetrySchedule(),
            level,
            small_files=make_small_file_path(flow, flights, read),
        )

    yield make
    session.close()
