"""Gates: whether a feed may advance to the next stage of its route, and why not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from poc.route.counts import monolith_counts, service_counts
from poc.route.file_senders import newest_uncompared, unsettled_files
from poc.route.guardrails import find_breaches
from poc.route.stages import GUARDED, Position, next_position

if TYPE_CHECKING:
    from collections.abc import Mapping

    from poc.config.monolith import RouteConfig
    from poc.ledger.ledger import Ledger
    from poc.parity.state import ParityReader
    from poc.route.route_store import Route

#: Exit codes of a refusal: the gate failed, or there is not enough evidence yet.
FAILED, NOT_ENOUGH = 5, 6

DAY_US = 86_400 * 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The gate before the next stage: open without any reason.

    `failed` says what is wrong; `missing` says what evidence is still to come; `evidence` is what was counted.
    """

    next_position: Position
    failed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    evidence: Mapping[str, Any] = field(default_factory=dict)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the feed may not advance; none where it may."""
        return (*self.failed, *self.missing)

    @property
    def exit_code(self) -> int:
        """The exit code of a refusal; 0 where the gate is open."""
        if self.failed:
            return FAILED
        return NOT_ENOUGH if self.missing else 0


def check_gate(  # noqa: C901 (one question after the other)
    ledger: Ledger, config: RouteConfig, partner: str, feed: str, route: Route, parity: ParityReader, now_us: int
) -> Gate | None:
    """Return the gate before the next stage of a feed; None for a retired one. Raises TryLater, LedgerDamaged."""
    following = next_position(route.position, config.shares)
    if following is None:
        return None
    failed: list[str] = []
    missing: list[str] = []
    evidence: dict[str, Any] = {}
    if route.held and route.last is not None:
        failed.append(f"held by {route.last.who}: {route.last.why}; `milepost route hold {partner}/{feed} --release`")
    if route.stage == "shadow":
        state = parity(partner, feed, route.since_us)
        evidence |= {"files_compared": state.files_compared, "unexplained": state.unexplained}
        if state.unexplained:
            failed.append(
                f"{state.unexplained:,} unexplained difference(s); `milepost parity show {partner}/{feed}` lists them; "
                "after a correction, `route back` and then `route advance` begin a new count"
            )
        if (uncompared := newest_uncompared(ledger, partner, feed, route.since_us)) is not None:
            # a file on which the service or the comparison fails counts in no difference
            after = parity(partner, feed, uncompared.ended_at_us or 0)
            evidence["files_compared_after_failure"] = after.files_compared
            if after.files_compared < config.files:
                missing.append(
                    f"{after.files_compared} of {config.files} files compared in shadow since {uncompared.file}, "
                    f"which could not be compared: {uncompared.shadow_note}"
                )
        elif state.files_compared < config.files:
            missing.append(f"{state.files_compared} of {config.files} files compared in shadow")
    if route.stage in GUARDED:
        counts = service_counts(ledger, partner, feed, route.since_us)
        evidence |= {"service_files": counts.ended, "service_failed": counts.failed + counts.ambiguous}
        failed += find_breaches(ledger, config, partner, feed, route, parity)
        if route.stage == "canary" and counts.ended < config.files:
            missing.append(f"{counts.ended} of {config.files} files exchanged by the service at {route.position.words}")
    if following.stage == "retired":
        days = _days_without_monolith(ledger, partner, feed, route, now_us)
        evidence["days_without_monolith"] = round(days, 2)
        if days < config.days:
            missing.append(f"{int(days)} of {config.days} days without a call of the monolith")
        if unsettled := unsettled_files(ledger, partner, feed):
            failed.append(f"{len(unsettled)} file(s) are not settled at the monolith, the first is {unsettled[0].file}")
    return Gate(next_position=following, failed=tuple(failed), missing=tuple(missing), evidence=evidence)


def _days_without_monolith(ledger: Ledger, partner: str, feed: str, route: Route, now_us: int) -> float:
    _, begun_at_us = monolith_counts(ledger, partner, feed)
    return (now_us - max(begun_at_us or 0, route.since_us)) / DAY_US
