"""The stages of a route, their order, and the side that a file is given to at each.

A feed goes `monolith`, `shadow`, `canary` (once for each share), `service`, `retired`, one step at a time, and back
from any of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

Stage: TypeAlias = Literal["monolith", "shadow", "canary", "service", "retired"]

#: The side that exchanges a file for real.
Side: TypeAlias = Literal["monolith", "service"]

#: The stages in their order, and what each means.
STAGES: dict[Stage, str] = {
    "monolith": "the monolith exchanges every file",
    "shadow": "the monolith exchanges every file, and the service exchanges it too, without sending anything",
    "canary": "the service exchanges a share of the files, and the monolith the others",
    "service": "the service exchanges every file, and the monolith is kept for the way back",
    "retired": "the service exchanges every file, and the monolith's command is refused",
}

#: Stages at which the files that the monolith gets are exchanged by the service too, without sending.
SHADOWED: tuple[Stage, ...] = ("shadow", "canary")

#: Stages at which the service sends, so that guardrails hold.
GUARDED: tuple[Stage, ...] = ("canary", "service")


@dataclass(frozen=True, slots=True)
class Position:
    """A stage with the share of files that the service gets: that of `canary`, else 0 or 1."""

    stage: Stage
    share: float = 0.0

    def __str__(self) -> str:
        """Return the stage as data: "canary at 0.1" of the files."""
        return f"canary at {self.share:g}" if self.stage == "canary" else self.stage

    @property
    def words(self) -> str:
        """The stage in a sentence: "canary at 10%" of the files."""
        return position_in_words(str(self))

    def side_of(self, file: str) -> Side:
        """Return the side that a new file is given to, by its name."""
        if self.stage in {"service", "retired"}:
            return "service"
        return "service" if self.stage == "canary" and place_of_name(file) < self.share else "monolith"


def position_in_words(position: str) -> str:
    """Return the text of a position for people: "canary at 10%" for "canary at 0.1"."""
    stage, _, share = position.partition(" at ")
    return f"{stage} at {100 * float(share):g}%" if share else stage


def place_of_name(file: str) -> float:
    """Return a number from 0 to 1 that depends on a file's name alone, evenly spread over names."""
    return int.from_bytes(sha256(file.encode("utf-8", "surrogateescape")).digest()[:6]) / (1 << 48)


def next_position(position: Position, shares: Sequence[float]) -> Position | None:
    """Return the position after this one: in canary the next larger share; None after the last."""
    if position.stage == "monolith":
        return Position("shadow")
    if position.stage == "retired":
        return None
    if position.stage == "service":
        return Position("retired", 1.0)
    share = next((share for share in shares if share > position.share), None)
    return Position("service", 1.0) if share is None else Position("canary", share)


def back_position(position: Position) -> Position | None:
    """Return where `back` leads without a stage: the monolith exchanges every file; None where nothing is further back.

    From the stages at which the service sends it is `shadow`, so that what went wrong is still compared.
    """
    if position.stage == "monolith":
        return None
    return Position("monolith" if position.stage == "shadow" else "shadow")
