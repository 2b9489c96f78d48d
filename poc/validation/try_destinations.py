"""Try the destinations of the partners: whether addresses answer and folders can be written. Sends no data."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from poc.credentials.authorized_endpoint import AuthorizedEndpoint
from poc.errors import BadInput, DeliveryFailed
from poc.pipeline.levels import HIGHEST_LEVEL
from poc.pipeline.prepared_feed import prepare_feed
from poc.places.check import check_place
from poc.transports.http import HttpEndpoint, new_session

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from poc.config.workspace import Workspace
    from poc.transports.http_connection import HttpSession

#: Places that are tried at once.
AT_ONCE = 16

#: Statuses by which a partner turns the service away.
TURNED_AWAY = frozenset({401, 403, 407, 410})


@dataclass(frozen=True, slots=True)
class TriedDestination:
    """The destination of one feed, what came of trying it, and whether that is a problem."""

    partner: str
    feed: str
    place: str
    text: str
    is_problem: bool


def try_destinations(workspace: Workspace, environ: Mapping[str, str]) -> list[TriedDestination]:
    """Try the destinations of all feeds, several at once: an address by OPTIONS, others by a file of its own."""
    feeds = workspace.select_feeds(None)
    with new_session() as session, ThreadPoolExecutor(AT_ONCE, thread_name_prefix="try") as pool:
        return list(pool.map(lambda feed: try_destination(workspace, feed[0], feed[1], session, environ), feeds))


def try_destination(
    workspace: Workspace, partner: str, feed: str, session: HttpSession, environ: Mapping[str, str]
) -> TriedDestination:
    """Try the destination of one feed."""
    settings = workspace.partners[partner].endpoint
    if settings.folder is not None:
        folder = workspace.root / settings.folder
        return TriedDestination(partner, feed, str(folder), *try_folder(folder))
    place = settings.delivery_url(partner, feed, workspace.get_feed(partner, feed)[1].path)
    if settings.is_place:
        at = settings.place(place)
        finding = check_place(at, environ, workspace.root, datetime.now(UTC), writes=True, creates=True)
        text = finding.text.removeprefix(f"{place}: ") or "can be written"
        return TriedDestination(partner, feed, place, text, bool(finding.code))
    try:
        endpoint = prepare_feed(workspace, partner, feed, HIGHEST_LEVEL, session, environ=environ).endpoint
    except BadInput as error:
        return TriedDestination(partner, feed, place, str(error), True)
    assert isinstance(endpoint, HttpEndpoint | AuthorizedEndpoint)  # noqa: S101 (a partner without a folder has an address)
    try:
        status = endpoint.ask()
    except DeliveryFailed as error:
        return TriedDestination(partner, feed, place, str(error).removeprefix(f"{place}: "), True)
    if status in TURNED_AWAY:
        table = next(
            (f"[endpoint.{name}]" for name in ("oauth2", "bearer", "basic") if name in settings.credentials), ""
        )
        hint = f"turns us away with {status}; see `{table or 'secret_headers'}`"
        return TriedDestination(partner, feed, place, hint, True)
    if status >= 500:
        return TriedDestination(partner, feed, place, f"answers {status}: the partner has a problem of its own", True)
    return TriedDestination(partner, feed, place, f"answers, with {status} to OPTIONS", False)


def try_folder(folder: Path) -> tuple[str, bool]:
    """Return what came of writing a hidden file into a folder, and whether that is a problem."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".milepost-", suffix=".part"):
            return "can be written", False
    except OSError as error:
        return f"cannot be written: {error.strerror}", True
