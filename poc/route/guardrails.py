"""Guardrails: what must not happen while the service sends; one that is breached sends the feed back by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from poc.errors import BadInput
from poc.route.counts import monolith_counts, service_counts
from poc.route.route_store import RouteChange, add_change, read_route
from poc.route.stages import GUARDED, back_position

if TYPE_CHECKING:
    from poc.config.monolith import RouteConfig
    from poc.ledger.ledger import Ledger
    from poc.parity.state import ParityReader
    from poc.route.route_store import Route

#: Who made an automatic change.
AUTOMATIC = "milepost"


def find_breaches(
    ledger: Ledger, config: RouteConfig, partner: str, feed: str, route: Route, parity: ParityReader
) -> list[str]:
    """Return what breaches a guardrail since the feed came to its stage; empty where nothing does.

    Raises:
        BadInput: the dispositions cannot be used, and nothing else is breached.
        TryLater, LedgerDamaged.
    """
    if route.stage not in GUARDED:
        return []
    service = service_counts(ledger, partner, feed, route.since_us)
    monolith, _ = monolith_counts(ledger, partner, feed)
    breaches = []
    if service.lost_rows:
        breaches.append(
            f"{service.lost_rows:,} record(s) were not delivered by the service, and nothing sends them again"
        )
    if service.ambiguous_rows:
        breaches.append(
            f"{service.ambiguous_rows:,} record(s) of the service may be lost or doubled: the partner did not answer"
        )
    if service.failed_share > monolith.failed_share + config.margin:
        breaches.append(
            f"{service.failed + service.ambiguous} of {service.ended} files of the service failed, and "
            f"{monolith.failed} of {monolith.ended} of the monolith; the margin is {config.margin:g}"
        )
    if route.stage == "canary":
        try:
            if unexplained := parity(partner, feed, route.since_us).unexplained:
                breaches.append(f"{unexplained:,} unexplained difference(s) in what is still compared")
        except BadInput:  # a mistake in a file of dispositions stops no way back
            if not breaches:
                raise
    return breaches


def go_back_if_breached(
    ledger: Ledger, config: RouteConfig, partner: str, feed: str, parity: ParityReader, now_us: int
) -> RouteChange | None:
    """Let a feed go back where a guardrail is breached, and commit; return that change.

    Raises TryLater, LedgerDamaged, LeaseLost.
    """
    route = read_route(ledger, partner, feed)
    breaches = find_breaches(ledger, config, partner, feed, route, parity)
    position = back_position(route.position)
    if not breaches or position is None:
        return None
    change = RouteChange(
        partner=partner,
        feed=feed,
        at_us=now_us,
        action="back",
        stage_before=route.stage,
        position=position,
        held=route.held,
        who=AUTOMATIC,
        why="; ".join(breaches),
        automatic=True,
        evidence={"breaches": breaches},
    )
    add_change(ledger, change)
    ledger.commit()
    return change
