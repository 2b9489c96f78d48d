"""Make the endpoint of a partner whose file has tables of credentials."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from poc.config.credentials import REFERENCE
from poc.credentials.access_tokens import AccessTokens, make_token_request
from poc.credentials.authorized_endpoint import AuthorizedEndpoint
from poc.credentials.webhook_signature import WebhookSigner, decode_key
from poc.transports.secrets import Secret, resolve_secret, resolve_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from poc.config.endpoint import EndpointConfig
    from poc.transports.http import HttpEndpoint
    from poc.transports.http_connection import HttpSession
    from poc.transports.tls import TlsFiles


def make_endpoint(
    partner: str,
    settings: EndpointConfig,
    to_url: Callable[[Mapping[str, Secret]], HttpEndpoint],
    session: HttpSession,
    tls: TlsFiles,
    environ: Mapping[str, str],
    root: Path,
) -> HttpEndpoint | AuthorizedEndpoint:
    """Return the endpoint of a partner, with all secrets read.

    Args:
        partner: the partner's id.
        settings: of its endpoint.
        to_url: makes the endpoint that sends these secret headers, besides those of the file.
        session: keeps the access token, so that all feeds of the partner share it.
        tls: certificates for the address of the token server, too.
        environ: the environment in which secrets are looked up.
        root: the workspace.

    Raises:
        BadInput: a secret is missing or cannot be used.
    """

    def text(value: str) -> Secret:
        is_reference = REFERENCE.fullmatch(value)
        return resolve_text(value, environ, root) if is_reference else Secret(value)

    headers = {}
    if settings.basic is not None:
        pair = f"{text(settings.basic.user).reveal()}:{text(settings.basic.password).reveal()}"
        headers["Authorization"] = Secret(f"Basic {base64.b64encode(pair.encode()).decode('ascii')}")
    if settings.bearer is not None:
        token = resolve_secret(settings.bearer.token, environ, root)
        headers["Authorization"] = Secret(f"Bearer {token.reveal()}")
    signer = tokens = None
    if settings.sign is not None:
        keys = [decode_key(resolve_secret(key, environ, root), key) for key in settings.sign.keys]
        signer = WebhookSigner(keys)
    if settings.oauth2 is not None:
        of_oauth2 = settings.oauth2
        request = make_token_request(of_oauth2, text(of_oauth2.client_id), text(of_oauth2.client_secret), session, tls)
        tokens = session.shared((partner, of_oauth2, tls), lambda: AccessTokens(partner, of_oauth2))
        tokens.use(request)
    if signer is None and tokens is None:
        return to_url(headers)
    return AuthorizedEndpoint(lambda more: to_url({**headers, **more}), signer, tokens)
