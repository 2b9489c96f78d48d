"""Plans as they were promised: fixed when a milestone starts, and changed only by a revision that shows.

The first plan and its target stay readable whatever the file says later. What a milestone is called, what it is for and
who owns it may change at any time; what it must prove, by when and on what evidence may not.
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

#: What a plan calls its targets, and what the milestone file does.
ROLES = {"metrics": "metric", "guardrails": "guardrail"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One plan of a milestone, as it was recorded."""

    code: str
    revision: int
    plan: Mapping[str, Any]  #: `Milestone.told()`
    sha256: str  #: of that, as JSON
    as_of: date  #: the day it was recorded, on the store's calendar

    @property
    def due(self) -> date:
        """The due date of that plan."""
        return date.fromisoformat(self.plan["due"])


def recorded_plans(db: Database, code: str) -> tuple[Revision, ...]:
    """All plans of a milestone that were recorded, the first first."""
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
        PlanError: a milestone that has started was changed under the same revision, or its revision went back.
    """
    for milestone in plan.milestones:
        kept = recorded_plans(db, milestone.code)
        if kept:
            _check(milestone, kept[-1])


def _check(milestone: Milestone, last: Revision) -> None:
    code, number = milestone.code, milestone.revision
    if number > last.revision:
        return
    if number < last.revision:
        raise PlanError(
            f"{code}: it is revision {number}, and revision {last.revision} was recorded on {last.as_of}; a revision "
            f"never goes back, so write `revision = {last.revision}` with that plan, or `revision = "
            f"{last.revision + 1}` for a new one"
        )
    changed = describe_changes(last.plan, milestone.told())
    if changed:
        raise PlanError(
            f"{code}: {'; '.join(changed)}, but it is still revision {number}; write `revision = {number + 1}`, so "
            "that the first plan stays visible"
        )


def record_plans(db: Database, plan: Plan, today: date, now_us: int) -> None:
    """Record the plan of every milestone that has started, once for each revision; the caller has checked it."""
    for milestone in plan.milestones:
        kept = recorded_plans(db, milestone.code)
        if (kept or today >= milestone.start) and milestone.revision not in {one.revision for one in kept}:
            told = json.dumps(milestone.told())
            row = {
                "code": milestone.code,
                "revision": milestone.revision,
                "plan": told,
                "plan_sha256": hashlib.sha256(told.encode()).hexdigest(),
                "as_of": today.isoformat(),
                "recorded_at_us": now_us,
            }
            with write_transaction(db):
                # another judge may have been quicker; what it recorded stays, and is checked next time
                if milestone.revision not in {one.revision for one in recorded_plans(db, milestone.code)}:
                    db.table("plan_revision").insert(row)


def removed_milestones(db: Database, plan: Plan) -> tuple[Revision, ...]:
    """The last plan of every milestone that has started and is no longer in the file: what was promised stays known."""
    if not db.table("plan_revision").exists():
        return ()
    codes = [str(code) for (code,) in db.execute("SELECT DISTINCT code FROM plan_revision ORDER BY code").fetchall()]
    there = {milestone.code for milestone in plan.milestones}
    return tuple(recorded_plans(db, code)[-1] for code in codes if code not in there)


def plan_in_force(db: Database, milestone: Milestone, day: date) -> Milestone:
    """The milestone as it was planned on a day: by the last plan recorded until then, else by the first."""
    kept = recorded_plans(db, milestone.code)
    if not kept:
        return milestone
    return as_planned(milestone, next((one for one in reversed(kept) if one.as_of <= day), kept[0]))


def as_planned(milestone: Milestone, revision: Revision) -> Milestone:
    """A milestone with the plan of one of its revisions; title, objective and owner are today's."""
    if revision.revision == milestone.revision:
        return milestone
    told = {ROLES.get(name, name): value for name, value in revision.plan.items()}
    told |= {name: getattr(milestone, name) for name in ("code", "title", "objective", "owner")}
    told |= {"revision": revision.revision}
    return Milestone.model_validate_json(json.dumps(told), context={"block_days": 1})


def describe_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What a plan said and says now, in words; nothing that the earlier one was silent about."""
    was, now = dict(_flat(before)), dict(_flat({name: after.get(name) for name in before}))
    said = []
    for name in dict.fromkeys((*was, *now)):
        old, new = was.get(name), now.get(name)
        if old == new:
            continue
        if name not in now or name not in was:
            said.append(f"{name} ({new or old}) is {'new' if name in now else 'gone'}")
        else:
            said.append(f"{name} was {_word(old)} and is {_word(new)}")
    return said


def _flat(plan: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """Every line of a plan under a name of its own."""
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
        under = " without faults" if target.get("faults") == "none" else ""
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
    """What a plan promised: by when, and which targets."""
    targets = [f"{name} {goal}" for name, goal in _flat(revision.plan) if name.split()[0] in ROLES.values()]
    return f"due {revision.plan['due']}; {', '.join(targets)}"
