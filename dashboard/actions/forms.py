"""The forms of acts that a page shows to whoever may do them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.actions.act import ACTS, ACTS_OF_KIND
from dashboard.actions.perform import form_token

if TYPE_CHECKING:
    from dashboard.access.users import Visitor
    from dashboard.actions.act import Act
    from dashboard.migration_state import RouteNow
    from dashboard.service_state import Problem


@dataclass(frozen=True, slots=True, kw_only=True)
class ActForm:
    """A form: its act, what it is done to, and its token."""

    act: Act
    target: str
    token: str
    seen: str = ""  #: how many entries the page shows, for acts that are refused once there are more


def forms_of(problem: Problem, visitor: Visitor | None) -> tuple[ActForm, ...]:
    """Return the forms that help with a problem; none for somebody who may not act.

    A partner is released as a whole; all else is done to one exchange, so that several of them have no form here.
    """
    if visitor is None or not visitor.form_key:
        return ()
    names = ACTS_OF_KIND.get(problem.kind, ())
    target = problem.partner if names == ("release",) else problem.subject
    if not target:
        return ()
    state = f"{problem.since.isoformat()} {problem.count}"
    return tuple(
        ActForm(act=ACTS[name], target=target, token=form_token(visitor, name, target, state))
        for name in names
        if visitor.may(ACTS[name].permission)
    )


def milestone_forms(
    code: str, decisions: int, entries: int, checkins: int, revision: int, visitor: Visitor | None
) -> dict[str, ActForm]:
    """Return the forms of a milestone by the name of their act; none for somebody who may not plan for all partners.

    `decisions`, `entries` (of spending) and `checkins` count what is recorded of it, so that a form of an older page
    acts once only; `revision` is that of its plan.
    """
    if visitor is None or not visitor.form_key or not visitor.scope.is_whole:
        return {}
    states = {
        "decide": decisions,
        "spend": entries,
        "checkin": checkins,
        "replan": revision,
        "review": secrets.token_hex(8),
    }
    return {
        name: ActForm(act=ACTS[name], target=code, token=form_token(visitor, name, code, str(state)), seen=str(state))
        for name, state in states.items()
        if visitor.may(ACTS[name].permission)
    }


def route_forms(route: RouteNow, changes: int, visitor: Visitor | None) -> tuple[ActForm, ...]:
    """Return the forms that move a feed along its route; none for somebody who may not operate.

    `changes` counts what is recorded of the route, so that a form of an older page is refused. A step that is blocked
    has no form: it is made by command, with a reason and somebody who answers for it.
    """
    if visitor is None or not visitor.form_key:
        return ()
    names = ["route_advance"] if route.next_position and not route.reasons else []
    names += ["route_back"] if route.stage != "monolith" else []
    names.append("route_release" if route.is_held else "route_hold")
    target = f"{route.partner}/{route.feed}"
    return tuple(
        ActForm(act=ACTS[name], target=target, token=form_token(visitor, name, target, str(changes)), seen=str(changes))
        for name in names
        if visitor.may(ACTS[name].permission)
    )


def run_forms(exchange: str, note: str, visitor: Visitor | None) -> tuple[ActForm, ...]:
    """Return the forms on the exchange of a run that has ended; none for somebody who may not act.

    `note` is what its page says of it: an exchange that was delivered again has none.
    """
    act = ACTS["redeliver"]
    if note or visitor is None or not visitor.form_key or not visitor.may(act.permission):
        return ()
    return (ActForm(act=act, target=exchange, token=form_token(visitor, act.name, exchange, "")),)


def repair_forms(exchange: str, visitor: Visitor | None) -> dict[str, ActForm]:
    """Return the forms on the held rows of an exchange by the name of their act; none for somebody who may not act.

    Each page has tokens of its own, because the same rows may be sent again after the contract has changed. A row is
    sent once in any case: it has left quarantine then.
    """
    if visitor is None or not visitor.form_key:
        return {}
    page = secrets.token_hex(8)
    return {
        name: ActForm(act=ACTS[name], target=exchange, token=form_token(visitor, name, exchange, page))
        for name in ("replay", "discard_rows")
        if visitor.may(ACTS[name].permission)
    }
