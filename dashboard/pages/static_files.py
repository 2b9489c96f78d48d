"""Serve plotly.js from the installed wheel, and `/metrics`."""

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
from dashboard.pages.request import service_reader, settings

#: Lets Chromium compile the whole script in the background while it loads, not on the page's thread when it runs
#: (explicit compile hints of V8; a comment to other browsers).
HINT = b"//# allFunctionsCalledOnLoad\n"


@dataclass(frozen=True, kw_only=True)
class PlotlyScript:
    """The script that draws the charts, with the version of its wheel."""

    path: Path
    version: str

    @classmethod
    def find(cls) -> PlotlyScript:
        """Find the script in the installed plotly package.

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
        """Ids of the style sheets that the script adds unless an element has the id; our policy refuses them."""
        return tuple(re.findall(r'getElementById\("([0-9a-f]{64})"\)', self.path.read_text(encoding="utf-8")))

    @property
    def plain(self) -> bytes:
        """The script as it is served, after one line of ours."""
        return HINT + self.path.read_bytes()

    @cached_property
    def compressed(self) -> bytes:
        """The script compressed with gzip at its first use; the same bytes each time."""
        return gzip.compress(self.plain, mtime=0)


FOREVER = "public, max-age=31536000, immutable"


blueprint = Blueprint("static_files", __name__)


@blueprint.get("/metrics")
def metrics() -> Response:
    """Return the metrics for a scraper, in the format that the request accepts."""
    body, content_type = metrics_endpoint.exposition(settings(), service_reader(), request.headers.get("Accept", ""))
    return Response(body, content_type=content_type, headers={"Vary": "Accept"})


@blueprint.get("/assets/plotly-<version>.min.js")
def plotly_js(version: str) -> Response:
    """Return plotly.js, which never changes under its version."""
    script = current_app.extensions["plotly"]
    if version != script.version:
        abort(404)
    headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
    if request.accept_encodings["gzip"]:
        return Response(script.compressed, mimetype="text/javascript", headers=headers | {"Content-Encoding": "gzip"})
    return Response(script.plain, mimetype="text/javascript", headers=headers)
