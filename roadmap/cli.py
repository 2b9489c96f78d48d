"""`milepost roadmap`: what was promised, what was measured, and the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import click

if TYPE_CHECKING:
    from pathlib import Path

    from roadmap.judge import Verdict


class Front(Protocol):
    """What the front door hands to this room."""

    @property
    def clock(self) -> str:
        """`replay` or `live`."""

    @property
    def store(self) -> Path:
        """The metrics database of that clock."""

    @property
    def milestones(self) -> Path:
        """The workspace's milestone file."""

    @property
    def built(self) -> int:
        """The highest service level that stands today."""


@click.group()
def roadmap() -> None:
    """Milestones and their verdicts, computed from what was measured."""


@roadmap.command()
@click.option("--json", "as_json", is_flag=True, help="Print the verdicts as JSON.")
@click.pass_obj
def status(front: Front, as_json: bool) -> None:
    """Say of each milestone where it stands, why, and what would change it."""
    import json

    from roadmap.report import to_json, to_text

    verdicts = judged(front)
    if as_json:
        click.echo(json.dumps([to_json(verdict) for verdict in verdicts], indent=2))
        return
    click.echo(f"{_heading(front, verdicts)}\n\n{to_text(verdicts)}")


@roadmap.command()
@click.argument("code")
@click.option("--json", "as_json", is_flag=True, help="Print the verdict as JSON.")
@click.pass_context
def gate(context: click.Context, code: str, as_json: bool) -> None:
    """Say whether milestone CODE is proven, for scripts.

    Exit codes: 0 proven; 5 missed, a measure not met, or a guardrail breached; 6 everything else; 2 a bad file or CODE.
    """
    import json

    from roadmap.judge import gate as exit_code
    from roadmap.plan import load
    from roadmap.report import to_json, to_text

    front: Front = context.obj
    load(front.milestones).milestone(code)
    verdicts = judged(front)
    verdict = next(found for found in verdicts if found.code == code)
    if as_json:
        click.echo(json.dumps(to_json(verdict), indent=2))
    else:
        click.echo(f"{_heading(front, verdicts)}\n\n{to_text([verdict])}")
    context.exit(exit_code(verdict))


def judged(front: Front) -> list[Verdict]:
    """Judge the workspace's milestones and keep new evaluations; without a database nothing is made.

    Raises:
        PlanError: the milestone file cannot be used.
        MetricsError: the metrics database cannot be used.
    """
    import time
    from contextlib import closing
    from datetime import UTC, date, datetime

    from roadmap.plan import load

    plan = load(front.milestones)
    now = datetime.now(UTC).date()
    if not front.store.is_file():
        from roadmap.judge import Evidence, judge

        # A replay's calendar begins with the plan; before anything is replayed, that is where it stands.
        today = now if front.clock == "live" else min(milestone.start for milestone in plan.milestones)
        return [judge(milestone, Evidence(), today, front.built) for milestone in plan.milestones]

    from metrics.store import open_store
    from metrics.store import today as last_day
    from roadmap.evidence import evaluate

    with closing(open_store(front.store, front.clock)) as db:
        last = last_day(db) if front.clock == "replay" else now.isoformat()
        today = date.fromisoformat(last) if last else min(milestone.start for milestone in plan.milestones)
        return evaluate(db, plan, today, front.built, time.time_ns() // 1000)


def judged_before(front: Front) -> bool:
    """Whether the milestones of this workspace have ever been judged on measurements."""
    from contextlib import closing

    from metrics.errors import StoreMissing
    from metrics.store import open_reader

    try:
        with closing(open_reader(front.store)) as db:
            return db.table("evaluation").count > 0
    except StoreMissing:
        return False


def _heading(front: Front, verdicts: list[Verdict]) -> str:
    from roadmap.words import day

    if not front.store.is_file():
        if front.clock == "live":
            return "Nothing has been measured yet: no run has been collected. `milepost run`, then `metrics collect`."
        return "Nothing has been measured yet; `milepost demo` or `milepost metrics measure` does."
    today = day(verdicts[0].as_of)
    return f"Replay, judged as of {today}, its last day." if front.clock == "replay" else f"Judged on {today}."
