"""Measure what a comparison of two year files costs and finds: `python tests/bench/parity.py [--json]`.

Both files have the 336,776 flights of a year. The right one differs in planted ways, all 17 causes, each in a row and
field of its own, so that what must be found is known.

`parity_vs_read`: time of the comparison by key / time of reading both files once; the best of alternating turns of one
process each. `rss_growth`: peak memory of comparing ten such years / one. `causes_found`: differences found / planted;
above 1, some were invented. `causes_right`: share of the planted differences that are found in their field by their
cause. `invented`: differences found where none was planted, by field and cause.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import unicodedata
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from metrics.replay.input_files import read_flights

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: A row differs where its number modulo this is less than the number of causes of rows and values: one in a hundred.
PLANT_EVERY = 1500

TURNS = 5

BARS = {"parity_vs_read": "<= 3.0", "rss_growth": "<= 1.3", "causes_found": "== 1", "causes_right": ">= 0.99"}

#: One turn in a process of its own: reading both files, or comparing them.
PROGRAM = """
import json, resource, sys, time
from pathlib import Path
from poc.parity.comparison import compare
from poc.parity.files import open_records
what, turns, left, right = sys.argv[1], int(sys.argv[2]), *map(Path, sys.argv[3:])
times = {"read": [], "compare": []}
for _ in range(turns):
    for name in ("read", "compare"):
        if what not in (name, "both"):
            continue
        begin = time.perf_counter()
        if name == "read":
            for path in (left, right):
                for _ in open_records(path).frames():
                    pass
        else:
            result = compare(open_records(left), open_records(right), ["id"])
        times[name].append(time.perf_counter() - begin)
found = [[*key, count] for key, count in result.differences.items()] if times["compare"] else []
print(json.dumps({**times, "found": found, "rss": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""

Row = dict[str, str]


def year(years: int) -> Iterator[Row]:
    """Yield the records of the left file: flights, and fields in which each cause can be planted."""
    number = 0
    for _ in range(years):
        for row in csv.DictReader(read_flights().decode().splitlines()):
            number += 1
            yield {
                "id": str(number), "carrier": row["carrier"], "flight": row["flight"], "tail": row["tailnum"] or "N0A",
                "from": row["origin"], "to": row["dest"], "day": row["time_hour"][:10], "at": row["time_hour"],
                "delay": row["dep_delay"], "km": f"{int(row['distance']) * 1.609344:.2f}", "remark": "",
                "ratio": f"{number % 9973}.{number % 89 + 10}37",
                "tags": f"{row['carrier']};{row['dest']};{number % 89}",
                "crew": f"M\u00fcller {row['carrier']} {row['origin']}",
            }  # fmt: skip


def _change(name: str, change: Callable[[str], str]) -> Callable[[Row], tuple[str, Row]]:
    return lambda row: (name, {**row, name: change(row[name])})


def _zoned(text: str) -> str:
    """Return a moment in UTC as the same one in another time zone, of the same day where that can be."""
    hour = int(text[11:13])
    shift = 2 if hour < 22 else -2
    return f"{text[:11]}{hour + shift:02}:00:00{shift:+03}:00"


#: How the right side differs by each cause of values: the field, and its text there.
VALUES: dict[str, Callable[[Row], tuple[str, Row]]] = {
    "whitespace": _change("tail", lambda text: f" {text}"),
    "case": _change("tail", str.lower),
    "null-or-blank": _change("remark", lambda _: "NULL"),
    "leading-zeros": _change("flight", lambda text: f"00{text}"),
    "number-format": _change("km", lambda text: f"{float(text):,.3f}"),
    "rounding": _change("ratio", lambda text: f"{float(text):.2f}"),
    "date-format": _change("day", lambda text: f"{text[8:]}.{text[5:7]}.{text[:4]}"),
    "time-zone": _change("at", _zoned),
    "unicode-form": _change("crew", lambda text: unicodedata.normalize("NFD", text)),
    "order": _change("tags", lambda text: ";".join(reversed(text.split(";")))),
    "encoding": _change("crew", lambda text: text.encode().decode("cp1252")),
    "value": _change("delay", lambda text: str(41 + int(text.replace("NA", "0")))),
}


def write_pair(folder: Path, years: int) -> tuple[Path, Path, Counter[tuple[str, str]]]:
    """Write both files; return them, and the planted differences by field and cause."""
    planted: Counter[tuple[str, str]] = Counter({("left_only", "field-missing"): 1, ("right_only", "field-extra"): 1})
    kinds = [*VALUES, "row-missing", "row-extra", "row-twice"]
    left, right = folder / f"left-{years}.csv", folder / f"right-{years}.csv"
    names = list(next(year(1)))
    with left.open("w", newline="") as one, right.open("w", newline="") as other:
        writers = [csv.DictWriter(one, [*names, "left_only"]), csv.DictWriter(other, [*names, "right_only"])]
        for writer in writers:
            writer.writeheader()
        for row in year(years):
            place = int(row["id"]) % PLANT_EVERY
            kind = kinds[place] if place < len(kinds) else ""
            rights = [row]
            if kind in VALUES:
                name, changed = VALUES[kind](row)
                rights = [changed]
                planted[name, kind] += changed != row
            elif kind:
                rights = {"row-missing": [], "row-extra": [row, {**row, "id": f"x{row['id']}"}]}.get(kind, [row, row])
                planted["", kind] += 1
            writers[0].writerow({**row, "left_only": "1"})
            writers[1].writerows({**each, "right_only": "1"} for each in rights)
    return left, right, planted


def run(what: str, turns: int, left: Path, right: Path) -> dict[str, list[float]]:
    """Return what one process measured."""
    command = [sys.executable, "-c", PROGRAM, what, str(turns), str(left), str(right)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def main() -> None:
    """Print the figures beside their bars."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--quick", action="store_true", help="leave out the ten years")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        left, right, planted = write_pair(Path(name), 1)
        result = run("both", TURNS, left, right)
        found = Counter({(field, cause): count for field, cause, count in result["found"]})
        one_rss = run("compare", 1, left, right)["rss"]
        growth = None
        if not options.quick:
            ten = write_pair(Path(name), 10)
            growth = run("compare", 1, *ten[:2])["rss"] / one_rss
    figures = {
        "parity_vs_read": min(result["compare"]) / min(result["read"]),
        "rss_growth": growth,
        "causes_found": found.total() / planted.total(),
        "causes_right": (found & planted).total() / planted.total(),
        "planted": planted.total(),
        "causes_planted": len({cause for _, cause in planted}),
        "invented": {" ".join(key): count for key, count in (found - planted).items()},
        "compare_s": min(result["compare"]),
        "peak_rss_mib": one_rss / 1024,
    }
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for key, value in figures.items():
        print(f"{key}: {value} {BARS.get(key, '')}")


if __name__ == "__main__":
    main()
