"""What is not a page: plotly.js out of the installed wheel, and `/metrics` for whoever scrapes it."""

from __future__ import annotations

from flask import Blueprint, Response, abort, current_app, request

from dashboard import scrape
from dashboard.pages.shared import settings

FOREVER = "public, max-age=31536000, immutable"

pages = Blueprint("files", __name__)


@pages.get("/metrics")
def metrics() -> Response:
    """What was measured, for whoever scrapes it; the form is the one that the request accepts."""
    body, content_type = scrape.exposition(settings(), request.headers.get("Accept", ""))
    return Response(body, content_type=content_type, headers={"Vary": "Accept"})


@pages.get("/assets/plotly-<version>.min.js")
def plotly_js(version: str) -> Response:
    """plotly.js out of the installed wheel, for ever the same under its version."""
    script = current_app.extensions["plotly"]
    if version != script.version:
        abort(404)
    headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
    if request.accept_encodings["gzip"]:
        return Response(script.compressed, mimetype="text/javascript", headers=headers | {"Content-Encoding": "gzip"})
    return Response(script.plain, mimetype="text/javascript", headers=headers)
