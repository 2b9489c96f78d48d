"""Signatures of the Standard Webhooks specification, version 1: HMAC-SHA256 over id, time and body.

The signed content is `ID.TIMESTAMP.BODY`; a body is hashed where it lies, without a copy.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from typing import TYPE_CHECKING

from poc.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from poc.transports.secrets import Secret

#: How a symmetric key begins, and the fewest bytes that it may have.
PREFIX, MIN_KEY_BYTES = "whsec_", 24


class WebhookSigner:
    """Signs messages with one key, or with several while the receiver changes from one to the next.

    Args:
        keys: decoded keys; each gives a signature.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._begun = [hmac.new(key, digestmod="sha256") for key in keys]

    def __repr__(self) -> str:
        return "WebhookSigner(...)"

    def headers(self, message_id: str, sent_at_s: int, body: bytes) -> dict[str, str]:
        """Return the three headers that a message is sent with.

        Args:
            message_id: the same in each repetition of the message.
            sent_at_s: when it is sent, in seconds since 1970.
            body: as it is sent.
        """
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(sent_at_s),
            "webhook-signature": self.sign(message_id, sent_at_s, body),
        }

    def sign(self, message_id: str, sent_at_s: int, body: bytes) -> str:
        """Return the signatures of all keys, separated by spaces."""
        head = f"{message_id}.{sent_at_s}.".encode()
        signatures = []
        for begun in self._begun:
            digest = begun.copy()
            digest.update(head)
            digest.update(body)
            signatures.append(f"v1,{base64.b64encode(digest.digest()).decode('ascii')}")
        return " ".join(signatures)


def decode_key(secret: Secret, name: str) -> bytes:
    """Return the bytes of a key, `whsec_` and Base64. Raises BadInput, which shows `name` and never the key."""
    text = secret.reveal()
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True) if text.startswith(PREFIX) else b""
    except binascii.Error:
        key = b""
    if len(key) < MIN_KEY_BYTES:
        need = f"write `{PREFIX}` and Base64 of at least {MIN_KEY_BYTES} bytes"
        raise BadInput(f"the secret {name} is no key of Standard Webhooks: {need}") from None
    return key
