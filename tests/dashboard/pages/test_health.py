"""`/live` and `/ready`, as a probe asks for them."""

from datetime import UTC, datetime

from dashboard.service_state import ServiceState, ServiceUnreadable
from metrics.store.database import open_store

STATE = ServiceState(at=datetime(2026, 3, 29, tzinfo=UTC))


def test_a_new_service_is_live_and_ready(app_on, tmp_path):
    """Before anything was measured or exchanged there is nothing wrong."""
    client = app_on(tmp_path / "none.db", clock="live", service=lambda: STATE, stopped_jobs=lambda: "").test_client()
    assert (client.get("/live").status_code, client.get("/live").text) == (200, "live\n")
    assert (client.get("/ready").status_code, client.get("/ready").text) == (200, "ready\n")


def test_every_reason_is_named_while_it_is_not_ready(app_on, tmp_path):
    """A store of the other clock, a ledger that is locked, a job that has stopped: 503, and still live."""
    open_store(tmp_path / "replay.db", "replay").close()

    def locked():
        raise ServiceUnreadable("ledger.db: database is locked")

    settings = {"clock": "live", "service": locked, "stopped_jobs": lambda: "the job exchange has not succeeded"}
    client = app_on(tmp_path / "replay.db", **settings).test_client()
    answer = client.get("/ready")
    assert answer.status_code == 503
    assert answer.text == (
        f"not ready: {tmp_path / 'replay.db'}: holds replay runs, not live ones\n"
        "not ready: the state of the service cannot be read: ledger.db: database is locked\n"
        "not ready: the job exchange has not succeeded\n"
    )
    assert client.get("/live").status_code == 200
