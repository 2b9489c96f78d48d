"""Signatures of Standard Webhooks, version 1: HMAC-SHA256 over the id, the time and the bytes of a message.

Source: the Standard Webhooks specification, https://www.standardwebhooks.com.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING

from poc.errors import BadInput
from poc.transports.secrets import resolve_secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

#: How a key begins, and the fewest bytes that one may have.
KEY_PREFIX, MIN_KEY_BYTES = "whsec_", 24

#: The most seconds that the time of a message may be away from the clock.
TOLERANCE_S = 300


def load_keys(references: Iterable[str], environ: Mapping[str, str], root: Path) -> list[bytes]:
    """Return the keys of references to secrets.

    Raises:
        BadInput: a secret cannot be read, or is no key; the message shows nothing of it.
    """
    keys = []
    for reference in references:
        text = resolve_secret(reference, environ, root).reveal().removeprefix(KEY_PREFIX)
        try:
            key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        except binascii.Error:
            key = b""
        if len(key) < MIN_KEY_BYTES:
            raise BadInput(
                f"the secret {reference} is no key of Standard Webhooks: write `{KEY_PREFIX}` and Base64 of at least "
                f"{MIN_KEY_BYTES} random bytes"
            )
        keys.append(key)
    return keys


def signature_headers(keys: Sequence[bytes], message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """Return the headers of a message, with a signature by each key; none without a key."""
    if not keys:
        return {}
    signatures = [MessageMac(key, message_id, str(at_s)) for key in keys]
    for signature in signatures:
        signature.update(body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(signature.text() for signature in signatures),
    }


class MessageMac:
    """The signature of one message by one key, computed while its bytes arrive."""

    def __init__(self, key: bytes, message_id: str, timestamp: str) -> None:
        self._mac = hmac.new(key, f"{message_id}.{timestamp}.".encode(), "sha256")

    def update(self, data: bytes) -> None:
        """Add the next bytes of the message."""
        self._mac.update(data)

    def text(self) -> str:
        """Return the signature as the header has it."""
        return f"v1,{base64.b64encode(self._mac.digest()).decode()}"

    def is_among(self, header: str) -> bool:
        """Return whether a header with one or more signatures has this one."""
        own = self.text().encode()
        return any(hmac.compare_digest(own, text.encode("utf-8", "replace")) for text in header.split(" "))


def is_recent(timestamp: str, now_s: float) -> bool:
    """Return whether the time of a message is near enough to the clock that it is no old one, sent again."""
    return timestamp.isascii() and timestamp.isdigit() and abs(int(timestamp[:15]) - now_s) <= TOLERANCE_S
