"""What the numbers alone would have people decide: a draft for the decision record, never the decision itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date

    from roadmap.verdict import Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """A computed proposal: `choice` is continue, change, pause, stop or resume; `text` says why."""

    choice: str
    text: str


def advise(
    status: str, *, stalled_before: bool = False, decision: Decision | None = None, today: date | None = None
) -> Advice:
    """What to decide about a milestone of this status."""
    raise NotImplementedError
