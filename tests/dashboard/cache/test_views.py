"""What pages are made from: newest, kept for a while, made beside the readers, and honest about what went wrong."""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import roadmap
from dashboard.cache import views as cache_views
from dashboard.cache.views import Views
from dashboard.config import Config
from dashboard.errors import NoSuchDay, StillReading
from dashboard.pages.warm_up import page_addresses, warm_up
from metrics.measures import window

PLAN = Path(roadmap.__file__).with_name("milestones.toml")
AGES_S = 3600.0


@pytest.fixture
def settings(made_up, tmp_path):
    """The settings of a dashboard on three weeks, with a milestone file of its own; keywords replace some."""
    plan = tmp_path / "milestones.toml"
    shutil.copyfile(PLAN, plan)
    store = made_up(weeks=3)

    def make(**other):
        return Config(**{"store": store, "milestones": plan, "built": 1, "workspace_name": "demo", **other})

    return make


def change(store: Path, runs: int = 1000) -> None:
    """Let the store hold so many runs more."""
    with closing(sqlite3.connect(store)) as db, db:
        db.execute("UPDATE tally SET runs = runs + ? WHERE rowid = (SELECT MIN(rowid) FROM tally)", (runs,))


def eventually(true, within_s: float = 60.0) -> bool:
    """Whether something becomes true in time."""
    until = time.monotonic() + within_s
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def test_a_view_is_made_once_for_each_state_of_the_store(settings):
    """The same one as long as nothing changes, and another as soon as something has."""
    views = Views(settings())
    first = views.newest()
    assert views.newest() is first
    change(settings().store)
    assert views.newest() is not first


def test_what_is_made_of_a_view_is_made_once(settings):
    """A function of the store is asked once for each view, whoever asks."""
    asked = []
    view = Views(settings()).newest()

    def runs(db, seen):
        asked.append(seen)
        return db.execute("SELECT COUNT(*) FROM run").fetchone()[0]

    assert view.cached(runs) == view.cached(runs) > 0
    assert asked == [view]


def test_a_young_view_is_kept_while_data_comes_in(settings):
    """Readers do not wait for what came a moment ago."""
    views = Views(settings(keep_s=AGES_S))
    first = views.newest()
    change(settings().store)
    assert views.newest() is first
    assert not views.refresh()


def test_an_old_view_is_shown_while_the_next_is_made_beside(settings, monkeypatch):
    """The reader who finds it old gets it at once; a later one gets the new one."""
    monkeypatch.setattr(cache_views, "COST_FACTOR", 0)
    go = threading.Event()
    views = Views(settings(keep_s=0.0), [lambda _, view: first is None or go.wait(60)])
    first = None
    first = views.newest()
    change(settings().store)
    assert views.newest() is first
    assert views.newest() is first
    go.set()
    assert eventually(lambda: views.newest() is not first)


def test_refreshing_makes_the_view_before_anybody_asks(settings, monkeypatch):
    """It says whether there is a new one, and leaves alone what has not changed."""
    monkeypatch.setattr(cache_views, "COST_FACTOR", 0)
    views = Views(settings(keep_s=0.0))
    assert views.refresh()
    first = views.newest()
    assert not views.refresh()
    change(settings().store)
    assert views.refresh()
    assert views.newest() is not first


def test_who_comes_while_the_first_view_is_made_is_told_to_wait(app_on, settings, monkeypatch):
    """503, with a page that loads again by itself; and the page itself once the view is there."""
    monkeypatch.setattr(cache_views, "PATIENCE_S", 0.05)
    app = app_on(settings().store)
    begun, go = threading.Event(), threading.Event()

    def slow(*_):
        begun.set()
        go.wait(60)

    views = app.extensions["views"] = Views(settings(), [slow])
    maker = threading.Thread(target=views.newest)
    maker.start()
    begun.wait(60)
    with pytest.raises(StillReading):
        views.newest()
    response = app.test_client().get("/")
    go.set()
    maker.join(60)
    assert (response.status_code, response.headers["Retry-After"], response.headers["Refresh"]) == (503, "2", "2")
    assert "Still reading" in response.text
    assert app.test_client().get("/").status_code == 200


def test_a_plan_that_was_broken_is_told_to_the_next_reader(app_on, settings, monkeypatch):
    """A view of the good plan is not shown for ever: the page names the file, and mends itself with it."""
    monkeypatch.setattr(cache_views, "COST_FACTOR", 0)
    plan, good = settings().milestones, PLAN.read_bytes()
    app = app_on(settings().store, milestones=plan, keep_s=0.0)
    client = app.test_client()
    assert client.get("/").status_code == 200
    plan.write_text("schema = 1\n", encoding="utf-8")
    app.extensions["views"].refresh()
    response = client.get("/")
    assert response.status_code == 503
    assert str(plan) in response.text
    plan.write_bytes(good)
    os.utime(plan, ns=(1, 1))
    assert client.get("/").status_code == 200


