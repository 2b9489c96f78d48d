"""Charts as data: JSON, CSV, and the figure in the page."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

import plotly.graph_objects as go
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient


@pytest.mark.parametrize("name", ["busy", "failed", "plan", "gains-M1"])
def test_data_behind_a_chart(client: FlaskClient, name: str) -> None:
    """JSON carries the rows and a valid figure; CSV carries the same rows."""
    body = client.get(f"/charts/{name}.json").json
    assert body is not None
    assert go.Figure(body["figure"]).data
    rows = list(csv.DictReader(io.StringIO(client.get(f"/charts/{name}.csv").text)))
    assert len(rows) == len(body["rows"]) > 0
    assert list(rows[0]) == list(body["columns"])


def test_charts_of_the_other_faults_differ(client: FlaskClient, values_of: Callable) -> None:
    """The switch changes the numbers, and says which are shown."""
    calm, hard = (client.get(f"/charts/failed.json?faults={faults}").json for faults in ("none", "standard"))
    assert calm is not None
    assert hard is not None
    assert calm["rows"] != hard["rows"]
    (busy, failed) = values_of(client, "/?faults=none")["charts"]
    assert "Without faults" in busy.what
    assert "Without faults" in failed.what


def test_an_unknown_value_gets_a_notice(client: FlaskClient) -> None:
    """A value that is none of the choices is named with them; data addresses refuse it."""
    assert "“faults=wild” is not one of standard, none; standard is shown." in client.get("/?faults=wild").text
    assert client.get("/charts/busy.json?faults=wild").status_code == 400
    assert client.get("/charts/busy.csv?fault=none").status_code == 400


def test_json_is_what_the_page_draws(client: FlaskClient, get_html: Callable) -> None:
    """The figure in the page and the figure behind its JSON link are the same."""
    body = client.get("/charts/busy.json").json
    assert body is not None
    assert json.loads(get_html(client, "/").one("script", id="figure-busy").source) == body["figure"]
