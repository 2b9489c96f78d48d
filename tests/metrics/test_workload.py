"""The replay's input: the real year, cut and planned."""

import json
from datetime import date, timedelta
from importlib import resources
from itertools import pairwise

import polars as pl
import pytest

from metrics import workload
from metrics.errors import BadInput

FAULTS = resources.files("metrics") / "faults-standard.toml"


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    """The workload of all 52 weeks under the standard faults, made once."""
    return workload.build(tmp_path_factory.mktemp("year"), FAULTS, "standard", 52)


def test_the_files_are_the_year_byte_for_byte(year):
    """Every line of the source stands in exactly one file, unchanged."""
    source = workload.flights()
    header, *lines = source.rstrip(b"\n").split(b"\n")
    found = []
    for file in year.files:
        if not file.original:
            first, *rest = file.path.read_bytes().rstrip(b"\n").split(b"\n")
            assert first == header
            assert len(rest) == file.records
            found += rest
    assert len(lines) == 336_776
    assert sorted(found) == sorted(lines)


def test_the_contracts_key_is_one_in_this_data(year):
    """No two flights share carrier, flight number and hour, and no two delivered records their key."""
    rows = pl.read_csv(workload.flights(), infer_schema=False)
    assert rows.select("carrier", "flight", "time_hour").n_unique() == rows.height
    assert year.truth.select(workload.RECORD_KEY).n_unique() == rows.height


def test_a_year_has_52_blocks_that_meet_end_to_end():
    """Blocks are Monday to Sunday inside 2013, and the year's last days belong to the last."""
    days = [workload.block_days(block) for block in range(52)]
    assert (days[0], days[-1]) == (
        (date(2013, 1, 1), date(2013, 1, 6)),
        (date(2013, 12, 23), date(2013, 12, 31)),
    )
    assert all(after[0] - before[1] == timedelta(days=1) for before, after in pairwise(days))


def test_files_arrive_within_their_block(year):
    """Each file is handed in on a day of its own block, and a copy after its original."""
    originals = {(file.partner, file.name): file for file in year.files if not file.original}
    assert len(originals) == 807
    for file in year.files:
        start, end = workload.block_days(file.block)
        assert start <= file.arrives <= end
        if file.original:
            assert file.arrives >= originals[file.partner, file.original].arrives


def test_the_plan_of_a_part_is_the_plan_of_the_whole(year, tmp_path):
    """Replaying fewer weeks meets the same faults in them."""
    part = workload.build(tmp_path, FAULTS, "standard", 3)
    assert part.plan == year.plan
    assert [(file.partner, file.name) for file in part.files] == [
        (file.partner, file.name) for file in year.files if file.block < 3
    ]


def test_faults_come_at_their_rates(year):
    """What the plan holds is what the fault file says, within what chance allows at these numbers."""
    rates = workload.read_faults(FAULTS)
    sends = sum((file.records + 499) // 500 for file in year.files) * workload.PLANNED_SENDS
    planned = [fault for slots in year.plan["faults"].values() for nth in slots.values() for fault in nth.values()]
    for fault, rate in (("unavailable", 0.02), ("reset", 0.005), ("answer-lost", 0.005), ("hang", 0.001)):
        assert rates["sends"][fault.replace("-", "_")] == rate
        spread = 4 * (sends * rate) ** 0.5
        assert abs(planned.count(fault) - sends * rate) < spread
    assert len(year.plan["down"]) == 3
    assert 1 <= planned.count("kill") <= 24
    assert 1 <= sum(1 for file in year.files if file.original) <= 24


def test_a_partner_is_down_on_a_day_that_it_is_due_a_file(year):
    """An outage that nobody meets would be none."""
    for partner, (day,) in year.plan["down"].items():
        assert any(file.partner == partner and file.arrives.isoformat() == day for file in year.files)


def test_without_faults_the_plan_is_empty(tmp_path):
    """A clean replay has no faults, no copies and no outage, and its plan says so on disk."""
    clean = workload.build(tmp_path, FAULTS, "none", 2)
    assert json.loads((tmp_path / "plan-none.json").read_text()) == {"faults": {}, "down": {}}
    assert not any(file.original for file in clean.files)


def test_chance_belongs_to_its_words():
    """The same words give the same number, other words another, spread over 0 to 1."""
    assert workload.chance(1, "a") == workload.chance(1, "a") != workload.chance(1, "b")
    lots = [workload.chance("spread", n) for n in range(2_000)]
    assert 0 <= min(lots) < 0.01
    assert 0.99 < max(lots) < 1


def test_a_fault_file_that_is_none_is_named(tmp_path):
    """A broken fault file is one line that names it."""
    path = tmp_path / "faults.toml"
    path.write_text("schema = 2\n")
    with pytest.raises(BadInput, match=r"faults\.toml: schema is 2; this release knows 1"):
        workload.read_faults(path)
    path.write_text("schema = ")
    with pytest.raises(BadInput, match=r"faults\.toml: not a fault file"):
        workload.read_faults(path)
