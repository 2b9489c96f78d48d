"""Which partners somebody may see: a scope, and what of the service's state and of held rows it covers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dashboard.migration_state import MigrationState
    from dashboard.repairs import HeldExchange
    from dashboard.service_state import ServiceState

#: A word of a scope: the partner's name as its file in `partners/` has it.
PARTNER_WORD = re.compile(r"partner:[^\s/:,]{1,100}")


@dataclass(frozen=True, slots=True)
class Scope:
    """The partners that somebody may see; None is all of them, those to come included."""

    partners: frozenset[str] | None = None

    @property
    def is_whole(self) -> bool:
        """Whether it covers every partner and what belongs to the whole workspace."""
        return self.partners is None

    def covers(self, partner: str) -> bool:
        """Return whether a partner may be seen; "" stands for the whole workspace."""
        return self.partners is None or partner in self.partners

    @property
    def names(self) -> tuple[str, ...]:
        """The partners in order; empty for all of them."""
        return tuple(sorted(self.partners or ()))

    def narrowed_to(self, other: Scope) -> Scope:
        """Return what both scopes cover."""
        if self.partners is None or other.partners is None:
            return other if self.partners is None else self
        return Scope(self.partners & other.partners)

    @property
    def text(self) -> str:
        """The scope as it is stored: "" for all partners, else a JSON list of names."""
        return "" if self.partners is None else json.dumps(self.names)

    @classmethod
    def from_text(cls, text: str) -> Scope:
        """Return a stored scope."""
        return cls(frozenset(map(str, json.loads(text)))) if text else cls()

    def __str__(self) -> str:
        """Return it as people read and write it: `partner:AA partner:BB`, or `all`."""
        return "all" if self.partners is None else " ".join(f"partner:{name}" for name in self.names) or "no partner"


def parse_scope(words: Sequence[str]) -> Scope:
    """Return the scope of words such as `partner:AA`; `all` stands alone and lifts every limit.

    Raises:
        ValueError: a word is neither; the message names it.
    """
    if tuple(words) == ("all",):
        return WHOLE
    for word in words:
        if not PARTNER_WORD.fullmatch(word):
            raise ValueError(f"{word!r} is no scope; write `partner:NAME` once for each partner, or `all` alone")
    if not words:
        raise ValueError("a scope names a partner, `partner:NAME`, or is `all`")
    return Scope(frozenset(word.removeprefix("partner:") for word in words))


WHOLE = Scope()

#: Covers no partner: the scope of a request of somebody who has not signed in.
NOTHING = Scope(frozenset())


def scope_state(state: ServiceState, scope: Scope) -> ServiceState:
    """Return what a scope covers of the service's state."""
    return replace(
        state,
        problems=tuple(problem for problem in state.problems if scope.covers(problem.partner)),
        feeds=tuple(feed for feed in state.feeds if scope.covers(feed.partner)),
        breakers=tuple(breaker for breaker in state.breakers if scope.covers(breaker.partner)),
        expected=tuple(expected for expected in state.expected if scope.covers(expected.partner)),
    )


def scope_migration(state: MigrationState, scope: Scope) -> MigrationState:
    """Return the routes and changes that a scope covers, with the differences of these feeds alone."""
    routes = tuple(route for route in state.routes if scope.covers(route.partner))
    differences = tuple(row for row in state.differences if scope.covers(row.partner))
    return replace(
        state,
        routes=routes,
        differences=differences,
        compared=tuple(row for row in state.compared if scope.covers(row.partner)),
        changes=tuple(change for change in state.changes if scope.covers(change.partner)),
    )


def scope_held(exchanges: Sequence[HeldExchange], scope: Scope) -> list[HeldExchange]:
    """Return the exchanges with held rows that a scope covers."""
    return [exchange for exchange in exchanges if scope.covers(exchange.partner)]
