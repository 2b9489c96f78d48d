"""Cut-over and back at random moments: `python tests/bench/migration.py [--json] [--times N] [--seed N]`.

A feed moves between its stages while files arrive, under the standard faults, and the service, the capture proxy and
the monolith's command are killed with SIGKILL. `sent_by_both` and `sent_by_neither` count files, `lost` and `twice`
records, `back_median_s` and `back_max_s` the seconds from `milepost route back` to the next file at the monolith.
`shadow_cost`: processor and wall time of the monolith's command with the shadow / without it, by its run events, median
of `--pairs` pairs of files in turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from migration_rounds import Rounds

from poc.config.workspace import load_workspace
from poc.ledger.opening import open_ledger
from poc.route.route_store import RouteChange, add_change
from poc.route.stages import Position
from poc.service.inbox_run import run_inbox

BARS = {
    "sent_by_both": "0", "sent_by_neither": "0", "lost": "0", "twice": "0", "back_median_s": "<= 5",
    "back_max_s": "<= 60", "shadow_cost": "<= 1.05",
}  # fmt: skip


class Durations:
    """A recorder that keeps how long the monolith's command took, and what the service took beside it."""

    def __init__(self) -> None:
        self.wall_ns: list[int] = []

    def record(self, event: object, *, started: bool = False) -> None:
        """Keep the duration of a monolith's run."""
        key = getattr(event, "key", None)
        if not started and key is not None and key.system == "monolith":
            self.wall_ns.append(event.duration_ns)


def shadow_cost(rounds: Rounds, pairs: int) -> float:
    """Return the wall time of the monolith's command at the stage `shadow` / at `monolith`, in turns."""
    ratios = []
    workspace = load_workspace(rounds.root)
    for _ in range(pairs):
        spent = {}
        for stage in rounds.random.sample(["monolith", "shadow"], 2):
            with closing(open_ledger(workspace.ledger)) as ledger:
                add_change(ledger, RouteChange(
                    partner="UA", feed="flights", at_us=0, action="advance", stage_before="monolith",
                    position=Position(stage), who="bench", why="",
                ))  # fmt: skip
                ledger.commit()
            for _ in range(5):
                rounds.add()
            durations = Durations()
            list(run_inbox(workspace, None, 5, lambda: datetime.now(UTC), durations, "0"))
            spent[stage] = statistics.median(durations.wall_ns)
        ratios.append(spent["shadow"] / spent["monolith"])
    return statistics.median(ratios)


def main() -> int:
    """Play the rounds and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=2013)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Rounds(Path(folder), options.seed) as rounds:
        figures = rounds.play(options.times)
        cost = shadow_cost(rounds, options.pairs) if options.pairs else None
    values = vars(figures).copy()
    back_s = values.pop("back_s")
    values |= {
        "kills": dict(values["kills"]), "backs": len(back_s),
        "back_median_s": round(statistics.median(back_s), 2) if back_s else None,
        "back_max_s": round(max(back_s), 2) if back_s else None,
        "shadow_cost": None if cost is None else round(cost, 3),
    }  # fmt: skip
    if options.json:
        print(json.dumps(values, indent=2))
    else:
        for name, value in values.items():
            print(f"{name:>16}: {value}  {BARS.get(name, '')}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
