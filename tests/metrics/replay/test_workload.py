"""The workload of a replay: the real year in files, and the planned faults."""

import json
from datetime import date, timedelta
from importlib import resources
from itertools import pairwise

import polars as pl
import pytest

from metrics.errors import BadInput
from metrics.replay import fault_plan, input_files, workload
from metrics.replay.seeded_random import seeded_uniform
from poc.monolith.exchange import check

FAULTS = resources.files("metrics.replay") / "faults-standard.toml"
STRESS = resources.files("metrics.replay") / "faults-stress.toml"


@pytest.fixture(scope="module")
def year(tmp_path_factory):
    """The workload of all 52 weeks under the standard faults, built once."""
    return workload.build_workload(tmp_path_factory.mktemp("year"), FAULTS, "standard", 52)


def rows_of(file):
    """Return the header and the lines of a file."""
    first, *rest = file.path.read_bytes().rstrip(b"\n").split(b"\n")
    return first, rest


def test_the_files_are_the_year_byte_for_byte(year, tmp_path):
    """Every line of the source is unchanged in exactly one file; under faults, every line but the broken ones."""
    source = input_files.read_flights()
    header, *lines = source.rstrip(b"\n").split(b"\n")
    assert len(lines) == 336_776
    clean = workload.build_workload(tmp_path, FAULTS, "none", 52)
    all_lines, good = [], []
    for load, collected in ((clean, all_lines), (year, good)):
        for file in load.files:
            if not file.original:
                first, rest = rows_of(file)
                assert first == header
                assert len(rest) == file.rows == file.records + len(file.broken)
                collected += [line for n, line in enumerate(rest, 1) if n not in file.broken]
    assert sorted(all_lines) == sorted(lines)
    assert len(good) == year.truth.height
    assert set(good) < set(lines)


def test_broken_rows_have_their_rate_and_are_not_due(year, tmp_path):
    """About one row in 5,000 is broken, and no row without faults; a check names exactly the broken rows."""
    broken = [(file, n) for file in year.files if not file.original for n in file.broken]
    due = 336_776 * fault_plan.read_faults(FAULTS)["rows"]["broken"]
    assert abs(len(broken) - due) < 4 * due**0.5
    assert year.truth.height == 336_776 - len(broken)
    for file in {file for file, _ in broken}:
        assert tuple(check(file.path)) == file.broken
    clean = workload.build_workload(tmp_path, FAULTS, "none", 2)
    assert not any(file.broken for file in clean.files)
    assert clean.truth.height == 336_776


def test_fault_sets_have_separate_files(tmp_path):
    """Only the files of the standard faults have broken rows, whichever was built last."""
    standard, clean = (workload.build_workload(tmp_path, FAULTS, name, 2) for name in ("standard", "none"))
    (file, *_) = [file for file in standard.files if file.broken]
    (twin,) = [other for other in clean.files if (other.partner, other.name) == (file.partner, file.name)]
    assert file.path.read_bytes() != twin.path.read_bytes()
    assert check(twin.path) == []


def test_a_copy_has_the_bytes_of_its_original(year):
    """A file that is handed in again has equal bytes, broken rows included."""
    originals = {(file.partner, file.name): file for file in year.files if not file.original}
    copies = [file for file in year.files if file.original]
    assert copies
    for copy in copies:
        first = originals[copy.partner, copy.original]
        assert copy.path.read_bytes() == first.path.read_bytes()
        assert (copy.broken, copy.records) == (first.broken, first.records)


def test_the_keys_are_unique_in_this_data(year):
    """No two flights share carrier, flight number and hour; no two due records share their key."""
    rows = pl.read_csv(input_files.read_flights(), infer_schema=False)
    assert rows.select("carrier", "flight", "time_hour").n_unique() == rows.height
    assert year.truth.select(input_files.RECORD_KEY).n_unique() == year.truth.height


def test_a_year_has_52_contiguous_blocks():
    """Blocks are Monday to Sunday inside 2013; the last days of the year belong to the last block."""
    days = [input_files.block_range(block) for block in range(52)]
    assert (days[0], days[-1]) == (
        (date(2013, 1, 1), date(2013, 1, 6)),
        (date(2013, 12, 23), date(2013, 12, 31)),
    )
    assert all(after[0] - before[1] == timedelta(days=1) for before, after in pairwise(days))


