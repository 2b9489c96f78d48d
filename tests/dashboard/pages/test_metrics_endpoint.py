"""`GET /metrics`, as a scraper asks for it."""

from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read

import roadmap
from dashboard.service_state import BreakerNow, FeedNow, Problem, ServiceState, ServiceUnreadable
from metrics.store.database import open_store
from metrics.store.writer import insert_events
from roadmap.plan.loader import load_plan
from roadmap.plan.revisions import record_plans

NOON = datetime(2026, 3, 29, 12, tzinfo=UTC)

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
    assert sorted(labels["milestone"] for labels in true) == ["M1", "M2", "M3", "M4", "M5", "M6"]
    assert client.get("/metrics").headers["Content-Type"].startswith("text/plain; version=0.0.4")


def test_without_a_store_it_is_valid_and_nearly_empty(app_on, tmp_path):
    """A scraper that comes first finds the workspace and its clock, not an error."""
    answer = app_on(tmp_path / "none.db", clock="live").test_client().get("/metrics", headers=OPEN)
    assert answer.status_code == 200
    assert [(s.name, s.labels) for s in samples(answer)] == [
        ("milepost_workspace_info", {"name": "demo", "clock": "live"}),
        ("milepost_plan_valid", {}),
    ]
    assert not (tmp_path / "none.db").exists()


def test_a_live_store_without_runs_has_no_status(app_on, tmp_path):
    """Nothing has been measured, so nothing is judged."""
    open_store(tmp_path / "live.db", "live").close()
    app = app_on(tmp_path / "live.db", clock="live", today=lambda: date(2013, 5, 1))
    found = samples(app.test_client().get("/metrics", headers=OPEN))
    assert {s.name for s in found} == {"milepost_workspace_info", "milepost_plan_valid"}


def test_a_plan_that_has_blocks_enough_in_days_is_judged(app_on, tmp_path, a_run):
    """In production a block is a day: what is due after three weeks has evidence enough by then."""
    run = a_run(mode="live", block="2013-01-08", block_end="2013-01-08")
    live_run = replace(run, key=replace(run.key, faults="real", series=""))
    with closing(open_store(tmp_path / "live.db", "live")) as db, db.conn:
        insert_events(db, [("run", live_run)])
    (tmp_path / "plan.toml").write_text(
        'schema = 1\n[[milestone]]\ncode = "M1"\ntitle = "t"\nobjective = "o"\nsubject = "service@1"\n'
        'start = 2013-01-07\ndue = 2013-01-28\n[[milestone.metric]]\nname = "busy_time_saved"\nat_least = 0.3\n'
    )
    app = app_on(tmp_path / "live.db", clock="live", today=lambda: date(2013, 1, 9), milestones=tmp_path / "plan.toml")
    answer = app.test_client().get("/metrics", headers=OPEN)
    assert answer.status_code == 200
    assert [s.labels["milestone"] for s in samples(answer) if s.name == "milepost_milestone_status" and s.value] == [
        "M1"
    ]


def not_toml(path, _):
    """A milestone file that somebody is still writing."""
    path.write_text("[[milestone]\n")


def gone(path, _):
    """A milestone file that is not there."""
    path.unlink()


def other_plan(path, store):
    """A milestone file that hides the plan that was recorded: another due date under the same revision."""
    with closing(open_store(store, "replay")) as db:
        record_plans(db, load_plan(path), date(2013, 2, 3), 1)
    path.write_text(path.read_text().replace("2013-03-31", "2013-03-24"))


