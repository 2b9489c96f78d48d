"""One feed prepared for exchanges at one level: everything that does not change from file to file."""

from __future__ import annotations

import os
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from poc.contract import contract
from poc.formats.fixed_writer import FixedWidthEncoder
from poc.formats.registry import make_encoder, make_file_writer, make_reader
from poc.mapping.expressions import literal_fields
from poc.mapping.look_ups import read_look_up_files
from poc.pipeline.small_file import make_small_file_path
from poc.stages.map import Map
from poc.transports.http import HttpEndpoint
from poc.transports.secrets import resolve_secret
from poc.transports.tls import TlsFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from poc.config.endpoint import EndpointConfig
    from poc.config.partner import Feed, RetrySchedule
    from poc.config.workspace import Workspace
    from poc.contract.contract import Contract
    from poc.delivery.sender import Endpoint
    from poc.formats.file_reader import FileReader
    from poc.formats.file_writers import FileWriter
    from poc.formats.registry import RowEncoder
    from poc.pipeline.small_file import SmallFilePath
    from poc.places.target import FileTarget
    from poc.transports.http_connection import HttpSession
    from poc.transports.secrets import Secret

#: Seconds that a probe may take in addition to the partner's time-out.
PROBE_MARGIN_S = 5.0


@dataclass(frozen=True, slots=True)
class PreparedFeed:
    """The reader, contract, map, encoder and destination of one feed. Either `endpoint` or `target` is set.

    `settings_digest` is a digest of the settings that decide which bytes a request holds. `probe_s` is the longest time
    that one request can take, in seconds. `parallel` and `span_files` are settings of the endpoint. `pace` waits until
    the next request may be sent. `literals` are columns of JSON
    text. `small_files` is the short path of small clean files, if the feed can have one.
    """

    partner: str
    feed_id: str
    feed: Feed
    contract: Contract
    map: Map
    reader: FileReader
    encoder: RowEncoder
    endpoint: Endpoint | None
    target: FileTarget | None
    honours_keys: bool
    retry: RetrySchedule
    level: int
    literals: frozenset[str] = frozenset()
    parallel: int = 1
    span_files: bool = False
    settings_digest: str = ""
    probe_s: float = 60.0
    pace: Callable[[], None] = lambda: None
    small_files: SmallFilePath | None = None

    def new_file_writer(self) -> FileWriter:
        """Return the writer of one file."""
        return make_file_writer(self.feed, self.encoder, self.literals)


def prepare_feed(
    workspace: Workspace,
    partner_id: str,
    feed_id: str,
    level: int,
    session: HttpSession,
    endpoint: str | None = None,
    environ: Mapping[str, str] | None = None,
    earlier: PreparedFeed | None = None,
) -> PreparedFeed:
    """Prepare a feed for exchanges at a level.

    Args:
        workspace: the workspace of the feed.
        partner_id: the id of the partner.
        feed_id: the id of the feed.
        level: the service level.
        session: the HTTP session for deliveries.
        endpoint: a base URL that replaces every partner's own destination.
        environ: the environment in which secrets are looked up; the process's own by default.
        earlier: the same feed as it was prepared before, whose short path is kept while its settings are the same.

    Raises:
        BadInput: there is no such feed, its contract or map has a mistake, or a secret is missing.
    """
    partner, feed = workspace.get_feed(partner_id, feed_id)
    settings = partner.endpoint
    look_up_files = read_look_up_files(feed.map, workspace.root)
    # before the contract is loaded, which may be written meanwhile
    digest = settings_digest(feed, workspace.contract(feed), look_up_files, settings.body)
    if settings.body == "row":
        feed = feed.model_copy(update={"request_rows": 1})
    feed_contract = contract.load_contract(workspace.contract(feed), json_values=feed.has_json_values)
    literals = literal_fields(feed.map, feed_contract)
    encoder = make_encoder(feed, literals, settings.body)
    fits = encoder.check if isinstance(encoder, FixedWidthEncoder) else None
    mapped = Map(feed.map, feed_contract, look_up_files, fits)
    variables = os.environ if environ is None else environ
    http_endpoint: Endpoint | None = None
    target: FileTarget | None = None
    own_url = "" if settings.url is None else settings.delivery_url(partner_id, feed_id, feed.path)
    if endpoint is None and settings.takes_files:
        target = open_target(workspace, settings, own_url, feed_id, variables)
    else:
        url = f"{endpoint.rstrip('/')}/{partner_id}/{feed_id}" if endpoint else own_url
        headers = {
            name: resolve_secret(value, variables, workspace.root)
            for (_, name), value in settings.header_references.items()
        }
        ca_file, client_cert, client_key = (
            workspace.root / name if name else None
            for name in (settings.ca_file, settings.client_cert, settings.client_key)
        )
        tls = TlsFiles(ca_file, client_cert, client_key)

        def to_url(more: Mapping[str, Secret]) -> HttpEndpoint:
            return HttpEndpoint(
                session,
                url,
                settings.timeout_s,
                {**headers, **more},
                encoder.media_type,
                plain_headers=settings.plain_headers,
                success=settings.success,
                tls=tls,
            )

        if settings.credentials:
            from poc.credentials.make_endpoint import make_endpoint

            http_endpoint = make_endpoint(partner_id, settings, to_url, session, tls, variables, workspace.root)
        else:
            http_endpoint = to_url({})
    reader = make_reader(feed, feed_contract)
    if earlier is not None and earlier.settings_digest == digest:
        small_files = earlier.small_files
    else:
        small_files = make_small_file_path(feed, feed_contract, reader, look_up_files)
    return PreparedFeed(
        partner=partner_id,
        feed_id=feed_id,
        feed=feed,
        contract=feed_contract,
        map=mapped,
        reader=reader,
        encoder=encoder,
        literals=literals,
        endpoint=http_endpoint,
        target=target,
        honours_keys=settings.honours_keys,
        retry=partner.retry,
        level=level,
        parallel=settings.parallel,
        span_files=settings.span_files,
        settings_digest=digest,
        probe_s=settings.longest_request_s + PROBE_MARGIN_S,
        small_files=small_files,
    )


def open_target(
    workspace: Workspace, settings: EndpointConfig, url: str, feed_id: str, environ: Mapping[str, str]
) -> FileTarget:
    """Return where the files of a feed are delivered to. Raises BadInput."""
    from poc.places.target import FolderTarget, PlaceTarget

    if settings.folder is not None:
        return FolderTarget(workspace.root / settings.folder / feed_id)
    from poc.places.registry import open_part_place

    return PlaceTarget(open_part_place(settings.place(url), environ, workspace.root))


def settings_digest(
    feed: Feed, contract_file: Path, look_up_files: Mapping[str, bytes] | None = None, body: str = "jsonl"
) -> str:
    """Return twelve hexadecimal digits that are equal where the same file gives the same requests."""
    digest = sha256(feed.model_dump_json(by_alias=True).encode() + contract_file.read_bytes())
    for content in (look_up_files or {}).values():
        digest.update(sha256(content).digest())
    digest.update(b"" if body == "jsonl" else body.encode())
    return digest.hexdigest()[:12]
