"""An address whose requests are signed, or carry an access token that changes."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from poc.errors import DeliveryFailed
from poc.transports.secrets import MASK, Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from poc.credentials.access_tokens import AccessTokens
    from poc.credentials.token_answer import AccessToken
    from poc.credentials.webhook_signature import WebhookSigner
    from poc.transports.http import HttpEndpoint, RequestPreview

#: The answer of a partner that does not accept our credentials.
UNAUTHORIZED = "http-401"


class AuthorizedEndpoint:
    """The URL that receives one feed of one partner, with signatures, access tokens, or both.

    Args:
        to_url: makes the endpoint that sends these secret headers with each request.
        signer: signs the requests, if there is one.
        tokens: gives the access token, if the partner wants one.
        clock_s: a monotonic clock.
    """

    def __init__(
        self,
        to_url: Callable[[Mapping[str, Secret]], HttpEndpoint],
        signer: WebhookSigner | None,
        tokens: AccessTokens | None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._to_url = to_url
        self._signer = signer
        self._tokens = tokens
        self._clock_s = clock_s
        self._plain = to_url({})
        self._authorized: tuple[AccessToken, HttpEndpoint] | None = None

    def post(self, body: bytes, headers: Mapping[str, str], now: datetime) -> bool:
        """Deliver one body, as `HttpEndpoint.post` does.

        After a 401 the access token is fetched anew, and the request sent once more with the same key.

        Raises:
            DeliveryFailed: also where there is no access token, so that nothing was sent.
        """
        start_s = self._clock_s()
        if self._tokens is None:
            return self._plain.post(body, self._signed(body, headers, now, start_s), now)
        token = self._tokens.get(now)
        try:
            return self._with(token).post(body, self._signed(body, headers, now, start_s), now)
        except DeliveryFailed as failure:
            if failure.code != UNAUTHORIZED:
                raise
        token = self._tokens.replace(token, now)
        try:
            return self._with(token).post(body, self._signed(body, headers, now, start_s), now)
        except DeliveryFailed as failure:
            if failure.code != UNAUTHORIZED:
                raise
            message = f"{failure}; the access token was a new one of {self._tokens.url}"
            kind, wait_s = failure.kind, failure.wait_s
            raise DeliveryFailed(UNAUTHORIZED, message, kind=kind, wait_s=wait_s, answer=failure.answer) from None

    def ask(self) -> int:
        """Return the status of the partner's answer to OPTIONS, sent with an access token. Raises DeliveryFailed."""
        return (self._plain if self._tokens is None else self._with(self._tokens.get(datetime.now(UTC)))).ask()

    def preview(self, body: bytes, headers: Mapping[str, str]) -> RequestPreview:
        """Return the request that `post` would send, with secrets, signature and access token masked."""
        shown = dict(headers)
        if self._signer is not None:
            shown |= {"webhook-id": message_id(headers), "webhook-timestamp": MASK, "webhook-signature": MASK}
        endpoint = self._plain if self._tokens is None else self._to_url({"Authorization": Secret("Bearer")})
        return endpoint.preview(body, shown)

    def _with(self, token: AccessToken) -> HttpEndpoint:
        """Return the endpoint that sends a token."""
        authorized = self._authorized
        if authorized is None or authorized[0] is not token:
            authorized = self._authorized = token, self._to_url({"Authorization": token.authorization})
        return authorized[1]

    def _signed(self, body: bytes, headers: Mapping[str, str], now: datetime, start_s: float) -> Mapping[str, str]:
        """Return the headers of a request with those of its signature; `now` was the time at `start_s`."""
        if self._signer is None:
            return headers
        sent_at_s = int(now.timestamp() + self._clock_s() - start_s)
        return {**headers, **self._signer.headers(message_id(headers), sent_at_s, body)}


def message_id(headers: Mapping[str, str]) -> str:
    """Return the id by which a receiver knows a request again: its key; one that has none is never repeated."""
    return headers.get("Idempotency-Key", "").strip('"') or secrets.token_hex(16)
