"""Keys of Standard Webhooks by which partners sign what they send, and by which receipts are signed for them."""

from __future__ import annotations

import base64
import hmac
from typing import TYPE_CHECKING

from poc.credentials.webhook_signature import WebhookSigner, decode_key
from poc.transports.secrets import resolve_secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

#: The most seconds that the time of a message may be away from the clock.
TOLERANCE_S = 300


def load_keys(references: Iterable[str], environ: Mapping[str, str], root: Path) -> list[bytes]:
    """Return the keys of references to secrets.

    Raises:
        BadInput: a secret cannot be read, or is no key; the message shows nothing of it.
    """
    return [decode_key(resolve_secret(reference, environ, root), reference) for reference in references]


def signature_headers(keys: Sequence[bytes], message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """Return the headers of a message, with a signature by each key; none without a key."""
    return WebhookSigner(keys).headers(message_id, at_s, body) if keys else {}


class MessageMac:
    """The signature of one message by one key, computed while its bytes arrive."""

    def __init__(self, key: bytes, message_id: str, timestamp: str) -> None:
        self._mac = hmac.new(key, f"{message_id}.{timestamp}.".encode(), "sha256")

    def update(self, data: bytes) -> None:
        """Add the next bytes of the message."""
        self._mac.update(data)

    def is_among(self, header: str) -> bool:
        """Return whether a header with one or more signatures has this one."""
        own = b"v1," + base64.b64encode(self._mac.digest())
        return any(hmac.compare_digest(own, text.encode("utf-8", "replace")) for text in header.split(" "))


def is_recent(timestamp: str, now_s: float) -> bool:
    """Return whether the time of a message is near enough to the clock that it is no old one, sent again."""
    return timestamp.isascii() and timestamp.isdigit() and abs(int(timestamp[:15]) - now_s) <= TOLERANCE_S
