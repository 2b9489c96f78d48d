"""What tests of the exchange service share: the flights contract, and files written as text."""

from pathlib import Path

import pytest

from poc import contract

HEADER = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,origin,"
    "dest,air_time,distance,hour,minute,time_hour"
)
ROW = "2013,1,1,517,515,2,830,819,11,UA,{flight},N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z"


@pytest.fixture(scope="session")
def flights():
    """The contract that new workspaces begin with."""
    import poc.scaffold

    return contract.load(Path(poc.scaffold.__file__).with_name("flights.schema.json"))


@pytest.fixture
def good_csv():
    """A function that writes a file of good flights, numbered from 1."""

    def write(path: Path, rows: int, first: int = 1) -> Path:
        lines = [HEADER, *(ROW.format(flight=n) for n in range(first, first + rows))]
        path.write_text("\n".join(lines) + "\n")
        return path

    return write
