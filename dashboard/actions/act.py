"""The acts that people do in the browser: name, permission, words, and the function that does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from roadmap.wording.decisions import DECIDED

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: Does an act: its target and the fields of its form, and who does it; returns what was done, as text.
Doer: TypeAlias = "Callable[[str, Mapping[str, str], str], str]"


class NotDone(Exception):
    """An act could not be done; the message says why and what to do. Nothing was changed."""


class NoSuchTarget(NotDone):
    """What the act is to be done to does not exist, or is not of the partners that the person may see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactTarget:
    """What an act is done to: its partner, and the text that names it and nothing else."""

    partner: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """What a person fills in. `kind` is the type of the HTML input; `select` has choices."""

    name: str
    label: str
    kind: str = "text"
    choices: tuple[str, ...] = ()
    is_required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One kind of act."""

    name: str
    permission: str
    button: str  #: on the button that does it
    explains: str  #: what it does, one sentence
    fields: tuple[Field, ...] = ()
    has_rows: bool = False  #: its form also has rows, `row-NUMBER`, or the file `export`


WHY = Field(name="why", label="Why")

#: The acts by name.
ACTS: Mapping[str, Act] = {
    act.name: act
    for act in (
        Act(
            name="release",
            permission="operate",
            button="Release",
            explains="Lift the pause, close the circuit breakers, and send now what waited for that.",
        ),
        Act(
            name="resend",
            permission="operate",
            button="Send again",
            explains="Send it again. A partner that has the rows already gets them twice, unless it honours keys.",
        ),
        Act(
            name="arrived",
            permission="operate",
            button="It has arrived",
            explains="Count the rows as delivered, and never send them again. Ask the partner first.",
        ),
        Act(
            name="give_up",
            permission="operate",
            button="Give up",
            explains="Count the undelivered rows as failed, and never send them.",
            fields=(WHY,),
        ),
        Act(
            name="discard_file",
            permission="operate",
            button="Discard",
            explains="Give the refused file up. It stays in var/refused.",
            fields=(WHY,),
        ),
        Act(
            name="replay",
            permission="operate",
            button="Check and send",
            explains="Check these rows again, and send the valid ones.",
            has_rows=True,
        ),
        Act(
            name="discard_rows",
            permission="operate",
            button="Give all of these rows up",
            explains="Give up all rows of this file that are in quarantine. They are never sent.",
            fields=(WHY,),
        ),
        Act(
            name="route_advance",
            permission="operate",
            button="Advance",
            explains="Move the feed to the next stage of its route. It is refused while anything blocks the step.",
        ),
        Act(
            name="route_back",
            permission="operate",
            button="Go back",
            explains="Give every file to the monolith again, from the next one on. Files under way end on their side.",
            fields=(WHY,),
        ),
        Act(
            name="route_hold",
            permission="operate",
            button="Hold",
            explains="Keep the feed at its stage until it is released.",
            fields=(WHY,),
        ),
        Act(
            name="route_release",
            permission="operate",
            button="Release the hold",
            explains="Let the feed advance again.",
            fields=(WHY,),
        ),
        Act(
            name="redeliver",
            permission="operate",
            button="Deliver again",
            explains="Deliver the archived file again, with new keys: the partner gets all of its rows once more.",
            fields=(WHY,),
        ),
        Act(
            name="review",
            permission="plan",
            button="Judge now",
            explains="Judge all milestones on the evidence of this moment, and record the result.",
        ),
        Act(
            name="decide",
            permission="plan",
            button="Decide",
            explains="Record a decision, with the evidence of this moment. It stands beside the computed status.",
            fields=(
                Field(name="choice", label="Decision", kind="select", choices=tuple(DECIDED)),
                WHY,
                Field(name="until", label="Pause until", kind="date", is_required=False),
            ),
        ),
        Act(
            name="replan",
            permission="plan",
            button="Re-plan",
            explains="Give the milestone another due date or budget. The first plan stays visible.",
            fields=(
                Field(name="due", label="New due date", kind="date", is_required=False),
                Field(name="budget", label="New budget", kind="number", is_required=False),
                WHY,
            ),
        ),
        Act(
            name="checkin",
            permission="plan",
            button="Check in",
            explains="Record how it stands, in your own words. It stands beside the computed status.",
            fields=(
                Field(name="text", label="How it stands"),
                Field(name="done", label="Done", kind="number", is_required=False),
                Field(name="of", label="Of", kind="number", is_required=False),
            ),
        ),
        Act(
            name="spend",
            permission="plan",
            button="Record",
            explains="Record an amount as spent; a negative one corrects an earlier entry.",
            fields=(
                Field(name="amount", label="Amount", kind="number"),
                Field(name="note", label="What for"),
            ),
        ),
    )
}

#: The acts that help with a kind of problem, the usual one first.
ACTS_OF_KIND: Mapping[str, tuple[str, ...]] = {
    "partner_down": ("release",),
    "partner_paused": ("release",),
    "failed": ("resend", "give_up"),
    "given_up": ("resend", "give_up"),
    "ambiguous": ("arrived", "resend"),
    "refused": ("discard_file",),
}
