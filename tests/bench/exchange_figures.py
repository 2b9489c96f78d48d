"""The figures of the exchange bench, each measured by a function of the bench."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from time import perf_counter
from typing import TYPE_CHECKING

import requests
from exchange_files import breaches, first_rows, full_ledger, slices, variant, with_bad_rows, write_years
from exchange_sides import Bench, Pair, Result, Side, ask
from same_records import DifferentAnswer, check_same

from metrics.replay.subject_process import read_usage

if TYPE_CHECKING:
    from pathlib import Path

SERVICE, PASS_SERVICE, MONOLITH = "service@4", "service@5", "monolith"

#: What level 5 adds to the partner's file; `span_files` is in that of every workspace of a replay.
PASS_ENDPOINT = "parallel = 4\n"
WARM_UPS = 20  #: turns on small files before the first that counts
SIZES = (10, 20, 30, 60, 100, 200, 400)
PASS_FILES = 50


def rows_of(data: bytes) -> int:
    """Return the rows of a file."""
    return data.count(b"\n") - 1


def check_sides(other: Side, service: Side, rows: int) -> None:
    """Compare all that two sides have delivered over HTTP. Raises DifferentAnswer."""
    check_same(other.process.name, other.records(), service.records(), rows)


def against_monolith(bench: Bench, source: bytes, level: str, turns: int, warm_ups: int) -> list[Pair]:
    """Measure the service and the monolith on one file over HTTP."""
    service = bench.subject(level, endpoint=PASS_ENDPOINT if level == PASS_SERVICE else "")
    monolith = bench.subject(MONOLITH)
    pairs = bench.alternate(
        service.run,
        monolith.run,
        lambda turn: bench.write(f"{turn}.csv", variant(source, turn)),
        turns,
        warm_ups,
        lambda: check_sides(monolith, service, rows_of(source)),
    )
    check_sides(monolith, service, rows_of(source) * (turns + warm_ups))
    for side in (service, monolith):
        side.end()
    return pairs


def small_file(bench: Bench, rows: int) -> list[Pair]:
    """Measure files of that many rows over HTTP, once in a run."""
    if rows not in bench.small_pairs:
        source = first_rows(bench.source, rows)
        bench.small_pairs[rows] = against_monolith(bench, source, SERVICE, bench.small_turns, WARM_UPS)
    return bench.small_pairs[rows]


def measure_small(bench: Bench, rows: int) -> Result:
    """Measure the service's time / the monolith's on a file of that many rows."""
    return Result.ratio(small_file(bench, rows))


def break_even(ratios: dict[int, float]) -> float | None:
    """Return the rows at which the time ratio crosses 1, interpolated between sizes; None where it does not."""
    sizes = sorted(ratios)
    if ratios[sizes[0]] <= 1:
        return float(sizes[0])
    for low, high in pairwise(sizes):
        if ratios[low] > 1 >= ratios[high]:
            return low + (high - low) * (ratios[low] - 1) / (ratios[low] - ratios[high])
    return None


def measure_break_even(bench: Bench) -> Result:
    """Measure the rows from which the service is faster than the monolith."""
    sizes = {rows: Result.ratio(small_file(bench, rows)) for rows in SIZES}
    value, *ends = (
        break_even({rows: pick(size) for rows, size in sizes.items()})
        for pick in (lambda size: size.value, lambda size: size.quartiles[0], lambda size: size.quartiles[1])
    )
    note = "service / monolith " + ", ".join(f"{size.value:.2f} at {rows}" for rows, size in sizes.items())
    return Result(value, bench.small_turns, tuple(ends), note=f"{note} rows")


def measure_fixed(bench: Bench) -> Result:
    """Measure the service's time for a file of 20 rows / the time of one bare POST of the same body."""
    source = first_rows(bench.source, 20)
    service = bench.subject(SERVICE)
    service.run(bench.write("first.csv", variant(source, 0)))
    body = (service.delivered / "flights.jsonl").read_bytes()
    url = f"{bench.partner_url}/bare/UA/flights"
    with requests.Session() as session:
        session.trust_env = False  # as the service and the monolith do; reading the environment would slow the POST
        session.headers["Content-Type"] = "application/jsonl"

        def post(_: Path) -> float:
            began_s = perf_counter()
            answer = session.post(url, data=body, timeout=2.0)
            took_s = perf_counter() - began_s
            answer.raise_for_status()
            return took_s

        def check() -> None:
            if (bench.keep / "bare" / "UA" / "flights.jsonl").read_bytes() != body:
                raise DifferentAnswer("the bare POST delivered something else than the service")

        pairs = bench.alternate(
            service.run,
            post,
            lambda turn: bench.write(f"{turn}.csv", variant(source, turn + 1)),
            2 * bench.small_turns,
            WARM_UPS,
            check,
        )
    service.end()
    return Result.ratio(pairs)


def measure_year(bench: Bench) -> Result:
    """Measure the monolith's time / the service's for the year in one file over HTTP."""
    return Result.ratio(against_monolith(bench, bench.source, PASS_SERVICE, bench.turns, 1), theirs_by_ours=True)


