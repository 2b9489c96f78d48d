"""What people decide on the Mondays of the demo, by the functions of the commands."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from milepost.migration_demo.story import ASKED_AFTER, BREACHING, REFUSALS, ROUNDING

if TYPE_CHECKING:
    from collections.abc import Callable

    from milepost.context import WorkspaceContext
    from milepost.migration_demo.story import Story
    from milepost.migration_demo.world import DemoClock

#: Who decides in the demo.
WHO = "demo"


class Decisions:
    """Advances feeds week by week, and answers what stands in the way; `refusals` counts gates that were closed."""

    def __init__(self, context: WorkspaceContext, story: Story, clock: DemoClock, say: Callable[[str], None]) -> None:
        self.refusals = 0
        self._context = context
        self._story = story
        self._clock = clock
        self._say = say
        self._rounding_refusals = 0
        self._stages: dict[str, str] = {}
        self._went_back_in: int | None = None

    def decide(self, week: int) -> None:
        """Try to advance each feed that has begun to move, and look after those that cannot."""
        from poc.cli.migration.route_acts import advance_feed, list_routes
        from poc.route.moves import AdvanceRefused
        from poc.route.stages import position_in_words

        advanced: dict[tuple[str, str], list[str]] = {}
        for row in list_routes(self._context.workspace, self._clock.now_us):
            airline, scope = row["partner"], row["scope"]
            self._notice_way_back(row, week)
            if row["next"] is None or week < self._story.begins(airline):
                continue
            if row["stage"] == "service" and row["exit_code"]:
                continue  # it only waits for its days
            try:
                done = advance_feed(self._context, scope, self._clock.now_us, who=WHO)
            except AdvanceRefused as refused:
                self.refusals += 1
                if airline == ROUNDING and row["stage"] == "shadow" and refused.exit_code == 5:
                    self._answer_rounding(scope, refused)
            else:
                self._stages[airline] = done.values["stage"]
                advanced.setdefault((done.values["from"], done.values["position"]), []).append(airline)
        for (before, position), airlines in advanced.items():
            self._tell(f"{', '.join(airlines)}: from {before} to {position_in_words(position)}.")
        if self._went_back_in is not None and week - self._went_back_in == ASKED_AFTER:
            self._mark_as_arrived()

    def _notice_way_back(self, row: dict[str, Any], week: int) -> None:
        airline = row["partner"]
        before = self._stages.get(airline, "monolith")
        if before == "canary" and row["stage"] == "shadow":
            self._tell(f"{row['scope']} went back from canary to shadow by itself: a guardrail was breached.")
            self._went_back_in = week
            self._stages[airline] = "shadow"

    def _answer_rounding(self, scope: str, refused: Exception) -> None:
        from poc.cli.migration.parity import parity

        self._rounding_refusals += 1
        self._tell(str(refused))
        if self._rounding_refusals == REFUSALS:
            until = datetime.now(UTC).date() + timedelta(days=365)
            arguments = ["accept", scope, "--cause", "rounding", "--field", "distance_km", "--until", f"{until}"]
            arguments += [
                "--reason",
                "its monolith rounds to 100 m; the partner knows",
                "--owner",
                WHO,
            ]
            parity.main(arguments, obj=self._context, standalone_mode=False)

    def _mark_as_arrived(self) -> None:
        """Say of what was not confirmed that the partner has it, as a person does who has asked."""
        from poc.cli.acts import mark_as_arrived
        from poc.ledger.opening import open_ledger
        from poc.ledger.queries import unconfirmed_requests

        with closing(open_ledger(self._context.workspace.ledger)) as ledger:
            requests = unconfirmed_requests(ledger)
        for exchange in {request["id"] for request in requests if request["partner"] == BREACHING}:
            self._tell(f"The partner has it: {mark_as_arrived(self._context, exchange, self._clock.now_us).text}")

    def _tell(self, text: str) -> None:
        self._say(f"{self._clock():%Y-%m-%d} {text}")
