"""A prepared: one feed made ready to exchange at one level, with everything that does not change from file to file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from poc.contract import contract
from poc.formats.registry import make_encoder, make_reader
from poc.stages.map import Map
from poc.transports.http import HttpEndpoint
from poc.transports.secrets import resolve_secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import requests

    from poc.config.partner import Feed, Retry
    from poc.config.workspace import Workspace
    from poc.contract.contract import Contract
    from poc.delivery.sender import Endpoint
    from poc.formats.registry import FileReader, RowEncoder


@dataclass(frozen=True, slots=True)
class PreparedFeed:
    """How files of one feed are read, checked, mapped and delivered. Either `door` or `folder` is where to.

    `agreed` is a digest of the settings that decide which bytes a request holds.
    """

    partner: str
    feed_id: str
    feed: Feed
    contract: Contract
    map: Map
    reader: FileReader
    encoder: RowEncoder
    endpoint: Endpoint | None
    folder: Path | None
    honours_keys: bool
    retry: Retry
    level: int
    settings_digest: str = ""


def prepare_feed(
    workspace: Workspace,
    partner_id: str,
    feed_id: str,
    level: int,
    session: requests.Session,
    endpoint: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> PreparedFeed:
    """Make a feed ready at a level.

    Args:
        workspace: whose feed.
        partner_id: of the partner.
        feed_id: of the feed.
        level: the service level.
        session: what HTTP deliveries go over.
        endpoint: stands for every partner's own place, where given.
        environ: where secrets are looked up; the process's own environment unless given.

    Raises:
        BadInput: there is no such feed, its contract or map has a mistake, or a secret is missing.
    """
    partner, feed = workspace.get_feed(partner_id, feed_id)
    place = partner.endpoint
    agreed = contract.load_contract(workspace.contract(feed))
    written = make_encoder(feed)
    door, folder = None, None
    if endpoint is None and place.folder is not None:
        folder = workspace.root / place.folder / feed_id
    else:
        base = f"{endpoint.rstrip('/')}/{partner_id}" if endpoint else str(place.url).rstrip("/")
        known = os.environ if environ is None else environ
        secrets = {name: resolve_secret(value, known, workspace.root) for name, value in place.secret_headers.items()}
        door = HttpEndpoint(session, f"{base}/{feed_id}", place.timeout_s, secrets, written.media_type)
    return PreparedFeed(
        partner_id,
        feed_id,
        feed,
        agreed,
        Map(feed.map, agreed),
        make_reader(feed, agreed),
        written,
        door,
        folder,
        place.honours_keys,
        partner.retry,
        level,
        settings_digest(feed, workspace.contract(feed)),
    )


def settings_digest(feed: Feed, contract_file: Path) -> str:
    """Twelve letters that are equal where the same file makes the same requests."""
    return sha256(feed.model_dump_json(by_alias=True).encode() + contract_file.read_bytes()).hexdigest()[:12]
