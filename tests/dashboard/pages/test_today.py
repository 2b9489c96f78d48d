"""What needs a person: on its own page, on the home page, and in the state of each feed."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from dashboard.service_state import ExpectedFiles, ServiceState, ServiceUnreadable


@pytest.fixture
def live_app(app_on, live_store):
    """An app on a live store with a service."""
    return lambda service: app_on(live_store(), clock="live", today=lambda: date(2013, 4, 2), service=service)


def test_every_problem_is_listed_with_its_command(live_app, busy_service, get_html):
    """Today has all of them, the worst first, and links partners that have runs; home has the first three."""
    client = live_app(busy_service).test_client()
    shown = get_html(client, "/today")
    labels = ["Workspace problem", "Partner down", "3 files failed", "File refused"]
    assert [text for text in shown.texts("span") if text in labels] == labels
    assert "4 problems, 3 of them critical" in shown.text
    assert "milepost partner ls" in shown.texts("code")
    assert "/partners/AA" in [link["href"] for link in shown.all("a", href=True)]
    home = get_html(client, "/")
    assert [text for text in home.texts("span") if text in labels] == labels[:3]
    assert "Today" in home.texts("a")


def test_nothing_open_is_said_in_words(live_app, busy_service, get_html):
    """Without a problem, both pages say that nothing needs anybody."""
    client = live_app(lambda: ServiceState(at=busy_service().at)).test_client()
    assert "Nothing needs you." in get_html(client, "/today").texts("h2")
    assert "Nothing needs you." in get_html(client, "/").text


def test_today_needs_no_measurement(app_on, tmp_path, busy_service):
    """Before the first run was collected, problems of the service are shown already."""
    client = app_on(tmp_path / "none.db", clock="live", service=busy_service).test_client()
    assert "Partner down" in client.get("/today").text


def test_an_unreadable_ledger_is_said_and_never_shown_as_quiet(live_app):
    """Today answers 503 with the reason; the other pages show it as a notice and stay."""

    def locked():
        raise ServiceUnreadable("ledger.db: database is locked")

    client = live_app(locked).test_client()
    answer = client.get("/today")
    assert (answer.status_code, "ledger.db: database is locked" in answer.text) == (503, True)
    for path in ("/", "/partners", "/quarantine"):
        text = client.get(path).text
        assert "What is open now cannot be shown: ledger.db: database is locked" in text
        assert "Nothing needs you" not in text


def test_a_partner_that_is_down_is_not_on_time(live_app, busy_service, get_html):
    """The table, its CSV and the partner's own page have the state of what is open now; an earlier day has not."""
    client = live_app(busy_service).test_client()
    rows = [line.split(",") for line in client.get("/partners.csv").text.splitlines()]
    states = {cells[0]: cells[2] for cells in rows}
    assert (states["AA"], states["B6"], states["UA"]) == ("partner_down", "action_needed", "late")
    assert "Needs a person" in get_html(client, "/partners/AA").texts("h2")
    earlier = client.get("/partners.csv?as_of=2013-03-20").text
    assert "partner_down" not in earlier


def test_rows_held_now_stand_beside_all_rows_ever(live_app, busy_service, get_html):
    """Discarded and replayed rows are no longer held; the filter of the page holds for both."""
    client = live_app(busy_service).test_client()
    assert {"Held now", "Ever quarantined"} <= set(get_html(client, "/quarantine").texts("h2"))
    assert "12,345" in client.get("/quarantine").text
    assert "No row is in quarantine now." in client.get("/quarantine?partner=AA").text


def test_a_replay_has_no_today(client):
    """A replay exchanges nothing with anybody."""
    assert client.get("/today").status_code == 404
    assert "/today" not in client.get("/").text


def test_a_partner_shows_when_its_files_are_expected(live_app, busy_service, get_html):
    """Its own page has the rule, the last moment and the next ones of each feed, and of no other partner."""
    files = ExpectedFiles(
        partner="AA", feed="flights", rule="by 06:00 UTC", last="no file had come by 06:00 UTC", is_missing=True,
        next_due=("2013-04-03 06:00 UTC", "2013-04-04 06:00 UTC"),
    )  # fmt: skip
    client = live_app(lambda: replace(busy_service(), expected=(files,))).test_client()
    shown = get_html(client, "/partners/AA")
    assert "Expected files" in shown.texts("h2")
    for text in (files.rule, "missing", files.last, *files.next_due):
        assert text in shown.text
    assert "Expected files" not in get_html(client, "/partners/UA").texts("h2")


def test_today_shows_which_files_are_due_next(live_app, busy_service, get_html):
    """The first five of all feeds, the first first, by their moments and not by their texts."""

    def files(name, hours):
        return ExpectedFiles(
            partner="AA", feed=name, rule="", last="arrived", is_missing=False, next_due=(f"in {hours} h",),
            next_at=None if hours is None else busy_service().at + timedelta(hours=hours),
        )  # fmt: skip

    expected = (*(files(f"f{hours}", hours) for hours in (10, 9, 2, 30, 4, 5)), files("unknown", None))
    client = live_app(lambda: replace(busy_service(), expected=expected)).test_client()
    shown = get_html(client, "/today").text
    assert [name for name in ("f2", "f4", "f5", "f9", "f10", "f30", "unknown") if f"AA/{name}" in shown] == [
        "f2", "f4", "f5", "f9", "f10"
    ]  # fmt: skip
    assert shown.index("in 2 h") < shown.index("in 9 h") < shown.index("in 10 h")
