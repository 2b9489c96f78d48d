"""Headers of every response, and the check of host and method of every request."""

from __future__ import annotations

import re

from flask import Response, abort, request

#: The hash is that of the empty style element Plotly makes.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='; "
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


#: Names by which this machine calls itself; any other is a page elsewhere that was pointed at us.
OWN_NAMES = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?", re.IGNORECASE)


READING = frozenset({"GET", "HEAD", "OPTIONS"})


def refuse_foreign_and_writing() -> None:
    """Refuse requests under a foreign name (DNS rebinding) and every method that writes."""
    if not OWN_NAMES.fullmatch(request.headers.get("Host", "")):
        abort(403, "This dashboard answers only to localhost.")
    if request.method not in READING:
        abort(405)


def add_headers(response: Response) -> Response:
    """Add the security headers, and an ETag to every page that has none."""
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if response.status_code == 200 and not response.direct_passthrough and "ETag" not in response.headers:
        response.headers.setdefault("Cache-Control", "no-cache")
        response.add_etag()
        response.make_conditional(request)
    return response
