"""Figures of formats: the same flights as CSV and in other formats, and beside the bare libraries.

Each exchange runs in a process of its own and is warmed up; times are processor time, so that other programs on the
machine matter little. The service delivers into a folder, with its ledger on disk.
"""

from __future__ import annotations

import csv
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from metrics.replay.input_files import read_flights

#: Field of flights -> its path in nested JSON.
PATHS = {
    "tailnum": "plane.tail", "carrier": "plane.carrier", "flight": "plane.number", "origin": "route.from",
    "dest": "route.to", "distance": "route.distance",
}  # fmt: skip
NUMBERS = {
    "year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time", "arr_delay",
    "flight", "air_time", "distance", "hour", "minute",
}  # fmt: skip

#: Rows of the file that warms up the service.
WARM_ROWS = 500

#: Rows of the workbook: the library that writes it takes a minute for a year.
WORKBOOK_ROWS = 50_000


def records(rows: int) -> tuple[list[str], list[list[str]]]:
    """Return the names of columns and the first flights."""
    lines = read_flights().decode().splitlines()
    names, *cells = csv.reader(lines[: rows + 1])
    return names, cells


def write_csv(path: Path, names: list[str], rows: list[list[str]], times: int) -> str:
    """Write flights, each year in another year."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        for year in range(times):
            writer.writerows(moved(row, year) for row in rows)
    return ""


def write_fixed(path: Path, names: list[str], rows: list[list[str]], times: int) -> str:
    """Write columns as wide as their longest value."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(names))]
    with path.open("w") as file:
        for year in range(times):
            for row in rows:
                file.write("".join(c.ljust(w) for c, w in zip(moved(row, year), widths, strict=True)) + "\n")
    starts = [1 + sum(widths[:at]) for at in range(len(names))]
    columns = "\n".join(
        f"{name} = {{ start = {start}, width = {width} }}"
        for name, start, width in zip(names, starts, widths, strict=True)
    )
    return f"[feed.flights.fixed.columns]\n{columns}"


def write_nested(path: Path, names: list[str], rows: list[list[str]], times: int) -> str:
    """Write one object a line, with two objects in it."""
    with path.open("w") as file:
        for year in range(times):
            for row in rows:
                record: dict[str, object] = {}
                for name, cell in zip(names, moved(row, year), strict=True):
                    value = None if cell == "NA" else int(cell) if name in NUMBERS else cell
                    *outer, key = PATHS.get(name, name).split(".")
                    place = record.setdefault(outer[0], {}) if outer else record
                    assert isinstance(place, dict)
                    place[key] = value
                file.write(json.dumps(record, separators=(",", ":")) + "\n")
    paths = ", ".join(f'{name} = "{path}"' for name, path in PATHS.items())
    return f"[feed.flights.json]\npaths = {{ {paths} }}"


def write_parquet(path: Path, names: list[str], rows: list[list[str]], times: int) -> str:
    """Write typed columns, a row group a year."""
    import pyarrow as pa
    from pyarrow import parquet

    writer = None
    for year in range(times):
        columns = zip(*(moved(row, year) for row in rows), strict=True)
        table = pa.table(
            {
                name: [None if c == "NA" else int(c) if name in NUMBERS else c for c in column]
                for name, column in zip(names, columns, strict=True)
            }
        )
        writer = writer or parquet.ParquetWriter(path, table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    return ""


def write_xml(path: Path, names: list[str], rows: list[list[str]], times: int) -> str:
    """Write an element a flight, with an element a field."""
    with path.open("w") as file:
        file.write("<flights>")
        for year in range(times):
            for row in rows:
                cells = "".join(f"<{n}>{c}</{n}>" for n, c in zip(names, moved(row, year), strict=True))
                file.write(f"<flight>{cells}</flight>\n")
        file.write("</flights>")
    return '[feed.flights.xml]\nrecord = "flight"'


def write_xlsx(path: Path, names: list[str], rows: list[list[str]], times: int) -> str:
    """Write one sheet."""
    import xlsxwriter

    with xlsxwriter.Workbook(path, {"constant_memory": True}) as workbook:
        sheet = workbook.add_worksheet("Flights")
        sheet.write_row(0, 0, names)
        for number, row in enumerate((moved(row, year) for year in range(times) for row in rows), 1):
            sheet.write_row(
                number, 0, [int(c) if n in NUMBERS and c != "NA" else c for n, c in zip(names, row, strict=True)]
            )
    return ""


def moved(row: list[str], year: int) -> list[str]:
    """Return a flight of another year, so that none occurs twice."""
    if not year:
        return row
    return [str(int(row[0]) + 2 * year), *row[1:-1], f"{int(row[-1][:4]) + 2 * year}{row[-1][4:]}"]


WRITERS = {
    "csv": write_csv, "fixed": write_fixed, "jsonl": write_nested, "parquet": write_parquet, "xml": write_xml,
    "xlsx": write_xlsx,
}  # fmt: skip


def make_workspace(root: Path, kind: str, settings: str) -> None:
    """Make a workspace whose feed has a format, and which delivers into a folder."""
    from poc.config.scaffold import AIRLINES, create_workspace

    create_workspace(root, "bench", "live", {"UA": AIRLINES["UA"]}, "")
    (root / "out").mkdir()
    path = root / "partners" / "UA.toml"
    head, _, feed = path.read_text().partition("[feed.flights]")
    head = head[: head.index("[endpoint]")] + '[endpoint]\nfolder = "out"\n\n'
    feed = feed.replace('format = "csv"', f'format = "{kind}"').replace('"*.csv"  ', '"*"  ')
    path.write_text(f"{head}[feed.flights]{feed}\n{settings}\n")


def exchange_once(root: Path, warm: Path, file: Path) -> None:
    """Exchange a small file and a file, and print what the second took; run in a process of its own."""
    from poc.config.workspace import load_workspace
    from poc.exchanges.exchange import exchange
    from poc.ledger.opening import open_ledger
    from poc.pipeline.prepared_feed import prepare_feed
    from poc.transports.http import new_session

    workspace = load_workspace(root)
    ledger = open_ledger(root / "var" / "ledger.db")
    with new_session() as session:
        prepared = prepare_feed(workspace, "UA", "flights", 4, session)
        exchange(prepared, warm, datetime.now(UTC), ledger)
        began_s = time.process_time()
        receipt = exchange(prepared, file, datetime.now(UTC), ledger)
        took_s = time.process_time() - began_s
    rows = receipt.account.as_dict()
    assert rows["delivered"] == rows["in"] > 0, receipt
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"s": took_s, "rows": rows["in"], "rss_bytes": peak}))


