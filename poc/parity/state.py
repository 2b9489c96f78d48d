"""The state of parity of one feed, as gates, pages and measures ask for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class ParityState:
    """What the comparisons of one feed's files say, by the dispositions that hold now.

    Each difference is counted once: it is `unexplained` unless a disposition explains it. Of those explained,
    `accepted` may stay, and `to_fix` are known mistakes (`fix-here`, `fix-there`, `ask-partner`).
    """

    files_compared: int = 0
    records_compared: int = 0  #: records that either side sent, each pair once
    unexplained: int = 0
    accepted: int = 0
    to_fix: int = 0
    unexplained_files: int = 0  #: files with an unexplained difference
    by_cause: Mapping[str, int] = field(default_factory=dict)  #: unexplained differences by cause
    oldest_at_us: int | None = None  #: when the first and the last of these files were compared
    newest_at_us: int | None = None

    @property
    def is_clean(self) -> bool:
        """Whether files were compared, and no difference is unexplained."""
        return self.files_compared > 0 and self.unexplained == 0


class ParityReader(Protocol):
    """What answers a gate; `poc.parity.store.read_state` does for a workspace."""

    def __call__(self, partner: str, feed: str, since_us: int = 0) -> ParityState:
        """Return the state of the files of a feed that were compared since a time."""
