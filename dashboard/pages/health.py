"""`/live` and `/ready`: whether the process is up, and whether it does its work, for probes and load balancers."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from flask import Blueprint, Response

from dashboard.pages.request import current_scope, whole_source
from dashboard.service_state import ServiceUnreadable
from metrics.errors import MetricsError, StoreMissing
from metrics.store.database import clock_of, open_reader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dashboard.cache.service_reader import ServiceReader
    from dashboard.config import Config
    from dashboard.service_state import ServiceState

blueprint = Blueprint("health", __name__)

NOT_CACHED = {"Cache-Control": "no-store"}


@blueprint.get("/live")
def live() -> Response:
    """Return 200 while the process answers, whatever it can read."""
    return Response("live\n", mimetype="text/plain", headers=NOT_CACHED)


@blueprint.get("/ready")
def ready() -> Response:
    """Return 200 while the databases can be read and the background jobs run, otherwise 503 with the reasons."""
    whole = whole_source()
    reasons = list(reasons_not_ready(whole.config, whole.service))
    if not reasons:
        return Response("ready\n", mimetype="text/plain", headers=NOT_CACHED)
    if not current_scope().is_whole:
        reasons = ["sign in, or send a token, to see why"]  # the reasons name files and partners
    text = "".join(f"not ready: {reason}\n" for reason in reasons)
    return Response(text, status=503, mimetype="text/plain", headers=NOT_CACHED)


def reasons_not_ready(config: Config, service: ServiceReader[ServiceState]) -> Iterator[str]:
    """Yield why the process cannot do its work; nothing before the first run was measured or exchanged is a reason."""
    try:
        with closing(open_reader(config.store)) as db:
            if (clock := clock_of(db)) != config.clock:
                yield f"{config.store}: holds {clock} runs, not {config.clock} ones"
    except StoreMissing:
        pass
    except (MetricsError, sqlite3.DatabaseError) as error:
        yield f"the measurements cannot be read: {error}"
    try:
        service.current()
    except ServiceUnreadable as error:
        yield f"the state of the service cannot be read: {error}"
    if config.stopped_jobs is not None and (stopped := config.stopped_jobs()):
        yield stopped
