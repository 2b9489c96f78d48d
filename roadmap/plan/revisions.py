"""Record plans: fixed when a milestone starts, and changed only by a new revision.

The first plan and its targets stay readable, whatever the file says later. Title, objective and owner of a milestone
may change at any time; what it must prove, by when and on what evidence may not.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from metrics.store.database import write_transaction
from roadmap.errors import PlanError
from roadmap.plan.milestones import Milestone

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sqlite_utils import Database

    from roadmap.plan.milestones import Plan

#: Keys of the targets in a recorded plan, and in the milestone file.
ROLES = {"metrics": "metric", "guardrails": "guardrail"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One plan of a milestone, as it was recorded."""

    code: str
    revision: int
    plan: Mapping[str, Any]  #: `Milestone.as_dict()`
    sha256: str  #: of that, as JSON
    as_of: date  #: the day it was recorded, on the store's calendar

    @property
    def due(self) -> date:
        """The due date of that plan."""
        return date.fromisoformat(self.plan["due"])


def recorded_plans(db: Database, code: str) -> tuple[Revision, ...]:
    """Return all recorded plans of a milestone, oldest first."""
    if not db.table("plan_revision").exists():  # only older releases have written here; a reader may not add it
        return ()
    sql = "SELECT revision, plan, plan_sha256, as_of FROM plan_revision WHERE code = ? ORDER BY revision"
    return tuple(
        Revision(code=code, revision=number, plan=json.loads(plan), sha256=sha256, as_of=date.fromisoformat(as_of))
        for number, plan, sha256, as_of in db.execute(sql, (code,)).fetchall()
    )


def check_revisions(db: Database, plan: Plan) -> None:
    """Refuse a plan that hides an earlier one.

    Raises:
        PlanError: a started milestone was changed under the same revision, or its revision went back.
    """
    for milestone in plan.milestones:
        recorded = recorded_plans(db, milestone.code)
        if recorded:
            _check(milestone, recorded[-1])


def _check(milestone: Milestone, last: Revision) -> None:
    code, number = milestone.code, milestone.revision
    if number > last.revision:
        return
    if number < last.revision:
        raise PlanError(
            f"{code}: the file has revision {number}, and revision {last.revision} was recorded on {last.as_of}; a "
            f"revision never goes back, so write `revision = {last.revision}` with that plan, or "
            f"`revision = {last.revision + 1}` for a new one"
        )
    changed = describe_changes(last.plan, milestone.as_dict())
    if changed:
        raise PlanError(
            f"{code}: {'; '.join(changed)}, but it is still revision {number}; write `revision = {number + 1}`, so "
            "that the first plan stays visible"
        )


def record_plans(db: Database, plan: Plan, today: date, now_us: int) -> None:
    """Record the plan of every started milestone, once for each revision; call `check_revisions` first."""
    for milestone in plan.milestones:
        recorded = recorded_plans(db, milestone.code)
        if (recorded or today >= milestone.start) and milestone.revision not in {plan.revision for plan in recorded}:
            promise = json.dumps(milestone.as_dict())
            row = {
                "code": milestone.code,
                "revision": milestone.revision,
                "plan": promise,
                "plan_sha256": hashlib.sha256(promise.encode()).hexdigest(),
                "as_of": today.isoformat(),
                "recorded_at_us": now_us,
            }
            with write_transaction(db):
                # another process may have recorded it meanwhile; its plan stays, and is checked next time
                if milestone.revision not in {plan.revision for plan in recorded_plans(db, milestone.code)}:
                    db.table("plan_revision").insert(row)


def removed_milestones(db: Database, plan: Plan) -> tuple[Revision, ...]:
    """Return the last plan of every milestone that has started and is no longer in the file."""
    if not db.table("plan_revision").exists():
        return ()
    codes = [str(code) for (code,) in db.execute("SELECT DISTINCT code FROM plan_revision ORDER BY code").fetchall()]
    present = {milestone.code for milestone in plan.milestones}
    return tuple(recorded_plans(db, code)[-1] for code in codes if code not in present)


def plan_in_force(db: Database, milestone: Milestone, day: date) -> Milestone:
    """Return a milestone as planned on a day: by the last plan recorded until then, else by the first."""
    plans = recorded_plans(db, milestone.code)
    if not plans:
        return milestone
    return as_planned(milestone, next((plan for plan in reversed(plans) if plan.as_of <= day), plans[0]))


def as_planned(milestone: Milestone, revision: Revision) -> Milestone:
    """Return a milestone with the plan of one of its revisions; title, objective and owner are today's."""
    if revision.revision == milestone.revision:
        return milestone
    data = {ROLES.get(name, name): value for name, value in revision.plan.items()}
    data |= {name: getattr(milestone, name) for name in ("code", "title", "objective", "owner")}
    data |= {"revision": revision.revision}
    return Milestone.model_validate_json(json.dumps(data), context={"block_days": 1})


def describe_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return what changed between two plans, in words, for the keys of the earlier one."""
    was, now = dict(_flat(before)), dict(_flat({name: after.get(name) for name in before}))
    lines = []
    for name in dict.fromkeys((*was, *now)):
        old, new = was.get(name), now.get(name)
        if old == new:
            continue
        if name not in now or name not in was:
            lines.append(f"{name} ({new or old}) is {'new' if name in now else 'removed'}")
        else:
            lines.append(f"{name} was {_word(old)} and is {_word(new)}")
    return lines


def _flat(plan: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Yield every value of a plan under a name of its own."""
    for name, value in plan.items():
        if isinstance(value, dict):
            for key, part in value.items():
                yield f"{name}.{key}", _text(part)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield from _targets(ROLES.get(name, name), value)
        elif ROLES.get(name, name) not in ROLES.values():
            yield name, _text(value)


def _targets(role: str, targets: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str | None]]:
    for target in targets:
        under = {"none": " without faults", "stress": " in the stress series"}.get(target.get("faults", ""), "")
        goals = [f"{way} {target[way]:g}" for way in ("at_least", "at_most") if target.get(way) is not None]
        yield f"{role} {target['name']}{under}", " ".join(goals)


def _text(value: object) -> str | None:
    if isinstance(value, list | tuple):
        return ", ".join(str(part) for part in value)
    if isinstance(value, float):
        return f"{value:g}"
    return None if value is None else str(value)


def _word(value: str | None) -> str:
    return "not set" if value is None else value


def describe_plan(revision: Revision) -> str:
    """Return what a plan promised: its due date and its targets."""
    targets = [f"{name} {goal}" for name, goal in _flat(revision.plan) if name.split()[0] in ROLES.values()]
    return f"due {revision.plan['due']}; {', '.join(targets)}"
