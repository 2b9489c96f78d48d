"""Until when there is data, how old it is, and whether it is late."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.queries.freshness import Freshness, FreshnessLine, oldest_uncollected
from metrics.collector.collect import collect
from metrics.events import RunEvent, RunKey, SpoolRecorder, to_line
from metrics.replayed_years import SECOND_YEAR_NOTE
from metrics.store.database import open_store
from roadmap.wording import dates

NOW = datetime(2026, 11, 23, 23, 58, tzinfo=UTC)
PAGES = ["/", "/milestones"]


def run(ended: datetime) -> RunEvent:
    """A live run of a minute that ended then."""
    started = ended - timedelta(minutes=1)
    day = started.date().isoformat()
    return RunEvent(
        key=RunKey(
            system="service", level=1, mode="live", faults="real", series="", round=0,
            exchange_id=f"UA/flights/{ended.timestamp()}", attempt=1,
        ),
        release="0.1.0", partner="UA", feed="flights", file="a.csv", block=day, block_end=day,
        due_at_us=round(started.timestamp() * 1e6), started_at_us=round(started.timestamp() * 1e6),
        duration_ns=60_000_000_000, outcome="done", records=3, rows={"in": 3, "delivered": 3},
    )  # fmt: skip


@pytest.fixture
def store(tmp_path):
    """A live store with a run that ended four minutes ago."""
    path = tmp_path / "metrics-live.db"
    told(tmp_path / "first", run(NOW - timedelta(minutes=4)))
    with closing(open_store(path, "live")) as db:
        collect(tmp_path / "first", db, round(NOW.timestamp() * 1e6))
    return path


@pytest.fixture
def spool(tmp_path):
    """An empty spool."""
    made = tmp_path / "spool"
    made.mkdir()
    return made


@pytest.fixture
def live(app_on, store, spool):
    """Requests to a live dashboard that looks at the spool."""
    return app_on(store, clock="live", today=NOW.date, now=lambda: NOW, spool=spool).test_client()


def told(spool, *events) -> None:
    """Tell events as a live program does."""
    with closing(SpoolRecorder(spool)) as recorder:
        for event in events:
            recorder.record(event)


def waits(spool, since: datetime, *lines: bytes):
    """A spool file that was opened then, with these lines."""
    path = spool / f"{round(since.timestamp() * 1e9)}-7.jsonl"
    return written(path, b"".join(lines))


def written(path, lines: bytes):
    """The same file with more lines, last changed now."""
    with path.open("ab") as file:
        file.write(lines)
    os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    return path


@pytest.mark.parametrize("page", PAGES)
def test_every_page_says_until_when_there_is_data(live, get_html, page) -> None:
    """The end of the newest run, its age, how many runs, and where it is explained."""
    shown = get_html(live, page)
    assert shown.one("p", class_="fresh").text == (
        "Data up to 23 Nov 2026 23:54 UTC (4 minutes ago) · 1 run measured · How we measure"
    )
    assert not shown.all(id="late")


def test_a_replay_has_no_age(client, values_of) -> None:
    """Its calendar is not that of the wall."""
    assert values_of(client, "/")["fresh"] == FreshnessLine(
        data_until="Data up to 26 Dec 2013 05:00 UTC (replayed calendar)", runs="3,514 runs", source="measured",
        has_list=True, late="",
    )  # fmt: skip


def test_imported_runs_are_not_called_measured(live, values_of, store) -> None:
    """As soon as one run was imported, the line says so."""
    with closing(sqlite3.connect(store)) as db, db:
        db.execute("UPDATE run_block SET imported = 1")
    assert values_of(live, "/")["fresh"].source == "measured or imported"


@pytest.mark.parametrize("query", ["", "?as_of=2026-11-23"])
def test_the_line_counts_the_runs_of_its_list(live, store, tmp_path, get_html, walk_list, query) -> None:
    """A run that goes on is not measured yet: it is neither in the number nor on the list that it links to."""
    goes_on = replace(run(NOW), outcome="running", duration_ns=None, rows={})
    with closing(SpoolRecorder(tmp_path / "second")) as recorder:
        recorder.record(goes_on, started=True)
    with closing(open_store(store, "live")) as db:
        collect(tmp_path / "second", db, round(NOW.timestamp() * 1e6))
    link = get_html(live, f"/{query}").one("p", class_="fresh").one("a", data_counts=True)
    assert link.text == "1 run"
    assert len(walk_list(live, link["href"])) == 1
    assert len(walk_list(live, f"/runs{query}")) == 2


@pytest.mark.parametrize("page", PAGES)
def test_data_that_waits_for_hours_is_late(live, get_html, spool, page) -> None:
    """How late, and where the numbers stop, on every page; the front page doubts itself for it, too."""
    then = NOW - timedelta(hours=3)
    waits(spool, then, to_line(run(then)))
    shown = get_html(live, page)
    assert shown.one(id="late").text == "Data is 3 h late. Numbers stop at 20:58 UTC."
    assert ("Late data" in shown.texts("strong")) == (page == "/")


@pytest.mark.parametrize(
    ("age", "text"),
    [
        (timedelta(minutes=9), ""),  # a collector that has its next turn soon is no news
        (timedelta(days=2), "Data is 2 days late. Numbers stop at 23:58 UTC on 21 Nov."),
    ],
)
def test_data_of_another_day_says_which(live, values_of, spool, age, text) -> None:
    """Where the numbers stop carries the day when it was not today; ten minutes are not late."""
    waits(spool, NOW - age, to_line(run(NOW - age)))
    assert values_of(live, "/milestones")["fresh"].late == text


def test_only_events_that_were_not_collected_wait(spool, tmp_path) -> None:
    """A file counts from the first line on that the store has not; one that is read to its end counts no more."""
    early, late = NOW - timedelta(hours=5), NOW - timedelta(hours=1)
    path = waits(spool, early, to_line(run(early)))
    store = tmp_path / "other.db"
    assert oldest_uncollected(spool, store) == early
    with closing(open_store(store, "live")) as db:
        db.execute("INSERT INTO spool_file VALUES (?, ?)", (path.name, path.stat().st_size))
        db.conn.commit()
    assert oldest_uncollected(spool, store) is None
    written(path, to_line(run(late)))
    assert oldest_uncollected(spool, store) == late


def test_a_line_that_is_being_written_does_not_wait(spool, tmp_path) -> None:
    """Half a line may still become one."""
    waits(spool, NOW - timedelta(hours=5), b'{"kind":')
    assert oldest_uncollected(spool, tmp_path / "none.db") is None


def test_a_log_of_years_ago_is_not_years_late(spool, tmp_path) -> None:
    """What was told just now waits since now, whenever it happened."""
    since = oldest_uncollected(spool, tmp_path / "none.db")
    assert since is None
    waits(spool, NOW - timedelta(hours=1), to_line(run(datetime(2013, 1, 1, tzinfo=UTC))))
    assert oldest_uncollected(spool, tmp_path / "none.db") == NOW - timedelta(hours=1)


def test_lines_that_are_no_events_wait_too(spool, tmp_path) -> None:
    """Nobody reads them either, and the file's name says since when."""
    waits(spool, NOW - timedelta(hours=4), b"not an event\n")
    assert oldest_uncollected(spool, tmp_path / "none.db") == NOW - timedelta(hours=4)


