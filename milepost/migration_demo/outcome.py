"""What came of the demo: where the feeds are, and whether the partners hold each record once."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from metrics.replay.input_files import InputFile
    from milepost.context import WorkspaceContext
    from milepost.migration_demo.deciding import Decisions
    from milepost.migration_demo.world import DemoWorld


def count_outcome(
    context: WorkspaceContext, world: DemoWorld, files: Sequence[InputFile], decisions: Decisions
) -> dict[str, Any]:
    """Return the figures of the demo, from the ledger and from what the partners hold."""
    from poc.cli.migration.route_acts import feeds_with_route
    from poc.ledger.opening import open_ledger
    from poc.parity.store import compared_files
    from poc.route.counts import monolith_counts, service_counts
    from poc.route.route_store import read_changes, read_route

    stages: Counter[str] = Counter()
    causes: Counter[str] = Counter()
    monolith_calls = service_files = compared = automatic = 0
    with closing(open_ledger(context.workspace.ledger)) as ledger:
        for partner, feed in feeds_with_route(context.workspace):
            stages[str(read_route(ledger, partner, feed).position)] += 1
            monolith_calls += monolith_counts(ledger, partner, feed)[0].given
            service_files += service_counts(ledger, partner, feed, 0).given
            automatic += sum(change.automatic for change in read_changes(ledger, partner, feed))
            for file in compared_files(ledger, partner, feed):
                compared += 1
                for (_, cause), count in file.differences.items():
                    causes[cause] += count
    held: Counter[tuple[str, str]] = Counter()
    for path in sorted(world.delivered.glob("live/*/*.jsonl")):
        with path.open("rb") as lines:
            held.update((record["flight"], record["scheduled"]) for record in map(json.loads, lines))
    due = sum(file.records for file in files)
    return {
        "weeks": len({file.block for file in files}), "files": len(files), "monolith_calls": monolith_calls,
        "service_files": service_files, "compared_files": compared, "differences": dict(causes),
        "stages": dict(stages), "refusals": decisions.refusals, "automatic_backs": automatic, "due_records": due,
        "held_records": held.total(), "lost": due - len(held), "twice": held.total() - len(held),
    }  # fmt: skip
