"""Routes of feeds as text: the matrix of feeds by stage, what blocks the next step, and the history of a route."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dashboard.filters.partner_slug import display_name, encode_partner
from dashboard.labels import position_text
from dashboard.migration_state import STAGES
from roadmap.wording import numbers, sentences

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from dashboard.migration_state import ParityNow, RouteNow, StageChange

#: What each stage is called in the sentence above the matrix.
PHRASES = {
    "retired": "with the service for good",
    "service": "with the service",
    "canary": "in canary",
    "shadow": "in shadow",
    "monolith": "with the monolith",
}

#: What each kind of change is called; the position follows.
ACTIONS = {"advance": "Advanced to", "back": "Went back to", "hold": "Held at", "release": "Released at"}

#: Changes on the page of all feeds.
MAX_CHANGES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteRow:
    """The route of one feed as text. `reached` has one entry for each stage: passed, here or ahead."""

    partner: str
    feed: str
    partner_part: str  #: for the address of its page
    feed_part: str
    stage: str
    label: str  #: the stage, of a canary with its share: "canary at 10%"
    reached: tuple[tuple[str, str], ...]
    is_held: bool
    step: str  #: the next position: "canary at 10%"; "" for a retired feed
    reasons: tuple[str, ...]
    has_failed: bool
    parity: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeRow:
    """A change of a route as text."""

    at_us: int
    name: str  #: "AA/flights"
    what: str
    who: str
    why: str
    note: str  #: that it was automatic, or against its gate
    partner_part: str
    feed_part: str


def route_rows(routes: Sequence[RouteNow]) -> tuple[RouteRow, ...]:
    """Return the routes as rows, in their order."""
    return tuple(map(route_row, routes))


def route_row(route: RouteNow) -> RouteRow:
    """Return one route as a row."""
    order = list(STAGES)
    here = order.index(route.stage)
    reached = tuple(
        (stage, "here" if number == here else "passed" if number < here else "ahead")
        for number, stage in enumerate(order)
    )
    return RouteRow(
        partner=display_name(route.partner),
        feed=display_name(route.feed),
        partner_part=encode_partner(route.partner),
        feed_part=encode_partner(route.feed),
        stage=route.stage,
        label=position_text(route.position),
        reached=reached,
        is_held=route.is_held,
        step=position_text(route.next_position),
        reasons=tuple(map(sentences.capital, route.reasons)),
        has_failed=route.has_failed,
        parity=describe_parity(route.parity),
    )


def standing_sentence(routes: Sequence[RouteNow]) -> str:
    """Return how many feeds are at which stage: "2 of 5 feeds are with the service, 1 in canary, 2 in shadow."."""
    counts = {stage: sum(route.stage == stage for route in routes) for stage in PHRASES}
    parts = [f"{count:,} {PHRASES[stage]}" for stage, count in counts.items() if count]
    of = f" of {numbers.plural(len(routes), 'feed')}"
    first, _, words = parts[0].partition(" ")
    verb = "is" if first == "1" else "are"
    return f"{first}{of} {verb} {words}{''.join(f', {part}' for part in parts[1:])}."


def describe_parity(parity: ParityNow) -> str:
    """Return what comparisons say in short: "20 files compared, 3 differences unexplained"."""
    if not parity.files:
        return "no file compared yet"
    rest = (
        f"{numbers.plural(parity.unexplained, 'difference')} unexplained"
        if parity.unexplained
        else "nothing unexplained"
    )
    return f"{numbers.plural(parity.files, 'file')} compared, {rest}"


def change_rows(changes: Sequence[StageChange]) -> tuple[ChangeRow, ...]:
    """Return changes as rows, in their order."""
    return tuple(
        ChangeRow(
            at_us=_micros(change.at),
            name=f"{display_name(change.partner)}/{display_name(change.feed)}",
            what=f"{ACTIONS.get(change.action, sentences.capital(change.action))} {position_text(change.position)}",
            who=change.who,
            why=change.why,
            note=_note(change),
            partner_part=encode_partner(change.partner),
            feed_part=encode_partner(change.feed),
        )
        for change in changes
    )


def _note(change: StageChange) -> str:
    if change.automatic:
        return "automatic, by a guardrail"
    return f"against its gate; {change.owner} answers for it" if change.forced else ""


def _micros(when: datetime) -> int:
    return round(when.timestamp() * 1_000_000)
