"""The forms of a route and of a milestone: which there are, and for whom."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashboard.access.roles import ROLES
from dashboard.access.users import Visitor
from dashboard.actions.forms import milestone_forms, route_forms
from dashboard.scope import WHOLE, Scope


def visitor(role: str, form_key: str = "k") -> Visitor:
    """Somebody who is signed in with a role."""
    return Visitor(name="ada", role=role, permissions=ROLES[role], form_key=form_key, scope=WHOLE)


@pytest.mark.parametrize(
    ("stage", "values", "names"),
    [
        ("canary", {}, ["route_advance", "route_back", "route_hold"]),
        ("shadow", {"reasons": ("18 of 20 files compared",)}, ["route_back", "route_hold"]),
        ("monolith", {"is_held": True, "reasons": ("held",)}, ["route_release"]),
        ("retired", {"next_position": ""}, ["route_back", "route_hold"]),
    ],
)
def test_an_operator_gets_the_steps_that_are_possible(moving, stage, values, names):
    """A blocked step has no button, nor has the one after the last stage; a held feed can be released."""
    route = replace(moving["migration"]().routes[2], stage=stage, **values)
    assert [form.act.name for form in route_forms(route, 3, visitor("operator"))] == names
    assert {form.target for form in route_forms(route, 3, visitor("operator"))} == {"DL/flights"}


def test_nobody_else_gets_a_form(moving):
    """Neither a viewer nor a PM, nor a machine, nor somebody who is not signed in."""
    route = moving["migration"]().routes[2]
    for one in (visitor("viewer"), visitor("pm"), visitor("operator", form_key=""), None):
        assert route_forms(route, 3, one) == ()


def test_a_form_of_an_older_page_acts_once(moving):
    """Its token is that of the state of the route, so that a change of the route gives another one."""
    route, ada = moving["migration"]().routes[2], visitor("operator")
    tokens = [[form.token for form in route_forms(route, changes, ada)] for changes in (3, 3, 4)]
    assert tokens[0] == tokens[1]
    assert not set(tokens[1]) & set(tokens[2])
    assert [form.seen for form in route_forms(route, 4, ada)] == ["4", "4", "4"]


def test_a_pm_of_some_partners_gets_no_form_of_a_milestone():
    """Decisions and money are of the whole plan: what would be refused has no button."""
    pia = visitor("pm")
    assert set(milestone_forms("M1", 0, 0, 0, 1, pia)) == {"decide", "spend", "checkin", "replan", "review"}
    assert milestone_forms("M1", 0, 0, 0, 1, replace(pia, scope=Scope(frozenset({"AA"})))) == {}
