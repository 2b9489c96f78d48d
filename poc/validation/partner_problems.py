"""What is wrong with a partner whose file can be read: secrets, files and folders, contracts and maps."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from poc.config import workspace
from poc.contract import contract
from poc.credentials.webhook_keys import load_keys
from poc.errors import BadInput, PlaceRefused
from poc.mapping.look_ups import read_look_up_files
from poc.pipeline.levels import HIGHEST_LEVEL
from poc.pipeline.prepared_feed import prepare_feed
from poc.stages.map import Map
from poc.transports.http import new_session
from poc.transports.secrets import resolve_endpoint_secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from poc.config.partner import Feed, Partner


def partner_problems(root: Path, path: Path, partner: Partner, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with a partner whose file can be read: secrets, files and folders, contracts and maps."""
    endpoint = partner.endpoint
    of_secrets = []
    for (table, name), reference in endpoint.secret_references.items():
        try:
            resolve_endpoint_secret(table, reference, environ, root)
        except BadInput as error:
            of_secrets.append(f"{path}: endpoint.{table}.{name}: {error}")
    yield from of_secrets
    for key in ("ca_file", "client_cert", "client_key"):
        if (name := getattr(endpoint, key)) and not (root / name).is_file():
            of_secrets.append(f"{path}: endpoint.{key}: {root / name}: no such file")
            yield of_secrets[-1]
    if endpoint.folder is not None and not (root / endpoint.folder).is_dir():
        yield f"{path}: endpoint.folder: {root / endpoint.folder}: no such folder; create it, or correct its name"
    yield from key_problems(root, path, partner, environ)
    for feed_id, feed in partner.feed.items():
        of_feed = list(feed_problems(root, feed))
        if not of_feed and not of_secrets:
            of_feed = prepare_problems(root, partner, feed_id, environ)
        of_feed += monolith_problems(root, feed, environ)
        of_feed += pickup_problems(root, feed, environ)
        yield from (f"{path}: feed.{feed_id}: {problem}" for problem in of_feed)


def key_problems(root: Path, path: Path, partner: Partner, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what is wrong with the keys by which receipts are signed, and requests that hand in files."""
    for table, settings in (("receipts", partner.receipts), ("intake", partner.intake)):
        try:
            load_keys(() if settings is None else settings.keys, environ, root)
        except BadInput as error:
            yield f"{path}: {table}.keys: {error}"


def feed_problems(root: Path, feed: Feed) -> Iterable[str]:
    """Return what is wrong with the contract of a feed, or else with its map, each field on its own."""
    try:
        checked = contract.load_contract(root / "contracts" / feed.contract, json_values=feed.has_json_values)
    except BadInput as error:
        return error.mistakes
    try:
        files = read_look_up_files(feed.map, root)
        Map(feed.map, checked, files)
    except BadInput as error:
        problems = [str(error)]
        for field in feed.map:
            try:
                Map((field,), checked, read_look_up_files((field,), root))
            except BadInput as of_field:
                problems.append(str(of_field))
        return dict.fromkeys(problems)
    return ()


def pickup_problems(root: Path, feed: Feed, environ: Mapping[str, str]) -> list[str]:
    """Return what prevents that a feed's place is signed in at: a secret, a file or a package, one at most."""
    if feed.pickup is None:
        return []
    from poc.places.registry import open_place  # few workspaces have places

    if not feed.pickup.scheme and not (root / feed.pickup.url).is_dir():
        return [f"pickup.url: {root / feed.pickup.url}: no such folder; create it, or correct its name"]
    try:
        open_place(feed.pickup, environ, root).close()
    except (BadInput, PlaceRefused) as error:
        return [f"pickup: {error}"]
    return []


def monolith_problems(root: Path, feed: Feed, environ: Mapping[str, str]) -> list[str]:
    """Return what prevents the monolith's command from being started: one problem at most."""
    if feed.monolith is None:
        return []
    program = feed.monolith.command[0]
    if "/" in program:
        place = root / program
        return [] if os.access(place, os.X_OK) else [f"monolith.command: {place}: no program that can be run"]
    path = environ.get("PATH")
    return [] if shutil.which(program, path=path) else [f"monolith.command: {program!r} is no program on the PATH"]


def prepare_problems(root: Path, partner: Partner, feed_id: str, environ: Mapping[str, str]) -> list[str]:
    """Return what else prevents exchanges of a feed: one problem at most."""
    alone = workspace.Workspace(
        root=root,
        settings=workspace.WorkspaceSettings.model_validate({"schema": 1, "name": "validation"}),
        partners={partner.id: partner},
    )
    with new_session() as session:
        try:
            prepare_feed(alone, partner.id, feed_id, HIGHEST_LEVEL, session, environ=environ)
        except BadInput as error:
            return [str(error)]
    return []


def find_notes(root: Path) -> list[str]:
    """Return what is valid in contracts and maps and may mean something else than its author expects, one line each."""
    notes: dict[str, None] = {}
    for path in workspace.partner_files(root):
        with suppress(BadInput):  # find_problems reports it
            for feed_id, feed in workspace.load_partner(root, path).feed.items():
                notes |= dict.fromkeys(f"{path}: feed.{feed_id}: {field.note}" for field in feed.map if field.note)
                contract_path = root / "contracts" / feed.contract
                notes |= dict.fromkeys(
                    f"{contract_path}: {note}" for note in contract.load_contract(contract_path).notes
                )
    return list(notes)
