"""plotly.js as browsers get it, and that no request imports plotly's Python."""

from __future__ import annotations

import gzip
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import dashboard
import roadmap

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient


def test_plotly_is_served_compressed_and_immutable(client: FlaskClient, get_html: Callable) -> None:
    """The script is the wheel's own, gzip'd, for ever under its version; another version is not there."""
    scripts = [script["src"] for script in get_html(client, "/").all("script", src=True)]
    (address,) = (src for src in scripts if src.startswith("/assets/plotly-"))
    response = client.get(address, headers={"Accept-Encoding": "gzip"})
    assert response.headers["Content-Encoding"] == "gzip"
    assert "immutable" in response.headers["Cache-Control"]
    assert gzip.decompress(response.data) == client.get(address).data
    assert client.get("/assets/plotly-0.0.0.min.js").status_code == 404


def test_no_request_imports_plotly(made_up: Callable[..., Path]) -> None:
    """A page is made without plotly's Python in memory."""
    program = (
        "import sys, pathlib, dashboard.app as a, dashboard.config as c\n"
        "plan = pathlib.Path(a.__file__).parents[1] / 'roadmap' / 'milestones.toml'\n"
        f"store = pathlib.Path({str(made_up(weeks=2))!r})\n"
        "config = c.Config(store=store, milestones=plan, built=1, workspace_name='w')\n"
        "client = a.create_app(config).test_client()\n"
        "print(client.get('/').status_code, client.get('/milestones').status_code, 'plotly' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["200", "200", "False"], done.stderr


def test_every_styled_class_is_on_some_page() -> None:
    """A class that is renamed in a template and not in its style sheet loses its style without a sign."""
    folder = Path(dashboard.__file__).parent
    rules = re.sub(
        r"/\*.*?\*/", "", "".join(sheet.read_text() for sheet in folder.glob("static/*.css")), flags=re.DOTALL
    )
    styled = set(re.findall(r"\.([a-zA-Z][\w-]*)(?=[^{}]*\{)", rules))
    rooms = (folder, Path(roadmap.__file__).parent)
    sources = [path for room in rooms for path in room.rglob("*") if path.suffix in {".html", ".js", ".py"}]
    written = set(re.findall(r"[a-zA-Z][\w-]*", "".join(path.read_text() for path in sources)))
    assert {name for name in styled - written if not name.startswith("rows-")} == set()
