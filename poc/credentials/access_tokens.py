"""The access token of a partner, by OAuth2 client credentials: fetched when needed, kept, and shared by all threads."""

from __future__ import annotations

import base64
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import quote_plus, urlencode

from poc.credentials.token_answer import MAX_TOKEN_BYTES, AccessToken, read_token, unavailable
from poc.errors import DeliveryFailed
from poc.transports.http import HttpEndpoint
from poc.transports.secrets import Secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from poc.config.credentials import OAuth2Config
    from poc.transports.http_connection import HttpSession
    from poc.transports.tls import TlsFiles

#: Seconds that threads wait longer for the thread that fetches than that thread itself may take.
MARGIN_S = 5.0

#: What came of a fetch.
Fetched: TypeAlias = "AccessToken | DeliveryFailed"


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """The request for a token: where it is sent, its form, and what must not be shown of its answer."""

    endpoint: HttpEndpoint
    form: Secret
    masks: tuple[Secret, ...]


def make_token_request(
    settings: OAuth2Config, client_id: Secret, client_secret: Secret, session: HttpSession, tls: TlsFiles
) -> TokenRequest:
    """Return the request for a token (RFC 6749, sections 2.3.1 and 4.4.2). Raises BadInput."""
    form = {"grant_type": "client_credentials"}
    form |= {key: text for key in ("scope", "audience") if (text := getattr(settings, key))}
    headers = {}
    if settings.auth == "basic":
        pair = f"{quote_plus(client_id.reveal())}:{quote_plus(client_secret.reveal())}"
        headers["Authorization"] = Secret(f"Basic {base64.b64encode(pair.encode()).decode('ascii')}")
    else:
        form |= {"client_id": client_id.reveal(), "client_secret": client_secret.reveal()}
    endpoint = HttpEndpoint(
        session,
        settings.token_url,
        settings.timeout_s,
        headers,
        "application/x-www-form-urlencoded",
        plain_headers={"Accept": "application/json"},
        tls=tls,
    )
    return TokenRequest(endpoint, Secret(urlencode(form)), (client_secret, *headers.values()))


class AccessTokens:
    """Gives the current access token of a partner to its requests.

    One thread fetches at a time; those that need a token meanwhile wait for what comes of it, a failure included.

    Args:
        partner: the partner's id, for messages.
        settings: how the token is asked for.
        clock_s: a monotonic clock.
    """

    def __init__(self, partner: str, settings: OAuth2Config, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.url = settings.token_url
        self._partner = partner
        self._wait_s = settings.longest_fetch_s + MARGIN_S
        self._clock_s = clock_s
        self._request: TokenRequest | None = None
        self._lock = threading.Lock()
        self._token: AccessToken | None = None
        self._fetch: Future[Fetched] | None = None

    def use(self, request: TokenRequest) -> None:
        """Ask for later tokens by this request; the present one stays as long as it is valid."""
        self._request = request

    def get(self, now: datetime) -> AccessToken:
        """Return a token that is valid. Raises DeliveryFailed: there is none, and nothing was delivered."""
        token = self._token
        if token is not None and self._clock_s() < token.until_s:
            return token
        return self._renew(None, now)

    def replace(self, rejected: AccessToken, now: datetime) -> AccessToken:
        """Return another token than one that the partner did not accept. Raises DeliveryFailed."""
        return self._renew(rejected, now)

    def _renew(self, rejected: AccessToken | None, now: datetime) -> AccessToken:
        with self._lock:
            token = self._token
            if token is not None and token is not rejected and self._clock_s() < token.until_s:
                return token  # another thread fetched it meanwhile
            fetch = self._fetch
            fetches = fetch is None
            if fetch is None:
                fetch = self._fetch = Future()
        if fetches:
            self._run(fetch, now)
        try:
            result = fetch.result(self._wait_s)
        except TimeoutError:
            raise self._named(unavailable("another request waits for one, too")) from None
        if isinstance(result, AccessToken):
            return result
        raise self._named(result)

    def _run(self, fetch: Future[Fetched], now: datetime) -> None:
        """Fetch a token, keep it, and give it to those who wait."""
        result: Fetched = unavailable("its request was interrupted")
        try:
            result = self._request_token(now)
        finally:
            with self._lock:
                self._token = result if isinstance(result, AccessToken) else None
                self._fetch = None
            fetch.set_result(result)

    def _request_token(self, now: datetime) -> Fetched:
        request = self._request
        if request is None:
            raise RuntimeError("no request was set")
        start_s = self._clock_s()
        form = request.form.reveal().encode("ascii")
        try:
            try:
                answer = request.endpoint.fetch(form, MAX_TOKEN_BYTES + 1)
            except DeliveryFailed as failure:
                if not failure.reused:
                    raise
                answer = request.endpoint.fetch(form, MAX_TOKEN_BYTES + 1)  # the server had closed the kept connection
        except DeliveryFailed as failure:  # its text may repeat the form
            text = str(failure).removesuffix(f": {failure.answer}") if failure.answer else str(failure)
            return unavailable(text.removeprefix(f"{self.url}: "), blocked_s=failure.blocked_s)
        try:
            return read_token(answer, start_s, request.masks, now)
        except DeliveryFailed as failure:
            return failure

    def _named(self, failure: DeliveryFailed) -> DeliveryFailed:
        """Return a failure of its own for each thread, with the server and the partner in its message."""
        message = f"{self.url}: no access token for {self._partner}: {failure}"
        return DeliveryFailed(failure.code, message, failure.blocked_s, kind=failure.kind, wait_s=failure.wait_s)
