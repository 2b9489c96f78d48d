"""How people sign in to the dashboard, from `[web]` of a workspace."""

from __future__ import annotations

import os
from importlib.util import find_spec
from time import time_ns
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from dashboard.access.provider import Provider
    from dashboard.access.settings import Access
    from dashboard.tls import TlsFront
    from poc.config.settings.web import OidcSettings, WebSettings


#: The extra of each way to sign in, with its packages.
EXTRAS = {"local": ("access", ("argon2",)), "oidc": ("oidc", ("authlib", "joserfc"))}


def make_access(web: WebSettings, root: Path) -> Access | None:
    """Return how people sign in; None where nobody does. `root` is the workspace."""
    from dashboard.access.settings import Access
    from dashboard.cli.console import accounts_path

    if web.sign_in == "none":
        return None
    check_extra(web.sign_in)
    return Access(
        path=accounts_path(root),
        public_url=web.public_url.rstrip("/"),
        proxies=web.proxies,
        now_us=lambda: time_ns() // 1000,
        provider=None if web.oidc is None else make_provider(web.oidc, root),
    )


def make_tls(web: WebSettings, listener: socket.socket, cert: Path | None, key: Path | None) -> TlsFront | None:
    """Return what ends TLS on a socket; None without a certificate.

    Raises:
        CertificateUnusable: one of the two files is missing or cannot be used, nobody reaches the dashboard by TLS,
            or `X-Forwarded-For` is trusted although clients connect directly.
    """
    from dashboard.tls import CertificateUnusable, TlsFront

    if cert is None and key is None:
        return None
    if cert is None or key is None:
        raise CertificateUnusable("--cert and --key go together; give both")
    if web.sign_in == "none" or not web.public_url.startswith("https:"):
        raise CertificateUnusable(
            '--cert needs a sign-in and a `public_url` that begins with "https:", below `[web]` in milepost.toml'
        )
    if web.proxies:
        raise CertificateUnusable(
            "--cert lets clients connect directly, who could forge the `X-Forwarded-For` that "
            f"`proxies = {web.proxies}` trusts; set `proxies = 0` below `[web]`, or let the proxy do the TLS"
        )
    return TlsFront(listener, cert, key)


def check_extra(sign_in: str) -> None:
    """Refuse to serve where what a sign-in needs is not installed. Raises AccessRefused."""
    from dashboard.access.errors import AccessRefused

    extra, packages = EXTRAS[sign_in]
    if missing := [name for name in packages if find_spec(name) is None]:
        raise AccessRefused(
            f'`sign_in = "{sign_in}"` needs {" and ".join(missing)} of the extra `{extra}`: '
            f"pip install 'milepost[{extra}]'"
        )


def make_provider(settings: OidcSettings, root: Path) -> Provider:
    """Return the provider by which people sign in; its secret is read when it is needed."""
    from dashboard.access.errors import ProviderFailed
    from dashboard.access.provider import Provider, ProviderSettings
    from poc.errors import BadInput
    from poc.transports.secrets import resolve_secret

    def client_secret() -> str:
        if not settings.client_secret:
            return ""
        try:
            return resolve_secret(settings.client_secret, os.environ, root).reveal()
        except BadInput as error:  # the page that says it is open to everybody, so that it names no path
            raise ProviderFailed(
                "the client secret of this dashboard cannot be read; tell its administrator"
            ) from error

    return Provider(
        ProviderSettings(
            issuer=settings.issuer,
            client_id=settings.client_id,
            client_secret=client_secret,
            name_claim=settings.name_claim,
            roles_claim=settings.roles_claim,
            roles=settings.roles,
            scopes_claim=settings.scopes_claim,
        )
    )