def measure_pass(bench: Bench, rows: int) -> Result:
    """Measure the service's time for one pass / the monolith's for the same files, one after the other."""
    service = bench.subject(PASS_SERVICE, endpoint=PASS_ENDPOINT)
    monolith = bench.subject(MONOLITH)
    parts = slices(bench.source, PASS_FILES, rows)

    def write_files(turn: int) -> list[Path]:
        return [bench.write(f"{turn}-{number:02}.csv", variant(part, turn)) for number, part in enumerate(parts)]

    turns, warm_ups, all_rows = max(bench.small_turns // 4, 1), 2, PASS_FILES * rows
    pairs = bench.alternate(
        service.run_pass,
        monolith.run_each,
        write_files,
        turns,
        warm_ups,
        lambda: check_sides(monolith, service, all_rows),
    )
    check_sides(monolith, service, all_rows * (turns + warm_ups))
    for side in (service, monolith):
        side.end()
    return Result.ratio(pairs)


def measure_script(bench: Bench, name: str, turns: int, *, theirs_by_ours: bool) -> Result:
    """Measure the service and a script from file to JSON Lines, on the year in one file."""
    service, script = bench.subject(SERVICE, over_http=False), bench.script(name)
    sample = first_rows(bench.source, 2000)
    for breach, data in breaches(bench.source).items():
        _, answer = script.try_file(bench.write("broken.csv", data))
        if "error" not in answer:
            raise DifferentAnswer(f"{name} takes a file with {breach}")
    for source, count, warm_ups in ((sample, 0, 2), (bench.source, turns, int(turns > 1))):
        # files of both loops are in different years
        pairs = bench.alternate(
            service.run,
            script.run,
            lambda turn, source=source: bench.write(f"{turn}.csv", variant(source, turn + source.count(b"\n"))),
            count,
            warm_ups,
            lambda source=source: check_same(name, script.records(), service.records(), rows_of(source)),
        )
    for side in (service, script):
        side.end()
    return Result.ratio(pairs, theirs_by_ours=theirs_by_ours)


def measure_size(bench: Bench, path: Path) -> tuple[float, int]:
    """Return the seconds and the peak memory in bytes of a new process on one file."""
    service = bench.subject(SERVICE, over_http=False)
    took_s = service.run(path)
    peak = read_usage(service.process.pid, reset_peak=False).peak_rss_bytes or 0
    service.end()
    return took_s, peak


def measure_ten_years(bench: Bench) -> dict[str, Result]:
    """Measure peak memory, and time a row, at ten years / at one."""
    one, ten = bench.folder / "one.csv", bench.folder / "ten.csv"
    write_years(one, bench.source, 1)
    write_years(ten, bench.source, 10)
    growth, linear, peaks = [], [], []
    for turn in range(bench.turns):
        sizes = {path: measure_size(bench, path) for path in ((one, ten) if turn % 2 else (ten, one))}
        bench.clear()
        growth.append(sizes[ten][1] / sizes[one][1])
        linear.append(sizes[ten][0] / 10 / sizes[one][0])
        peaks.append(float(sizes[ten][1]))
    one.unlink()
    ten.unlink()
    return {
        "rss_growth": Result.median(growth),
        "peak_rss_bytes": replace(Result.median(peaks), value=max(peaks), note="the highest"),
        "linear": Result.median(linear),
    }


def measure_full_ledger(bench: Bench) -> Result:
    """Measure the time of 100 rows with 1,000,000 files in the ledger / with none."""
    source = first_rows(bench.source, 100)
    full_ledger(bench.folder / "full", 1_000_000)
    full, empty = bench.subject(SERVICE, state=bench.folder / "full"), bench.subject(SERVICE)
    pairs = bench.alternate(
        full.run,
        empty.run,
        lambda turn: bench.write(f"{turn}.csv", variant(source, turn)),
        bench.small_turns,
        WARM_UPS,
        lambda: check_sides(full, empty, rows_of(source)),
    )
    for side in (full, empty):
        side.end()
    return Result.ratio(pairs)


def measure_bad_rows(bench: Bench) -> Result:
    """Measure the time of a bad row / of a good one, in 50,000 rows of which a fifth is bad in six ways."""
    source = first_rows(bench.source, 50_000)
    rows = rows_of(source)
    bad_rows = -(-rows // 5)
    service = bench.subject(SERVICE, over_http=False, feed="budget = { share = 0.3 }\n")

    def write_both(turn: int) -> dict[str, Path]:
        good, bad = variant(source, 2 * turn), with_bad_rows(variant(source, 2 * turn + 1))
        return {"good": bench.write("good.csv", good), "bad": bench.write("bad.csv", bad)}

    def check() -> None:
        answer = ask(
            service.process, {"check": str(bench.folder / "in" / "bad.csv"), "partner": "UA", "feed": "flights"}
        )
        delivered, expected = service.records().total(), 2 * rows - bad_rows
        if len(answer[1]["bad"]) != bad_rows or delivered != expected:
            raise DifferentAnswer(f"{delivered:,} of {expected:,} good rows were delivered")

    pairs = bench.alternate(
        lambda paths: service.run(paths["bad"]),
        lambda paths: service.run(paths["good"]),
        write_both,
        2 * bench.turns + 1,
        1,
        check,
    )
    service.end()
    costs = []
    for bad_s, good_s in pairs:
        good_row_s = good_s / rows
        costs.append((bad_s - good_row_s * (rows - bad_rows)) / bad_rows / good_row_s)
    return Result.median(costs)
