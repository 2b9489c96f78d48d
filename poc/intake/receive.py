"""Receive a file by HTTP: into a part beside the inbox's files, then into the ledger, then under its name.

Each step can be the last of the process: before the ledger has the file, the sender has no answer and sends it again;
after it, the part is placed by the next request with the same key, or by `place_unplaced`. A second copy of the same
bytes is an exchange that is known.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, replace
from secrets import token_hex
from typing import TYPE_CHECKING, BinaryIO

from metrics.private_files import open_private
from poc.credentials.webhook_keys import MessageMac, is_recent, load_keys
from poc.errors import BadInput
from poc.intake.errors import RequestRefused, not_open
from poc.intake.file_name import check_media_type, free_name, name_of_file
from poc.intake.intake_store import (
    TakenFile,
    add_request,
    find_request,
    unplaced_files,
)  # fmt: skip
from poc.intake.placing import PART_PREFIX, PART_SUFFIX, names_in, place
from poc.ledger.opening import open_ledger
from poc.receipts.receipt_text import receipt_id
from poc.transports.folder import NO_SPACE, sync_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from poc.config.partner import Feed
    from poc.config.receipts import IntakeSettings
    from poc.config.workspace import Workspace
    from poc.ledger.ledger import Ledger

#: Bytes that are read at once.
CHUNK_BYTES = 1 << 18

#: The most characters of a key.
MAX_KEY = 255


@dataclass(frozen=True, slots=True)
class Signature:
    """The headers of Standard Webhooks by which a request without a token is signed."""

    message_id: str
    timestamp: str
    signatures: str


@dataclass(frozen=True, slots=True)
class FileRequest:
    """A request that hands in a file. With `signature` None, it was let in by a token of the partner."""

    partner: str
    feed: str
    body: BinaryIO
    content_type: str
    key: str = ""
    name: str = ""
    signature: Signature | None = None


def intake_of(workspace: Workspace, partner: str, feed: str) -> tuple[IntakeSettings, Feed]:
    """Return the settings by which a feed takes files. Raises RequestRefused: 404."""
    try:
        config, feed_config = workspace.get_feed(partner, feed)
    except BadInput as error:
        raise not_open(partner, feed) from error
    if config.intake is None:
        raise not_open(partner, feed)
    return config.intake, feed_config


def receive_file(
    workspace: Workspace,
    request: FileRequest,
    environ: Mapping[str, str],
    now_us: int,
    turn: AbstractContextManager[object] | None = None,
) -> TakenFile:
    """Receive a file; return what the ledger has of it: the same for each request with the same key and bytes.

    `turn` is held while a file is recorded and placed, so that requests with one key do so one after the other.

    Raises:
        RequestRefused: the request is wrong, not signed by a key of the partner, or cannot be taken now.
        TryLater, LedgerDamaged: the ledger cannot be used.
    """
    settings, feed = intake_of(workspace, request.partner, request.feed)
    check_media_type(feed, request.content_type)
    key = key_of(request)
    macs = _macs(workspace, settings, request.signature, environ, now_us)
    if request.name or key:
        name_of_file(feed, request.name, key)  # before the file is read
    inbox = workspace.inbox(request.partner, request.feed)
    part = inbox / f"{PART_PREFIX}{token_hex(8)}{PART_SUFFIX}"
    is_recorded = False
    try:
        inbox.mkdir(mode=0o700, parents=True, exist_ok=True)
        sha256, size_bytes = _write_part(part, request.body, macs, settings.max_bytes)
        if request.signature is not None:
            _check_signature(macs, request.signature)
        key = key or f"sha256-{sha256}"
        name = name_of_file(feed, request.name, key)
        sync_folder(inbox)
        new = TakenFile(request.partner, key, request.feed, "", name, sha256, size_bytes, part.name)
        with turn or nullcontext(), closing(open_ledger(workspace.ledger)) as ledger:
            taken = _record(ledger, inbox, new, now_us)
            is_recorded = taken.part == part.name
            if not taken.is_placed:
                taken = place(ledger, inbox, feed, taken, part)
            return taken
    except OSError as error:
        status = 507 if error.errno in NO_SPACE else 503
        raise RequestRefused(
            status, "Cannot be stored", "The file cannot be stored now. Send it again later."
        ) from error
    finally:
        if not is_recorded:  # else it stays until it is placed, whatever fails meanwhile
            with suppress(OSError):
                part.unlink(missing_ok=True)


def key_of(request: FileRequest) -> str:
    """Return the key of a request: of a signed one, the id of its message; empty where there is none."""
    key = request.key.strip()
    if len(key) > 1 and key[0] == key[-1] == '"':  # a string of Structured Fields (RFC 9651)
        key = key[1:-1]
    if request.signature is not None:
        if key and key != request.signature.message_id:
            raise RequestRefused(400, "Two keys", "A signed request has its `webhook-id` as key; send no other one.")
        key = request.signature.message_id
    if len(key) > MAX_KEY or not (key.isascii() and key.isprintable()):
        detail = f"The key has at most {MAX_KEY} characters, all of them printable ASCII."
        raise RequestRefused(400, "Key not taken", detail)
    return key


def _macs(
    workspace: Workspace,
    settings: IntakeSettings,
    signature: Signature | None,
    environ: Mapping[str, str],
    now_us: int,
) -> list[MessageMac]:
    if signature is None:
        return []
    if not settings.keys:
        raise unsigned("Signed requests are not taken; send a token.")
    if not signature.message_id or not is_recent(signature.timestamp, now_us / 1_000_000):
        raise unsigned("The time of the signature is missing, or too far from now.")
    try:
        keys = load_keys(settings.keys, environ, workspace.root)
    except BadInput as error:
        raise RequestRefused(503, "Not ready", "The keys cannot be read now. Send it again later.") from error
    return [MessageMac(key, signature.message_id, signature.timestamp) for key in keys]


def check_signed(
    workspace: Workspace,
    settings: IntakeSettings,
    signature: Signature,
    environ: Mapping[str, str],
    now_us: int,
) -> None:
    """Refuse a signed request without a body that no key of the partner has signed."""
    _check_signature(_macs(workspace, settings, signature, environ, now_us), signature)


def unsigned(detail: str) -> RequestRefused:
    """Return the refusal of a request that nobody signed who may."""
    return RequestRefused(401, "Not signed in", detail)


def _check_signature(macs: list[MessageMac], signature: Signature) -> None:
    if not any(mac.is_among(signature.signatures) for mac in macs):
        raise unsigned("The signature is not one of this partner's keys over what was sent.")


def _write_part(part: Path, body: BinaryIO, macs: list[MessageMac], max_bytes: int) -> tuple[str, int]:
    """Write a body to disk; return its digest and size."""
    digest, size_bytes = hashlib.sha256(), 0
    with open(part, "xb", opener=open_private) as file:
        while chunk := body.read(CHUNK_BYTES):
            size_bytes += len(chunk)
            if size_bytes > max_bytes:
                raise RequestRefused(413, "Too large", f"A file has at most {max_bytes} bytes here.")
            file.write(chunk)
            digest.update(chunk)
            for mac in macs:
                mac.update(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest(), size_bytes


def _record(ledger: Ledger, inbox: Path, new: TakenFile, now_us: int) -> TakenFile:
    """Record a request, and return it; the earlier one with its key, where there is one of the same bytes."""
    ledger.begin()
    try:
        known = find_request(ledger, new.partner, new.key)
        if known is not None and (known.sha256, known.feed) != (new.sha256, new.feed):
            detail = "Another file came in with this key. Send each file with a key of its own."
            raise RequestRefused(409, "Key used before", detail)
        if known is not None:
            ledger.roll_back()
            return known
        taken = _named(new, inbox, ledger, now_us)
        add_request(ledger, taken, now_us)
        ledger.commit()
    except BaseException:
        ledger.roll_back()
        raise
    return taken


def _named(file: TakenFile, inbox: Path, ledger: Ledger, now_us: int) -> TakenFile:
    """Return a file with a name that no other one in the inbox has, or will have."""
    waiting = {
        other.file
        for other in unplaced_files(ledger, now_us + 1)
        if (other.partner, other.feed) == (file.partner, file.feed)
    }
    name = free_name(file.file, file.sha256, {*waiting, *names_in(inbox)})
    return replace(file, file=name, receipt_id=receipt_id(file.partner, file.feed, name, file.sha256))
