"""Events of a feed that moves from the monolith to the service: its stages, and whether both sides send the same.

They are part of `metrics.events`, and like it use the standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityEvent:
    """Comparison of what both sides send for one file, while a feed moves from one side to the other.

    A difference counts once, of a value, a field or a record. `unexplained` are differences that no disposition
    explains; `causes` has them by cause. Of several events about one file, the one that was judged last counts.
    """

    mode: str
    faults: str
    series: str
    partner: str
    feed: str
    file: str
    input_sha256: str
    block: str
    block_end: str
    stage: str  #: of the feed's route; "" where it has none
    compared_at_us: int
    judged_at_us: int  #: when the dispositions were applied
    compared: int  #: records that either side sent, each pair once
    equal: int  #: records that both sides sent, equal in every field
    differences: int
    unexplained: int
    causes: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteEvent:
    """Change of the stage of a feed's route, by a person or by the service itself."""

    mode: str
    faults: str
    series: str
    partner: str
    feed: str
    block: str
    block_end: str
    changed_at_us: int
    stage: str  #: monolith, shadow, canary, service or retired
    previous: str  #: the stage before; "" for the first one
    forced: int = 0  #: 1: against what the gate said
    automatic: int = 0  #: 1: by a guardrail, without a person
