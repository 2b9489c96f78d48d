"""A feed on its route: each file is sent by exactly one side, whatever its stage, also after kills."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest

from poc.errors import TryLater

NOW = datetime(2013, 1, 7, 6, tzinfo=UTC)

#: Steps of handing a file to the monolith, and of the shadow after it.
MONOLITH = [
    "before:give:0", "after:give:0", "after:hand over:0", "after:note:0", "before:command:0", "before:running:0",
    "after:running:0", "after:command:0", "after:note:1", "before:put away monolith:0", "after:put away monolith:0",
    "after:shadow:0", "after:compare:0", "after:commit:0", "after:commit:1", "after:commit:2",
]  # fmt: skip
#: Steps of handing a file to the service.
SERVICE = [
    "before:give:0", "after:give:0", "before:open:0", "after:enter:0", "after:commit:1",
    "after:publish:0", "before:put away:0",
]  # fmt: skip


def run_until_done(moved, now):
    """Run until no file waits for the command of an earlier run, which may still work."""
    until_s = time.monotonic() + 60
    while time.monotonic() < until_s:
        errors = [result.error for result in moved.run(now).values()]
        if not any(isinstance(error, TryLater) for error in errors):
            return
        time.sleep(0.05)


def test_each_stage_sends_each_file_by_one_side(moved):
    """The monolith sends at the first two stages, either at canary, and the service at the last two."""
    sides = {}
    for number, stage in enumerate(["monolith", "shadow", "canary", "service", "retired"]):
        moved.at(stage)
        for part in range(6):
            moved.add(f"{number}-{part}.csv", 10 * number + part)
        moved.run()
        sides[stage] = (
            [name for name in moved.monolith if name.startswith(f"{number}-")],
            [name for name in moved.service if name.startswith(f"{number}-")],
        )
    assert {stage: (len(monolith), len(service)) for stage, (monolith, service) in sides.items()} == {
        "monolith": (6, 0), "shadow": (6, 0), "canary": (4, 2), "service": (0, 6), "retired": (0, 6),
    }  # fmt: skip
    assert list(moved.inbox.glob("*.csv")) == []


@pytest.mark.parametrize("at", MONOLITH)
def test_a_killed_service_hands_each_file_to_the_monolith_once(moved, at):
    """Wherever the service dies, the command runs on the file once, and its end is known although it went on alone."""
    moved.at("shadow")
    moved.add("a.csv", 1)
    moved.die(at)
    moved.at("monolith")
    run_until_done(moved, NOW + timedelta(seconds=1))  # within the time-out of the command, which may still run
    assert (moved.monolith, moved.service, moved.state()) == (["a.csv"], [], {"a.csv": "done"})
    assert list(moved.inbox.glob("*.csv")) == []


@pytest.mark.parametrize("at", SERVICE)
def test_a_killed_service_keeps_the_files_that_it_has(moved, at):
    """Wherever the service dies, it sends a file that it was given, although the feed went back meanwhile."""
    moved.at("service")
    moved.add("a.csv", 1)
    moved.die(at)
    moved.at("monolith")
    run_until_done(moved, NOW + timedelta(hours=1))
    given = at != "before:give:0"
    assert (moved.monolith, moved.service) == (([], ["a.csv"]) if given else (["a.csv"], []))
    assert list(moved.inbox.glob("*.csv")) == []


#: A monolith that writes fixed width, with a header and a trailer, and another destination for a file named `wrong`.
FIXED_SH = """\
#!/bin/sh
set -e
name=$(basename "$1")
mkdir -p out
tail -n +2 "$1" | awk -F, -v name="$name" '
    BEGIN { printf "HDR flights\\n" }
    { printf "%6s%-4s\\n", $11, name ~ /wrong/ && NR == 2 ? "XXX" : $14; rows++ }
    END { printf "TRL%04d\\n", rows }' > "out/$name"
"""


def test_a_partner_of_fixed_width_is_compared_in_shadow(moved):
    """Each file goes by the monolith; what the service would write has the same rows, and a wrong one is told."""
    (moved.root / "send.sh").write_text(FIXED_SH)
    text = moved.partner_file.read_text()
    head, _, tail = text.partition("map = [")
    moved.partner_file.write_text(
        f'{head}out = "fixed"\nout_header = "HDR flights"\nout_trailer = "TRL{{rows:04}}"\n'
        'map = [{ to = "flight", from = "flight" }, { to = "to", from = "dest" }]\n'
        'out_columns = { flight = { width = 6, align = "right" }, to = { width = 4 } }\n'
        f"{tail[tail.index('[feed.flights.monolith]') :]}"
    )
    moved.at("shadow")
    moved.add("right.csv", 1)
    moved.add("wrong.csv", 2)
    moved.run()
    assert moved.service == []
    assert sorted(path.name for path in (moved.root / "out").iterdir()) == ["right.csv", "wrong.csv"]
    report = json.loads(moved.command("parity", "show", "UA/flights", "--json").stdout)
    assert (report["files_compared"], report["records_compared"]) == (2, 7)  # one is different on each side
    assert {row["cause"]: row["differences"] for row in report["causes"]} == {"row-missing": 1, "row-extra": 1}
    assert moved.state() == {"right.csv": "done", "wrong.csv": "done"}
