"""The settings of a dashboard."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dashboard.scope import WHOLE, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
    from datetime import date, datetime
    from pathlib import Path

    from dashboard.access.settings import Access
    from dashboard.actions.act import Doer, ExactTarget
    from dashboard.intake import Intake
    from dashboard.migration_state import FeedMigration, MigrationState
    from dashboard.repairs import ListHeld, ReadHeld
    from dashboard.service_state import ServiceState


def no_target(_act: str, _target: str) -> ExactTarget | None:
    """Return nothing: without a service no target is known."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a dashboard shows, and how long it keeps what it has read."""

    store: Path  #: the metrics database
    milestones: Path  #: the workspace's milestone file
    built: int  #: the highest service level that is built
    workspace_name: str
    clock: str = "replay"  #: or "live"
    today: Callable[[], date] | None = None  #: for the live clock; a replay has its own calendar
    now: Callable[[], datetime] | None = None  #: the wall clock, for the age of the data; None: no age is shown
    spool: Path | None = None  #: where run events wait to be collected, to tell whether the data is late
    keep_s: float | None = None  #: how long a view is shown before the next is made; None: it is always the newest
    service: Callable[[], ServiceState] | None = None  #: reads what the service has open now; None: there is none
    routed_partners: Callable[[], Collection[str]] = tuple  #: the partners with a feed that has a route
    migration: Callable[[], MigrationState] | None = None  #: reads all routes; None: there is no service
    read_route: Callable[[str, str], FeedMigration | None] | None = None  #: reads one in full, by partner and feed
    stopped_jobs: Callable[[], str] | None = None  #: says which background job has stopped; empty while all run
    exchange_notes: Callable[[], Mapping[str, str]] = dict  #: what to say of some exchanges, by their ids
    scope: Scope = WHOLE  #: the partners that are shown
    find_target: Callable[[str, str], ExactTarget | None] = no_target  #: what an act, by its name, is to be done to
    access: Access | None = None  #: how people sign in; None: nobody does, and only this machine is served
    doers: Mapping[str, Doer] = field(default_factory=dict)  #: what does each act; none without a service
    intake: Intake | None = None  #: takes files by HTTP; None: there is no service
    list_held: ListHeld | None = None  #: lists the files with quarantined rows; None: there is no service
    read_held: ReadHeld | None = None  #: reads the quarantined rows of one
