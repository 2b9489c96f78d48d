"""A log of three rows, its mapping, and the import of a file."""

import pytest

from metrics.importing.import_log import LogImport, import_log
from metrics.importing.mapping import parse_mapping

NOW_US = 1_600_000_000_000_000  # 13 Sep 2020, 12:26:40 UTC


@pytest.fixture
def db(a_store):
    """A fresh store on the live clock."""
    return a_store("live")


@pytest.fixture
def table():
    """The table `[import]` for the rows."""
    return {
        "started_at": {"column": "start"},
        "duration": {"column": "ms", "unit": "ms"},
        "partner": {"value": "AA"},
        "feed": {"column": "feed"},
        "outcome": {"column": "status", "done": ["OK"], "failed": ["ERR"], "refused": ["BAD"]},
        "records": {"column": "rows"},
    }


@pytest.fixture
def rows():
    """Three rows: done, failed, and refused without a count."""
    return [
        {"start": "2020-01-01T23:59:59.5Z", "ms": "1500", "feed": "f", "status": "OK", "rows": "10"},
        {"start": "2020-01-02T01:00:00+02:00", "ms": "0.25", "feed": "f", "status": "ERR", "rows": "20"},
        {"start": "2020-01-03 05:00:00", "ms": "7", "feed": "g", "status": "BAD", "rows": ""},
    ]


@pytest.fixture
def to_csv():
    """A function that writes rows as CSV text."""
    return lambda rows: "".join(",".join(cells) + "\n" for cells in [list(rows[0]), *(row.values() for row in rows)])


@pytest.fixture
def import_file(db, table):
    """A function that imports a file, and returns the result and the messages about skipped rows."""

    def run(path, mapping=table, dry=False):
        messages = []
        log = LogImport(path, parse_mapping(mapping, "milepost.toml"), NOW_US)
        result = import_log(log, db, lambda row: messages.append(f"{row.place}: {row.why}"), lambda *_: None, dry=dry)
        return result, messages

    return run


@pytest.fixture
def stored(db):
    """A function that returns columns of the stored runs, by their start."""
    return lambda *names: db.execute(
        f"SELECT {', '.join(names)} FROM run ORDER BY started_at_us, exchange_id"
    ).fetchall()
