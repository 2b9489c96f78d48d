"""The name under which a file that came by HTTP lies in the inbox, and the types of content that a feed takes."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING

from poc.intake.errors import RequestRefused
from poc.transports.folder import UNSAFE_CHARACTERS
from poc.transports.inbox import belongs_to_feed

if TYPE_CHECKING:
    from collections.abc import Collection

    from poc.config.partner import Feed

#: The most bytes of a name: it leaves room for what is put behind it.
MAX_NAME_BYTES = 200

#: Media types by format and by compression; `application/octet-stream` goes with each.
FORMAT_TYPES = {
    "csv": ("text/csv", "text/plain", "application/csv"),
    "jsonl": ("application/jsonl", "application/x-ndjson", "application/x-jsonlines", "text/plain"),
    "json": ("application/json",),
    "fixed": ("text/plain",),
    "xlsx": ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",),
    "xml": ("application/xml", "text/xml"),
    "parquet": ("application/vnd.apache.parquet",),
}
COMPRESSION_TYPES = {"gzip": ("application/gzip", "application/x-gzip"), "zip": ("application/zip",)}


def check_media_type(feed: Feed, content_type: str) -> None:
    """Refuse content of a type that the feed does not take: 415."""
    types = COMPRESSION_TYPES.get(feed.compression, FORMAT_TYPES.get(feed.format, ()))
    choices = (*types, "application/octet-stream")
    if content_type not in choices:
        detail = f"The content is of type {content_type or 'nothing'!r}; this feed takes {', '.join(choices)}."
        raise RequestRefused(415, "Type not taken", detail)


def name_of_file(feed: Feed, given: str, key: str) -> str:
    """Return the name that a sender gave a file, or one made of the key of its request.

    Raises:
        RequestRefused: 422: the name is none of the feed's, or cannot be a file's name.
    """
    name = unicodedata.normalize("NFC", given) if given else name_from_key(feed, key)
    refusal = ""
    if UNSAFE_CHARACTERS.search(name) or not name.isprintable():
        refusal = "has characters that no file name may have"
    elif len(name.encode("utf-8", "replace")) > MAX_NAME_BYTES:
        refusal = f"is longer than {MAX_NAME_BYTES} bytes"
    elif not belongs_to_feed(name, feed):
        refusal = f"does not match `{feed.files}`" if given else "is needed: give one by `?name=`"
    if refusal:
        shown = f"The name {name[:80]!r}" if given else "A name"
        raise RequestRefused(422, "Name not taken", f"{shown} {refusal}.")
    return name


def name_from_key(feed: Feed, key: str) -> str:
    """Return a name of the feed's pattern that is different for each key."""
    digits = hashlib.sha256(key.encode()).hexdigest()[:12]
    readable = re.sub(r"[^A-Za-z0-9_-]+", "-", key).strip("-")[:60]
    return feed.files.replace("*", f"{readable}-{digits}".lstrip("-"), 1).replace("*", "")


def free_name(name: str, sha256: str, taken: Collection[str]) -> str:
    """Return the name, or one made of it, with digits of the content's digest, that is not taken."""
    stem, dot, suffix = name.rpartition(".")
    stem, dot, suffix = (stem, dot, suffix) if stem else (name, "", "")
    names = [name, *(f"{stem}-{sha256[:digits]}{dot}{suffix}" for digits in (8, 16, 32))]
    return next((choice for choice in names if choice not in taken), names[-1])
