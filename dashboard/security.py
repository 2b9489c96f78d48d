"""Security headers of every response; host and method checks of every request."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING

from flask import Response, abort, current_app, g, request

if TYPE_CHECKING:
    import logging

#: The hash is that of the empty style element that Plotly adds.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


#: For a year, browsers ask for this host by TLS alone; sent over TLS only.
HSTS = "max-age=31536000"

#: Host names of this machine. Any other name means that a foreign site resolves to us (DNS rebinding).
LOCAL_HOSTS = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.IGNORECASE)


READ_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

#: Endpoints that write and check the signature of each request themselves, so that they need no account.
SIGNED_ENDPOINTS = frozenset({"intake.receive"})


def client_network(address: str) -> str:
    """Return the address of a client by which it is counted: of IPv6 its network, as it has all of that."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address[:100]
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return str(IPv6Network((int(parsed), 64), strict=False))
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


def reject_foreign_and_writing() -> None:
    """Reject requests for a foreign host (DNS rebinding) and every method that writes, but for what is signed."""
    if not LOCAL_HOSTS.fullmatch(request.headers.get("Host", "")):
        abort(403, "This dashboard answers only to localhost.")
    is_signed = request.endpoint in SIGNED_ENDPOINTS and current_app.config["MILEPOST"].intake is not None
    if request.method not in READ_METHODS and not is_signed:
        abort(405)


#: A path with the secret of a shared page.
SHARED_PATH = re.compile(r"/s/[\w-]+")


def hide_secrets(record: logging.LogRecord) -> bool:
    """Take the secrets of shared pages out of a line of the log; a filter of a logger, which lets each line pass."""
    record.msg, record.args = SHARED_PATH.sub("/s/…", record.getMessage()), ()
    return True


def add_headers(response: Response) -> Response:
    """Add the security headers, and an ETag to every page without one."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers.setdefault("Strict-Transport-Security", HSTS)
    if g.get("visitor"):
        response.headers.setdefault("Cache-Control", "private, no-cache")  # pages of errors, too
    if response.status_code == 200 and not response.direct_passthrough and "ETag" not in response.headers:
        response.headers.setdefault("Cache-Control", "no-cache")
        response.add_etag()
        response.make_conditional(request)
    return response