@pytest.mark.parametrize("page", [*PAGES, "/?faults=none"])
def test_a_view_of_an_earlier_day_says_so(client, get_html, page) -> None:
    """The day, that it is what was known then, and the way back to today with all else as it was."""
    shown = get_html(client, f"{page}{'&' if '?' in page else '?'}as_of=2013-03-31")
    notice = shown.one(id="as-of")
    assert notice.text == "As of 31 Mar 2013: the page shows what was known then. Show today’s page"
    assert notice.links() == {page: "Show today’s page"}
    assert shown.one("p", class_="fresh").text.startswith("Data up to 29 Mar 2013 05:00 UTC")


def test_pages_with_weeks_of_the_second_year_say_how_it_was_made(on, a_run, values_of) -> None:
    """A view that ends in the first year says nothing of it, even if a retry ran after the end of that year."""
    after = round(datetime(2014, 1, 1, 0, 5, tzinfo=UTC).timestamp() * 1e6)
    first = a_run(block="2013-12-23", block_end="2013-12-31", started_at_us=after, due_at_us=after)
    later = replace(first, file="b.csv", key=replace(first.key, exchange_id="AA/f/b.csv"))
    later = replace(later, block="2014-01-01", block_end="2014-01-05")
    assert [values_of(on(first), page)["fresh"].input_note for page in PAGES] == ["", ""]
    client = on(first, later)
    assert [values_of(client, page)["fresh"].input_note for page in PAGES] == [SECOND_YEAR_NOTE] * 2
    assert SECOND_YEAR_NOTE in client.get("/").text
    assert values_of(client, "/milestones?as_of=2013-12-31")["fresh"].input_note == ""


@pytest.mark.parametrize(
    ("age", "said", "about"),
    [
        (timedelta(seconds=59), "just now", "1 min"),
        (timedelta(minutes=1), "1 minute ago", "1 min"),
        (timedelta(minutes=119), "119 minutes ago", "119 min"),
        (timedelta(hours=2), "2 hours ago", "2 h"),
        (timedelta(hours=47), "47 hours ago", "47 h"),
        (timedelta(days=3), "3 days ago", "3 days"),
    ],
)
def test_ages_in_words(age, said, about) -> None:
    """Minutes, hours from two on, days from two on."""
    assert (dates.ago(age), dates.rough_duration(age)) == (said, about)


def test_without_a_clock_there_is_no_age() -> None:
    """Without a clock there is no age; without a run there is no end."""
    known = Freshness(newest_end=datetime(2026, 1, 2, 3, 4, tzinfo=UTC), runs=1, has_imported=False, mode="live")
    assert known.data_until(None) == "Data up to 2 Jan 2026 03:04 UTC"
    assert replace(known, newest_end=None).data_until(NOW) == "No runs yet"
