"""The state of the exchange service for the dashboard, which does not import the service."""

from __future__ import annotations

from contextlib import closing, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING

from milepost.errors import expected_errors_as

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from dashboard.service_state import ExpectedFiles, ServiceState
    from poc.alerts.alert import Alert
    from poc.alerts.open_alerts import SharedAlerts
    from poc.alerts.service_facts import ServiceFacts
    from poc.config.workspace import Workspace
    from poc.schedule.expectation_states import ExpectationState

#: Due moments of a feed that the pages show.
SHOWN_MOMENTS = 3


def read_service_state(
    workspace: Workspace, now: datetime, environ: Mapping[str, str], shared: SharedAlerts | None = None
) -> ServiceState:
    """Return the open problems, feeds and circuit breakers of a workspace. Changes nothing.

    `shared` reads the open alerts where jobs of the same program read them, too.

    Raises:
        ServiceUnreadable: the ledger or an inbox cannot be read.
    """
    from dashboard.service_state import ServiceUnreadable
    from poc.alerts.open_alerts import open_alerts
    from poc.alerts.read_ledger import open_ledger_read_only
    from poc.alerts.service_facts import service_facts
    from poc.schedule.expectation_states import expectation_states

    with expected_errors_as(ServiceUnreadable):
        ledger = open_ledger_read_only(workspace.ledger)
        with closing(ledger) if ledger is not None else nullcontext():
            alerts = (shared or open_alerts)(workspace, ledger, now, environ)
            facts = service_facts(ledger, workspace.partners, now)
            expected = expectation_states(workspace, ledger, now)
    return replace(service_state(alerts, facts, now), expected=tuple(expected_files(state, now) for state in expected))


def expected_files(state: ExpectationState, now: datetime) -> ExpectedFiles:
    """Return the state of an expectation as a value of the dashboard."""
    from dashboard.service_state import ExpectedFiles
    from poc.schedule.expectation_states import next_moments
    from poc.schedule.local_time import format_local
    from poc.schedule.wording import describe_last, describe_rule

    moments = next_moments(state, now, SHOWN_MOMENTS)
    return ExpectedFiles(
        partner=state.partner,
        feed=state.feed,
        rule=describe_rule(state.expect),
        last=describe_last(state, now),
        is_missing=bool(state.missed),
        next_at=moments[0] if moments else None,
        next_due=tuple(format_local(moment, state.expect.zone_info, now) for moment in moments),
    )


def read_exchange_notes(workspace: Workspace) -> Mapping[str, str]:
    """Return what pages say of some exchanges, by their ids: that they were delivered again, when, and why.

    Nothing where the ledger cannot be read: the pages of runs need none.
    """
    from poc.alerts.read_ledger import open_ledger_read_only
    from poc.errors import ExchangeError
    from poc.ledger.queries import redelivery_notes

    try:
        ledger = open_ledger_read_only(workspace.ledger)
        if ledger is None:
            return {}
        with closing(ledger):
            return redelivery_notes(ledger)
    except ExchangeError:
        return {}


def service_state(alerts: list[Alert], facts: ServiceFacts, now: datetime) -> ServiceState:
    """Return alerts and facts of the service as values of the dashboard."""
    from dashboard.service_state import BreakerNow, FeedNow, Problem, ServiceState
    from poc.alerts.groups import NAMES, group_alerts

    overdue: dict[tuple[str, str], int] = {}
    for alert in alerts:
        if alert.kind == "not_arrived":
            overdue[alert.partner, alert.feed] = overdue.get((alert.partner, alert.feed), 0) + alert.count
    return ServiceState(
        at=now,
        problems=tuple(
            Problem(
                kind=group.kind, label=NAMES[group.kind][group.count != 1], severity=group.severity,
                partner=group.partner, feed=group.feed, since=group.since, alerts=len(group.alerts), count=group.count,
                summary=group.first.summary, next_step=group.first.next_step,
                subject=group.first.subject if len(group.alerts) == 1 else "",
            )
            for group in group_alerts(alerts)
        ),
        feeds=tuple(
            FeedNow(
                partner=feed.partner, feed=feed.feed, due=feed.due, oldest_due_at=feed.oldest_due_at,
                failed=feed.failed, refused=feed.refused, ambiguous=feed.ambiguous, held_rows=feed.held_rows,
                last_good_at=feed.last_good_at, overdue=overdue.get((feed.partner, feed.feed), 0),
            )
            for feed in facts.feeds
        ),
        breakers=tuple(
            BreakerNow(partner=name, feed=feed, state=breaker.state)
            for breaker in facts.breakers
            for name, _, feed in (breaker.partner.partition("/"),)
        ),
    )  # fmt: skip
