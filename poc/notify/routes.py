"""Routes: which targets are told of an alert."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from poc.config.settings.notify import NotifyTarget
    from poc.config.workspace import Workspace


class Routed(Protocol):
    """What has a kind, a severity and a place, such as an alert."""

    @property
    def kind(self) -> str:
        """One of the kinds of alerts."""

    @property
    def severity(self) -> str:
        """Warning or critical."""

    @property
    def partner(self) -> str:
        """The partner; empty for the whole workspace."""

    @property
    def feed(self) -> str:
        """The feed; empty for all feeds of the partner."""


def is_routed(target: NotifyTarget, alert: Routed, workspace: Workspace) -> bool:
    """Return whether a target is told of an alert; an alert of a whole partner concerns each of its feeds."""
    return (
        takes(target, alert.kind, alert.severity)
        and (not target.partners or _matches(target.partners, [alert.partner]))
        and (not target.feeds or _matches_feeds(target.feeds, alert, workspace))
    )


def takes(target: NotifyTarget, kind: str, severity: str) -> bool:
    """Return whether a target is told of alerts of a kind and severity, wherever they are."""
    return (not target.kinds or kind in target.kinds) and not (
        target.min_severity == "critical" and severity != "critical"
    )


def takes_statuses(target: NotifyTarget, kind: str) -> bool:
    """Return whether a target is told of statuses of a kind; one with patterns is told of partners only."""
    return takes(target, kind, "critical") and not target.partners and not target.feeds


def concerns_feed(target: NotifyTarget, partner: str, feed: str) -> bool:
    """Return whether the patterns of a target match a feed."""
    return (not target.partners or _matches(target.partners, [partner])) and (
        not target.feeds or _matches(target.feeds, [f"{partner}/{feed}"])
    )


def _matches_feeds(patterns: Iterable[str], alert: Routed, workspace: Workspace) -> bool:
    if alert.feed:
        return _matches(patterns, [f"{alert.partner}/{alert.feed}"])
    if alert.partner in workspace.problems:  # its file cannot be read, so its feeds are unknown
        return _matches((pattern.partition("/")[0] for pattern in patterns), [alert.partner])
    partner = workspace.partners.get(alert.partner)
    return partner is not None and _matches(patterns, [f"{alert.partner}/{feed}" for feed in partner.feed])


def _matches(patterns: Iterable[str], names: list[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns for name in names if name)