@pytest.mark.parametrize("spoil", [not_toml, gone, other_plan])
def test_a_broken_plan_takes_no_counter_along(app_on, made_up, tmp_path, spoil):
    """What was counted is told all the same, no milestone has a status, and the gauge says why."""
    store, path = made_up(weeks=4), tmp_path / "milestones.toml"
    path.write_text(Path(roadmap.__file__).with_name("milestones.toml").read_text())
    client = app_on(store, milestones=path).test_client()
    before = samples(client.get("/metrics", headers=OPEN))
    spoil(path, store)
    answer = client.get("/metrics", headers=OPEN)
    found = samples(answer)
    assert (answer.status_code, answer.text.endswith("# EOF\n")) == (200, True)
    assert [[s.value for s in told if s.name == "milepost_plan_valid"] for told in (before, found)] == [[1], [0]]
    of_the_plan = {"milepost_plan_valid", "milepost_milestone_status"}
    assert [s for s in found if s.name not in of_the_plan] == [s for s in before if s.name not in of_the_plan]
    assert not any(s.name == "milepost_milestone_status" for s in found)


def test_the_wrong_clock_is_an_error(app_on, made_up):
    """A replay is never scraped as if it were live."""
    assert app_on(made_up(weeks=2), clock="live").test_client().get("/metrics").status_code == 503


def test_it_answers_to_this_machine_only(client):
    """As every page: a foreign name is refused, and nothing is changed by it."""
    assert client.get("/metrics", headers={"Host": "example.org"}).status_code == 403
    assert client.post("/metrics").status_code == 405


def test_gauges_say_how_the_service_stands_now(app_on, tmp_path):
    """Open alerts, what waits, its age, breakers and the last good exchange; what does not exist has no sample."""
    state = ServiceState(
        at=NOON,
        problems=(
            Problem(
                kind="partner_down", label="partner down", severity="critical", partner="AA", feed="", since=NOON,
                alerts=1, count=6, summary="", next_step="",
            ),
        ),
        feeds=(
            FeedNow(
                partner="AA", feed="flights", due=6, oldest_due_at=NOON - timedelta(hours=2), failed=1, refused=0,
                ambiguous=3, held_rows=7, last_good_at=NOON - timedelta(days=1), overdue=2,
            ),
            FeedNow(
                partner="UA", feed="flights", due=0, oldest_due_at=None, failed=0, refused=0, ambiguous=0, held_rows=0,
                last_good_at=None,
            ),
        ),
        breakers=(BreakerNow(partner="AA", feed="", state="open"),),
    )  # fmt: skip
    app = app_on(tmp_path / "none.db", clock="live", service=lambda: state)
    values = {
        (s.name.removeprefix("milepost_"), *sorted(filter(None, s.labels.values()))): s.value
        for s in samples(app.test_client().get("/metrics", headers=OPEN))
    }
    assert values["service_readable",] == 1
    assert values["open_alerts", "AA", "critical", "partner_down"] == 1
    assert [values["exchanges_waiting", "AA", *pair] for pair in (("due", "flights"), ("failed", "flights"))] == [6, 1]
    assert values["oldest_due_age_seconds", "AA", "flights"] == 7200
    assert (values["ambiguous_requests", "AA", "flights"], values["quarantined_rows_held", "AA", "flights"]) == (3, 7)
    assert values["overdue_files", "AA", "flights"] == 2
    assert values["last_good_exchange_timestamp_seconds", "AA", "flights"] == (NOON - timedelta(days=1)).timestamp()
    assert values["circuit_breaker_state", "AA", "open"] == 1
    assert values["circuit_breaker_state", "AA", "closed"] == 0
    assert ("oldest_due_age_seconds", "UA", "flights") not in values
    assert ("last_good_exchange_timestamp_seconds", "UA", "flights") not in values


def test_an_unreadable_ledger_leaves_one_gauge(app_on, tmp_path):
    """Nothing stale is exported as if it were so now."""

    def locked():
        raise ServiceUnreadable("ledger.db: database is locked")

    app = app_on(tmp_path / "none.db", clock="live", service=locked)
    values = {s.name: s.value for s in samples(app.test_client().get("/metrics", headers=OPEN))}
    assert values == {"milepost_workspace_info": 1, "milepost_plan_valid": 1, "milepost_service_readable": 0}
