"""Check the places of a partner: those that its feeds take files from, and that they are delivered to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from poc.config.place import PlaceConfig
from poc.errors import BadInput
from poc.places.check import check_place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from poc.config.workspace import Workspace
    from poc.places.check import PlaceFinding

#: Places that are checked at once.
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class PartnerPlace:
    """A place of one feed: from which files are picked up, or to which they are delivered."""

    feed: str
    direction: Literal["pickup", "delivery"]
    settings: PlaceConfig
    writes: bool
    creates: bool


def places_of(workspace: Workspace, partner_id: str) -> Iterator[PartnerPlace]:
    """Yield the places of a partner's feeds. Raises BadInput where there is no such partner."""
    for _, feed_id in workspace.select_feeds(partner_id):
        partner, feed = workspace.get_feed(partner_id, feed_id)
        if feed.pickup is not None:
            settings = PlaceConfig.model_validate(
                {
                    key: getattr(feed.pickup, key)
                    for key in PlaceConfig.model_fields
                    if key in feed.pickup.model_fields_set
                }
            )
            yield PartnerPlace(feed_id, "pickup", settings, writes=feed.pickup.after != "keep", creates=False)
        endpoint = partner.endpoint
        if endpoint.is_place:
            settings = endpoint.place(endpoint.delivery_url(partner_id, feed_id, feed.path))
            yield PartnerPlace(feed_id, "delivery", settings, writes=True, creates=True)
        elif endpoint.folder is not None:
            settings = PlaceConfig(url=endpoint.folder)
            yield PartnerPlace(feed_id, "delivery", settings, writes=True, creates=False)


def check_places(
    workspace: Workspace, partner_id: str, environ: Mapping[str, str], now: datetime
) -> list[tuple[PartnerPlace, PlaceFinding]]:
    """Check the places of a partner, several at once.

    Raises:
        BadInput: there is no such partner, or it has no places.
    """
    places = list(places_of(workspace, partner_id))
    if not places:
        raise BadInput(
            f"{partner_id} has no places: its feeds have no table `pickup`, and it gets its deliveries by requests; "
            "`milepost validate --online` tries its address"
        )

    def check(place: PartnerPlace) -> PlaceFinding:
        return check_place(place.settings, environ, workspace.root, now, writes=place.writes, creates=place.creates)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="places-check") as pool:
        return list(zip(places, pool.map(check, places), strict=True))