def test_the_second_year_is_the_first_one_364_days_later(tmp_path):
    """Every flight is in one file of its day; only its date columns differ from its line in the first year."""
    load = workload.build_workload(tmp_path, FAULTS, "none", 52, input_files.SECOND_YEAR)
    lines = []
    for file in load.files:
        _, rest = rows_of(file)
        for line in rest:
            year, month, day, *cells, hour = line.decode().split(",")
            assert file.name == f"{date(int(year), int(month), int(day))}.csv"
            first = date(int(year), int(month), int(day)) - timedelta(days=364)
            first_hour = f"{date.fromisoformat(hour[:10]) - timedelta(days=364)}{hour[10:]}"
            lines.append(",".join([str(first.year), str(first.month), str(first.day), *cells, first_hour]).encode())
    assert sorted(lines) == sorted(input_files.read_flights().rstrip(b"\n").split(b"\n")[1:])


def test_an_airline_hands_in_its_seven_days_on_its_weekday(tmp_path):
    """The files of a week of the second year arrive together, on the weekday of the first year's weekly file."""
    weekly = workload.build_workload(tmp_path, FAULTS, "none", 3)
    daily = workload.build_workload(tmp_path, FAULTS, "none", 3, input_files.SECOND_YEAR)
    assert {file.block for file in daily.files} == {52, 53, 54}
    weekdays = {file.partner: file.arrives.weekday() for file in weekly.files if file.block == 2}
    for partner, weekday in weekdays.items():
        days = [file.arrives for file in daily.files if (file.partner, file.block) == (partner, 54)]
        assert {day.weekday() for day in days} == {weekday}
        assert len(set(days)) == 1
    assert len([file for file in daily.files if (file.partner, file.block) == ("UA", 54)]) == 7


def test_years_have_separate_series_and_faults_at_the_same_rates(year, tmp_path):
    """The second year has a hash of its own, broken rows and sends at the same rates, and outages of its own."""
    later = workload.build_workload(tmp_path, FAULTS, "standard", 52, input_files.SECOND_YEAR)
    assert later.sha256 != year.sha256
    assert later.faults_sha256 == year.faults_sha256
    rates = fault_plan.read_faults(FAULTS)
    files = [file for file in later.files if not file.original]
    due = 336_776 * rates["rows"]["broken"]
    assert abs(sum(len(file.broken) for file in files) - due) < 4 * due**0.5
    for number, rate in (
        (sum("kill" in slots.get("0", {}).values() for slots in later.plan["faults"].values()), "killed"),
        (len(later.files) - len(files), "resent"),
    ):
        expected = len(later.files) * rates["files"][rate]
        assert abs(number - expected) < 4 * expected**0.5
    assert len(later.plan["down"]) == 3
    assert later.plan["down"] != year.plan["down"]


def test_the_blocks_of_the_second_year_continue_the_calendar():
    """Its first block begins on the day after the last one of 2013; its last one ends 364 days after 2013 did."""
    days = [input_files.block_range(block) for block in range(104)]
    assert days[51:54] == [
        (date(2013, 12, 23), date(2013, 12, 31)),
        (date(2014, 1, 1), date(2014, 1, 5)),
        (date(2014, 1, 6), date(2014, 1, 12)),
    ]
    assert days[-1] == (date(2014, 12, 22), date(2014, 12, 30))
    assert all(after[0] - before[1] == timedelta(days=1) for before, after in pairwise(days))


def test_files_arrive_within_their_block(year):
    """Each file arrives on a day of its own block, and a copy not before its original."""
    originals = {(file.partner, file.name): file for file in year.files if not file.original}
    assert len(originals) == 807
    for file in year.files:
        start, end = input_files.block_range(file.block)
        assert start <= file.arrives <= end
        if file.original:
            assert file.arrives >= originals[file.partner, file.original].arrives


def test_fewer_weeks_have_the_same_plan(year, tmp_path):
    """A replay of fewer weeks meets the same faults in them."""
    part = workload.build_workload(tmp_path, FAULTS, "standard", 3)
    assert part.plan == year.plan
    assert [(file.partner, file.name, file.broken) for file in part.files] == [
        (file.partner, file.name, file.broken) for file in year.files if file.block < 3
    ]


