"""Serve plotly.js out of the installed wheel, and `/metrics`."""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from flask import Blueprint, Response, abort, current_app, request

from dashboard.pages import metrics_endpoint
from dashboard.pages.request import settings

#: Lets Chromium compile all of the script beside the page while it comes in, and not on the page's own thread when it
#: runs (explicit compile hints of V8; to other browsers a comment).
HINT = b"//# allFunctionsCalledOnLoad\n"


@dataclass(frozen=True, kw_only=True)
class PlotlyScript:
    """The script that draws the charts, with the version of the wheel it came in."""

    path: Path
    version: str

    @classmethod
    def find(cls) -> PlotlyScript:
        """Find it where plotly is installed.

        Raises:
            FileNotFoundError: plotly is not installed, or its wheel has no script.
        """
        spec = find_spec("plotly")
        places = list(spec.submodule_search_locations or ()) if spec else []
        for place in places:
            path = Path(place) / "package_data" / "plotly.min.js"
            if path.is_file():
                return cls(path=path, version=version("plotly"))
        raise FileNotFoundError("plotly.min.js; `pip install plotly` brings it")

    @cached_property
    def style_ids(self) -> tuple[str, ...]:
        """Ids of the style sheets it adds unless an element of that id is there; a strict policy refuses them."""
        return tuple(re.findall(r'getElementById\("([0-9a-f]{64})"\)', self.path.read_text(encoding="utf-8")))

    @property
    def plain(self) -> bytes:
        """The script as it is served, under one line of ours."""
        return HINT + self.path.read_bytes()

    @cached_property
    def compressed(self) -> bytes:
        """The same, gzip'd at its first use; the same bytes each time."""
        return gzip.compress(self.plain, mtime=0)


FOREVER = "public, max-age=31536000, immutable"


pages = Blueprint("static_files", __name__)


@pages.get("/metrics")
def metrics() -> Response:
    """What was measured, for whoever scrapes it; the form is the one that the request accepts."""
    body, content_type = metrics_endpoint.exposition(settings(), request.headers.get("Accept", ""))
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