def read_bare(kind: str, file: Path) -> None:
    """Read all cells by the bare library, and print processor seconds."""
    began_s = time.process_time()
    cells = 0
    if kind == "xlsx":
        import python_calamine

        for row in python_calamine.CalamineWorkbook.from_path(str(file)).get_sheet_by_index(0).to_python():
            cells += len(row)
    else:
        from lxml import etree

        for _, element in etree.iterparse(str(file), tag="flight"):
            cells += len([child.text for child in element])
            element.clear()
    print(json.dumps({"s": time.process_time() - began_s, "cells": cells}))


def run(*arguments: str) -> dict[str, float]:
    """Run this program with arguments, and return what it prints."""
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, __file__, *arguments], capture_output=True, text=True, env=environ, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def figures(folder: Path, rows: int = 336_776, turns: int = 3, growth: int = 10) -> dict[str, float]:
    """Return all figures of formats; `rows` is the number of flights, `growth` the larger file of `rss_growth`."""
    names, cells = records(rows)
    medians: dict[str, float] = {}
    rss: dict[str, float] = {}
    bare: dict[str, float] = {}
    for kind, write in WRITERS.items():
        own = cells[:WORKBOOK_ROWS] if kind == "xlsx" else cells
        file = folder / f"flights.{kind}"
        warm = folder / f"warm.{kind}"
        write(warm, names, own[:WARM_ROWS], 1)
        settings = write(file, names, own, 1)
        times = []
        for turn in range(turns):
            root = folder / f"{kind}-{turn}"
            make_workspace(root, kind, settings)
            result = run("exchange", str(root), str(warm), str(file))
            times.append(result["s"] / result["rows"])
        medians[kind] = statistics.median(times)
        if kind in {"xlsx", "xml"}:
            bare[kind] = statistics.median(run("bare", kind, str(file))["s"] for _ in range(turns)) / len(own)
        if kind != "xlsx":
            peaks = []
            for times_more in (1, growth):
                settings = write(file, names, cells[: rows // growth], times_more)
                make_workspace(root := folder / f"{kind}-rss-{times_more}", kind, settings)
                peaks.append(run("exchange", str(root), str(warm), str(file))["rss_bytes"])
            rss[kind] = peaks[1] / peaks[0]
        file.unlink()
    return {
        "fixed_width_vs_csv": medians["fixed"] / medians["csv"],
        "jsonl_nested_vs_csv": medians["jsonl"] / medians["csv"],
        "parquet_vs_csv": medians["parquet"] / medians["csv"],
        "xlsx_vs_calamine": medians["xlsx"] / bare["xlsx"],
        "xml_vs_lxml": medians["xml"] / bare["xml"],
        "rss_growth": max(rss.values()),
        **{f"rss_growth_{kind}": value for kind, value in rss.items()},
        **{f"us_a_row_{kind}": value * 1e6 for kind, value in medians.items()},
    }


if __name__ == "__main__":
    if sys.argv[1] == "exchange":
        exchange_once(*map(Path, sys.argv[2:5]))
    else:
        read_bare(sys.argv[2], Path(sys.argv[3]))