def test_faults_have_their_rates(year):
    """The planned faults match the rates of the fault file, within four standard deviations."""
    rates = fault_plan.read_faults(FAULTS)
    sends = sum((file.rows + 499) // 500 for file in year.files) * fault_plan.PLANNED_SENDS
    planned = [fault for slots in year.plan["faults"].values() for nth in slots.values() for fault in nth.values()]
    for fault, rate in (("unavailable", 0.02), ("reset", 0.005), ("answer-lost", 0.005), ("hang", 0.001)):
        assert rates["sends"][fault.replace("-", "_")] == rate
        spread = 4 * (sends * rate) ** 0.5
        assert abs(planned.count(fault) - sends * rate) < spread
    assert len(year.plan["down"]) == 3
    assert 1 <= planned.count("kill") <= 24
    assert 1 <= sum(1 for file in year.files if file.original) <= 24


def test_a_partner_is_down_on_a_day_on_which_a_file_arrives(year):
    """Otherwise no subject would meet the outage."""
    for partner, (day,) in year.plan["down"].items():
        assert any(file.partner == partner and file.arrives.isoformat() == day for file in year.files)


def test_without_faults_the_plan_is_empty(tmp_path):
    """A replay without faults has no copies and no outage, and its plan on disk is empty."""
    clean = workload.build_workload(tmp_path, FAULTS, "none", 2)
    assert json.loads((tmp_path / "plan-none.json").read_text()) == {"faults": {}, "down": {}}
    assert not any(file.original for file in clean.files)


def test_seeded_numbers_depend_on_the_key():
    """Equal keys give equal numbers, other keys other numbers, spread from 0 to 1."""
    assert seeded_uniform(1, "a") == seeded_uniform(1, "a") != seeded_uniform(1, "b")
    numbers = [seeded_uniform("spread", n) for n in range(2_000)]
    assert 0 <= min(numbers) < 0.01
    assert 0.99 < max(numbers) < 1


def test_an_invalid_fault_file_is_refused(tmp_path):
    """The message names the file and the problem."""
    path = tmp_path / "faults.toml"
    path.write_text("schema = 2\n")
    with pytest.raises(BadInput, match=r"faults\.toml: schema is 2; this release knows 1"):
        fault_plan.read_faults(path)
    path.write_text("schema = ")
    with pytest.raises(BadInput, match=r"faults\.toml: not a fault file"):
        fault_plan.read_faults(path)


def test_rounds_of_the_stress_series_have_draws_of_their_own_at_the_standard_rates(tmp_path):
    """All rounds have the standard series' files; each has other faults, and each partner is down once a quarter."""
    standard, rates = fault_plan.read_faults(FAULTS), fault_plan.read_faults(STRESS)
    same = ("seed", "sends", "files", "rows", "sender", "operator")
    assert {name: rates[name] for name in same} == {name: standard[name] for name in same}
    one, two = workload.build_rounds(tmp_path, STRESS, "stress", 2, (1, 2)).values()
    assert {file.path for file in one.files if not file.original} == {
        file.path for file in two.files if not file.original
    }
    assert one.plan["faults"] != two.plan["faults"]
    assert one.plan["down"] != two.plan["down"]
    assert json.loads((tmp_path / "plan-stress-2.json").read_text()) == two.plan
    assert workload.build_rounds(tmp_path, STRESS, "stress", 2, (2,))[2].plan == two.plan
    late = workload.build_rounds(tmp_path, STRESS, "stress", 2, (2,), 1)[2]
    assert late.files == tuple(file for file in two.files if file.block == 1)
    assert late.plan["down"] == two.plan["down"]
    assert late.plan["faults"].items() <= two.plan["faults"].items()
    for partner, days in one.plan["down"].items():
        assert [(int(day[5:7]) + 2) // 3 for day in days] == [1, 2, 3, 4], partner
    arrivals = {(file.partner, file.arrives.isoformat()) for file in one.files}
    first_weeks = {(partner, day) for partner, days in one.plan["down"].items() for day in days if day < "2013-01-14"}
    assert first_weeks <= arrivals
