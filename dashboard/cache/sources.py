"""What each scope gets to read: the settings, the views, the connections and the state of the service, narrowed to it.

A page gets one of these and nothing beside it, so that no page can forget the scope of who asks.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from dashboard.actions.act import NoSuchTarget
from dashboard.cache.readers import Readers
from dashboard.cache.service_reader import ServiceReader
from dashboard.cache.views import Views
from dashboard.repairs import NotReadable
from dashboard.scope import scope_held, scope_migration, scope_state
from dashboard.service_state import ServiceUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dashboard.actions.act import Doer, ExactTarget
    from dashboard.config import Config
    from dashboard.migration_state import FeedMigration, MigrationState
    from dashboard.repairs import HeldExchange, HeldRows
    from dashboard.scope import Scope
    from dashboard.service_state import ServiceState

#: How many scopes are kept ready; the one that was longest without a request makes room for the next.
MAX_SCOPES = 32

#: What somebody with a scope is told instead of an error's message, which may name partners and files.
SEE_THE_LOG = "the log of the server says why; ask an administrator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What one scope gets to read."""

    config: Config
    views: Views
    readers: Readers
    service: ServiceReader[ServiceState]
    migration: ServiceReader[MigrationState]


class ScopedSources:
    """The sources of scopes that do not cover everything; safe to use from several threads.

    Args:
        config: the settings of the whole.
        service: returns the reader of the whole state.
        migration: returns the reader of all routes.
    """

    def __init__(
        self,
        config: Config,
        service: Callable[[], ServiceReader[ServiceState]],
        migration: Callable[[], ServiceReader[MigrationState]],
    ) -> None:
        self._config, self._service, self._migration = config, service, migration
        self._lock = threading.Lock()
        self._sources: OrderedDict[Scope, Source] = OrderedDict()

    def of(self, scope: Scope) -> Source:
        """Return the source of a scope."""
        with self._lock:
            source = self._sources.get(scope)
            if source is None:
                source = self._sources[scope] = self._make(scope)
            self._sources.move_to_end(scope)
            while len(self._sources) > MAX_SCOPES:
                self._sources.popitem(last=False)
        return source

    def close(self) -> None:
        """Close the connections to the store."""
        with self._lock:
            sources, self._sources = list(self._sources.values()), OrderedDict()
        for source in sources:
            source.views.close()
            source.readers.close()

    def _make(self, scope: Scope) -> Source:
        config = scope_config(self._config, scope)
        has_service = self._config.service is not None

        def read() -> ServiceState:
            try:
                state = self._service().current()
            except ServiceUnreadable as error:
                raise ServiceUnreadable(SEE_THE_LOG) from error
            if state is None:
                raise ServiceUnreadable(SEE_THE_LOG)
            return scope_state(state, scope)

        def read_routes() -> MigrationState:
            try:
                state = self._migration().current()
            except ServiceUnreadable as error:
                raise ServiceUnreadable(SEE_THE_LOG) from error
            if state is None:
                raise ServiceUnreadable(SEE_THE_LOG)
            return scope_migration(state, scope)

        return Source(
            config=config,
            views=Views(config),
            readers=Readers(config.store, scope),
            service=ServiceReader(read if has_service else None, kept_s=0),
            migration=ServiceReader(read_routes if self._config.migration is not None else None, kept_s=0),
        )


def scope_config(config: Config, scope: Scope) -> Config:
    """Return the settings with functions that read and do what a scope covers, and nothing else."""
    list_held, read_held, read_route = config.list_held, config.read_held, config.read_route

    def list_mine() -> list[HeldExchange]:
        try:
            return scope_held(list_held(), scope) if list_held else []
        except NotReadable as error:
            raise NotReadable(SEE_THE_LOG) from error

    def read_mine(exchange: str, limit: int) -> HeldRows:
        try:
            held = read_held(exchange, limit) if read_held else None
        except NotReadable:
            held = None
        if held is None or not scope.covers(held.exchange.partner):
            raise NotReadable(f"There are no rows of {exchange} to show.")
        return held

    def read_my_route(partner: str, feed: str) -> FeedMigration | None:
        if read_route is None or not scope.covers(partner):
            return None
        try:
            return read_route(partner, feed)
        except ServiceUnreadable as error:
            raise ServiceUnreadable(SEE_THE_LOG) from error

    return replace(
        config,
        scope=scope,
        spool=None,
        stopped_jobs=None,
        list_held=list_mine if list_held else None,
        read_held=read_mine if read_held else None,
        read_route=read_my_route if read_route else None,
        doers={name: scope_doer(doer, partial(config.find_target, name), scope) for name, doer in config.doers.items()},
    )


def scope_doer(doer: Doer, find_target: Callable[[str], ExactTarget | None], scope: Scope) -> Doer:
    """Return what does an act for a scope; a target of another partner is as one that does not exist.

    The act gets the exact target, because what a person wrote may stand for another one to it.
    """

    def do(target: str, fields: Mapping[str, str], who: str) -> str:
        exact = find_target(target)
        if exact is None or not scope.covers(exact.partner):
            raise NoSuchTarget(f"There is no {target} here. Nothing was done.")
        return doer(exact.target, fields, who)

    return do