def test_an_earlier_day_is_judged_by_what_it_knew(settings):
    """Its view ends on that day, is kept, and follows the store when data comes in late."""
    views = Views(settings())
    then = views.earlier(date(2013, 1, 13))
    assert (then.today, then.as_of) == (date(2013, 1, 13), date(2013, 1, 13))
    assert views.earlier(date(2013, 1, 13)) is then
    change(settings().store)
    assert views.earlier(date(2013, 1, 13)) is not then


def test_of_earlier_days_only_some_are_kept(settings, monkeypatch):
    """The one that was asked for longest ago goes first."""
    monkeypatch.setattr(cache_views, "MAX_EARLIER", 2)
    views = Views(settings())
    days = [date(2013, 1, day) for day in (6, 13, 14)]
    first, second, _ = map(views.earlier, days)
    assert views.earlier(days[1]) is second
    assert views.earlier(days[0]) is not first


def test_many_readers_of_many_days_get_along(settings, monkeypatch):
    """Eight threads ask for twelve days at once, and each gets the day it asked for, however slow the machine is."""
    monkeypatch.setattr(cache_views, "PATIENCE_S", 600.0)
    views = Views(settings())
    wrong = []

    def read(number):
        for day in range(1, 13):
            asked = date(2013, 1, (day + number) % 12 + 1)
            if views.earlier(asked).today != asked:
                wrong.append(asked)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    assert wrong == []


def test_a_day_that_has_not_come_is_refused_and_said(app_on, settings):
    """The page shows the newest and says so; data is refused."""
    with pytest.raises(NoSuchDay, match="as_of=2013-07-01 is in the future: the data covers 2013-01-01 to 2013-01-20"):
        Views(settings()).earlier(date(2013, 7, 1))
    client = app_on(settings().store).test_client()
    text = client.get("/?as_of=2013-07-01").text
    assert "as_of=2013-07-01 is in the future" in text
    assert "the newest day is shown" in text
    assert "As of " not in text
    assert client.get("/charts/busy.json?as_of=2013-07-01").status_code == 400


def test_another_database_in_its_place_is_read(app_on, settings, made_up):
    """Where a file is replaced by another, the pages are the other's."""
    store = settings().store
    client = app_on(store).test_client()
    before = client.get("/").text
    shutil.copyfile(made_up(weeks=13), store.with_name("other.db"))
    store.with_name("other.db").replace(store)
    after = client.get("/").text
    assert "Data up to 18 Jan 2013" in before
    assert "Data up to 29 Mar 2013" in after


def test_the_age_of_the_data_follows_the_clock_and_the_store(app_on, settings):
    """A page says how old its data is by now, and counts what was collected meanwhile."""
    now = [datetime(2013, 1, 20, 12, 0, tzinfo=UTC)]
    store = settings().store
    with closing(sqlite3.connect(store)) as db, db:
        db.execute("UPDATE meta SET value = 'live' WHERE key = 'clock'")
    client = app_on(store, clock="live", today=lambda: date(2013, 1, 20), now=lambda: now[0]).test_client()
    assert "(2 days ago)" in client.get("/").text
    now[0] = datetime(2013, 1, 21, 12, 0, tzinfo=UTC)
    assert "(3 days ago)" in client.get("/").text
    change(store, 1234)
    assert ">1,436 runs</a> measured" in client.get("/").text


@pytest.fixture
def windows_read(monkeypatch):
    """The questions whose rollups were read from the store, in order."""
    questions = []
    read = window._read_window

    def counting(db, question, rows):
        questions.append(question)
        return read(db, question, rows)

    monkeypatch.setattr(window, "_read_window", counting)
    return questions


def test_the_home_page_reads_each_window_once(app_on, made_up, windows_read):
    """Verdicts, headline, key figures, caveats, gains by partner and charts share what was read for one view."""
    client = app_on(made_up(moves=True), built=4, keep_s=AGES_S).test_client()
    assert client.get("/").status_code == 200
    assert len(windows_read) == len(set(windows_read)) == 24


def test_after_the_warm_up_no_page_reads_a_window(app_on, made_up, windows_read):
    """The first reader waits for nothing that was computed at the start."""
    app = app_on(made_up(moves=True), built=4, keep_s=AGES_S)
    warm_up(app)
    assert len(windows_read) == len(set(windows_read))
    windows_read.clear()
    for address in page_addresses(app):
        assert app.test_client().get(address).status_code == 200
    assert windows_read == []
