"""`GET /metrics`, as a scraper asks for it."""

from datetime import date

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read

OPEN = {"Accept": "application/openmetrics-text;version=1.0.0"}


def samples(answer):
    """All samples of an answer."""
    return [sample for family in read(answer.text) for sample in family.samples]


def test_runs_and_statuses_are_there(client):
    """The rollups and one true status a milestone, in the form that was asked for."""
    answer = client.get("/metrics", headers=OPEN)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    found = samples(answer)
    assert sum(s.value for s in found if s.name == "milepost_runs_total") > 1000
    true = [s.labels for s in found if s.name == "milepost_milestone_status" and s.value == 1]
    assert sorted(labels["milestone"] for labels in true) == ["M1", "M2", "M3", "M4"]
    assert client.get("/metrics").headers["Content-Type"].startswith("text/plain; version=0.0.4")


def test_without_a_store_it_is_valid_and_nearly_empty(app_on, tmp_path):
    """A scraper that comes first finds the workspace and its clock, not an error."""
    answer = app_on(tmp_path / "none.db", clock="live").test_client().get("/metrics", headers=OPEN)
    assert answer.status_code == 200
    assert [(s.name, s.labels) for s in samples(answer)] == [
        ("milepost_workspace_info", {"name": "demo", "clock": "live"})
    ]
    assert not (tmp_path / "none.db").exists()


def test_a_live_store_without_runs_has_no_status(app_on, tmp_path):
    """Nothing has been measured, so nothing is judged."""
    from metrics.store import open_store

    open_store(tmp_path / "live.db", "live").close()
    app = app_on(tmp_path / "live.db", clock="live", today=lambda: date(2013, 5, 1))
    assert {s.name for s in samples(app.test_client().get("/metrics", headers=OPEN))} == {"milepost_workspace_info"}


def test_the_wrong_clock_is_an_error(app_on, made_up):
    """A replay is never scraped as if it were live."""
    assert app_on(made_up(weeks=2), clock="live").test_client().get("/metrics").status_code == 503


def test_it_answers_to_this_machine_only(client):
    """As every page: a foreign name is refused, and nothing is changed by it."""
    assert client.get("/metrics", headers={"Host": "example.org"}).status_code == 403
    assert client.post("/metrics").status_code == 405
