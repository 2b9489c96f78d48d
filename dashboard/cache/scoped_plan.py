"""The plan as a scope sees it: the milestones about its partners, each over these partners alone."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dashboard.scope import Scope
    from roadmap.plan.milestones import Milestone, Plan


def scope_plan(plan: Plan, scope: Scope) -> Plan:
    """Return the plan with the milestones that a scope covers; there may be none.

    One that people report on by check-ins is of the whole programme.
    """
    if scope.is_whole:
        return plan
    scoped = (_scope_milestone(milestone, scope) for milestone in plan.measured)
    return plan.model_copy(update={"milestones": tuple(milestone for milestone in scoped if milestone.scope)})


def _scope_milestone(milestone: Milestone, scope: Scope) -> Milestone:
    """Return a milestone whose patterns name the partners of a scope, and no other; without any where it has none."""
    globs = [glob.split("/") for glob in milestone.scope]
    mine = [f"{name}/{feed}" for partner, feed in globs for name in scope.names if fnmatchcase(name, partner)]
    # what it costs is of the whole programme
    return milestone.model_copy(update={"scope": tuple(dict.fromkeys(mine)), "budget": None})
