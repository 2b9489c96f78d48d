"""Files that change while they are read, and files of which rows were delivered early: every row is sent once."""

import json
import os

import pytest

from poc.formats.record_splitter import Sizes


@pytest.fixture(params=["with_requests", "with_folder"])
def either(request):
    """A workspace whose partner accepts requests or files."""
    return request.getfixturevalue(request.param)()


@pytest.fixture
def small_blocks(monkeypatch):
    """Files are read in blocks of 20 kB."""
    monkeypatch.setattr("poc.formats.table_reader.Sizes", lambda: Sizes(block_bytes=20_000))


@pytest.mark.parametrize("level", [2, 4])
def test_a_file_that_replaces_one_being_read_is_exchanged_next(either, csv, level):
    """The opened file is delivered; the new one is neither archived in its place nor sent twice."""
    path = either.put("a.csv", csv(30))
    new = either.put("new.part", csv(20, first=101))
    assert either.run(level, lambda: new.rename(path)) == ["done"]
    assert either.delivered() == [*range(1, 31)]
    assert path.exists()
    assert either.run(level) == ["done"]
    assert either.delivered() == [*range(1, 31), *range(101, 121)]
    assert list(either.inbox.iterdir()) == []


@pytest.mark.parametrize("level", [2, 4])
def test_a_file_that_grows_while_it_is_read_is_left_for_the_next_run(either, csv, level):
    """Nothing of an incomplete file is sent; once it is complete, every row is delivered once."""
    whole = csv(50)
    path = either.put("a.csv", whole[: whole.index(b"UA,31,")])

    def grow():
        with path.open("ab") as file:
            file.write(whole[path.stat().st_size :])

    (error,) = either.run(level, grow)
    assert (error.exit_code, str(error)) == (
        75, f"{path}: changed while it was read; nothing was sent, it is left for the next run",
    )  # fmt: skip
    assert either.delivered() == []
    os.utime(path, (0, 0))
    assert either.run(level) == ["done"]
    assert either.delivered() == [*range(1, 51)]
    assert list(either.inbox.iterdir()) == []


@pytest.mark.usefixtures("small_blocks")
def test_what_an_early_delivery_reserved_outlives_a_file_that_grows(with_requests, csv, monkeypatch):
    """Requests that could not be sent yet remain in the outbox; the same bytes in a new file are sent once."""
    monkeypatch.setattr("poc.delivery.outbox.INLINE_BYTES", 10_000)
    workspace = with_requests({"faults": {"UA/flights/a.csv": {"0": {"1": "unavailable"}}}})
    workspace.configure('deliver = "early"', request_rows=100)
    whole = csv(1700)
    path = workspace.put("a.csv", whole)
    (error,) = workspace.run(4, lambda: path.write_bytes(whole + b"more"))
    assert error.exit_code == 75
    (request,) = (workspace.root / "var" / "outbox").iterdir()
    assert request.stat().st_size > 10_000
    path.unlink()
    workspace.put("b.csv", whole)
    assert workspace.run(4) == ["done"]
    assert workspace.delivered() == [*range(1, 1701)]


@pytest.mark.parametrize("level", [1, 2, 3, 4])
@pytest.mark.parametrize("fault", ["unavailable", "gone"])
@pytest.mark.usefixtures("small_blocks")
def test_a_file_refused_after_an_early_delivery_failed_blocks_no_other_file(with_requests, csv, level, fault):
    """Delivered and refused rows are counted exactly, and the next run continues with the other files."""
    plan = {"faults": {"UA/flights/a.csv": {"1": {"1": fault}}}}
    workspace = with_requests(plan, retry="[retry]\nscale = 0.000001")
    workspace.configure('deliver = "early"', "budget = { share = 0, rows = 2 }")
    good, bad = csv(2500), csv(500, first=2501).partition(b"\n")[2]
    workspace.put("a.csv", good + bad.replace(b"2013,1,1", b"2013,99,1"))
    first = workspace.milepost("run", "--level", level, "--json")
    rows = json.loads(first.stdout)["rows"]
    assert first.exit_code == 4
    assert (rows["in"], rows["delivered"]) == (3000, 500)
    workspace.put("b.csv", csv(5, first=9001))
    if (level, fault) == (4, "gone"):  # the partner turned us away, and is paused
        workspace.milepost("partner", "release", "UA")
    workspace.milepost("run", "--level", level)
    delivered = workspace.delivered()
    assert set(range(9001, 9006)) <= set(delivered)
    if level > 2:
        assert len(delivered) == len(set(delivered))
