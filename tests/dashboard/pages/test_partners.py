"""The pages of partners: how feeds stand, exactly which runs each number counts, and names of any text."""

from __future__ import annotations

import csv
import io
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import plotly.graph_objects as go
import pytest

from dashboard.filters import query_string
from dashboard.pages import partners as page
from metrics.events import RunEvent, RunKey
from metrics.measures import comparison
from metrics.queries import runs
from metrics.queries.feed_health import feed_states
from metrics.question import Question
from metrics.store.database import open_reader, open_store
from metrics.store.writer import insert_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient

    from dashboard.presenters.feed_rows import FeedRow

    Live = Callable[..., FlaskClient]
    RowsOf = Callable[..., tuple[FeedRow, ...]]

START = date(2013, 3, 1)
NOW = datetime(2013, 3, 20, 12, tzinfo=UTC)


def run(
    partner: str = "AA", day: int = 0, outcome: str = "done", *, system: str = "service", feed: str = "flights",
    error: str = "", attempt: int = 1, number: int = 0,
) -> RunEvent:  # fmt: skip
    """A live run, so many days after the start."""
    when = START + timedelta(days=day)
    at_us = round(datetime(when.year, when.month, when.day, 9, tzinfo=UTC).timestamp() * 1e6) + number * 60_000_000
    name = f"{partner[:9]}-{feed}-{day}-{number}.csv"
    key = RunKey(
        system=system, level=int(system == "service"), mode="live", faults="real", series="", round=1,
        exchange_id=f"{system}-{name}", attempt=attempt,
    )  # fmt: skip
    good = outcome == "done"
    return RunEvent(
        key=key, release="0.1.0", partner=partner, feed=feed, file=name, block=when.isoformat(),
        block_end=when.isoformat(), due_at_us=at_us, started_at_us=at_us + attempt, duration_ns=2_000_000_000,
        outcome=outcome, records=4, rows={"in": 4, "delivered": 4} if good else {"in": 4, "failed": 4},
        error_type="" if good else "http-503", error=error,
    )  # fmt: skip


@pytest.fixture
def live(app_on: Callable[..., Flask], tmp_path: Path) -> Live:
    """A live dashboard on these runs, at a time."""

    def make(events: Iterable[RunEvent], now: datetime = NOW) -> FlaskClient:
        store = tmp_path / "metrics-live.db"
        db = open_store(store, "live")
        with db.conn:
            insert_events(db, (("run", event) for event in events))
        db.close()
        return app_on(store, clock="live", today=now.date, now=lambda: now).test_client()

    return make


@pytest.fixture
def store(year_app: Flask) -> Path:
    """The store of the made-up year."""
    path: Path = year_app.config["MILEPOST"].store
    return path


def four_feeds() -> list[RunEvent]:
    """One feed in order, one that stopped, one that waits for a person, one that has hardly begun."""
    return [
        *(run("ON", day) for day in range(20)),
        *(run("STOPPED", day) for day in range(10)),
        *(run("STUCK", day, "refused" if day == 18 else "done") for day in range(19)),
        run("NEW", 18),
    ]


@pytest.fixture
def rows_of(values_of: Callable) -> RowsOf:
    """The rows of the table of feeds at an address."""

    def get(client: FlaskClient, address: str = "/partners") -> tuple[FeedRow, ...]:
        rows: tuple[FeedRow, ...] = values_of(client, address)["page"]["listed"].rows
        return rows

    return get


def test_the_worst_stands_first_with_state_since_and_why(live: Live, rows_of: RowsOf) -> None:
    """Each feed has its state in words, and whoever needs a person stands above all others."""
    assert [(row.name, row.state.label, row.since, row.why) for row in rows_of(live(four_feeds()))] == [
        ("STUCK", "action needed", "since 19 Mar 2013",
         "STUCK-flights-18-0.csv ended refused; none has gone through since."),
        ("STOPPED", "not arriving", "since 11 Mar 2013",
         "Nothing has come for 10 days; files usually come every 1 day."),
        ("NEW", "too few runs", "", "1 exchange so far; 5 tell what is usual."),
        ("ON", "on time", "", ""),
    ]  # fmt: skip


def test_time_passes_where_no_run_comes(live: Live, rows_of: RowsOf) -> None:
    """The same store, looked at later: a feed that stopped never keeps its good state."""
    events = [run("ON", day) for day in range(10)]
    for day, state in ((11, "on_time"), (25, "not_arriving")):
        (row,) = rows_of(live(events, datetime(2013, 3, day, tzinfo=UTC)))
        assert row.state.name == state


def test_an_earlier_day_knows_nothing_of_later_ones(live: Live, rows_of: RowsOf) -> None:
    """As of a day before the file that was refused, the feed is on time."""
    states = {row.name: row.state.name for row in rows_of(live(four_feeds()), "/partners?as_of=2013-03-10")}
    assert (states["STUCK"], states["STOPPED"]) == ("on_time", "on_time")


def test_the_last_good_exchange_is_that_run(client: FlaskClient, store: Path, values_of: Callable) -> None:
    """The day of the last good exchange leads to a run that went through on it, at the state's own end."""
    (row,) = values_of(client, "/partners/UA")["page"]["rows"]
    with closing(open_reader(store)) as db:
        last, stands = runs.get_run(db, row.last_good_run), feed_states(db, "replay", "standard", 1388534400_000_000)
    assert last is not None
    assert (last.partner, last.outcome, last.side) == ("UA", "done", "service@1")
    ended_us = last.started_at_us + round((last.duration_s or 0) * 1e6)
    assert abs(ended_us - next(one.last_good_at_us or 0 for one in stands if one.partner == "UA")) <= 1
    assert f"{datetime.fromtimestamp(ended_us / 1e6, UTC):%-d %b %Y}" == row.last_good


def test_the_gain_of_a_feed_is_the_question_of_the_first_page_asked_of_it(client: FlaskClient, store: Path) -> None:
    """Cut out of what was read once, the number is the one that asking the store for this feed alone gives."""
    asked = Question(subject="service@1", scope=("UA/flights",), start=date(2013, 1, 1), end=date(2013, 3, 31))
    with closing(open_reader(store)) as db:
        alone = comparison.busy_time_saved(db, asked)
    (row,) = csv.DictReader(io.StringIO(client.get("/partners.csv?partner=UA").text))
    assert alone.estimate is not None
    assert float(row["gain"]) == pytest.approx(alone.estimate)
    assert (float(row["gain_low"]), float(row["gain_high"])) == pytest.approx((alone.low, alone.high))


def test_few_runs_are_no_gain(app_on: Callable[..., Flask], made_up: Callable[..., Path], rows_of: RowsOf) -> None:
    """Below the least number of weeks there is no gain, but how many there are."""
    rows = rows_of(app_on(made_up(weeks=6)).test_client())
    assert {(row.gain, row.gain_note, row.has_gain) for row in rows} == {("too few runs", "6 of 12 weeks", False)}


def test_what_only_the_monolith_does_is_not_measured(live: Live, rows_of: RowsOf, get_html: Callable) -> None:
    """A feed that the service has never run is named, and none of its numbers is 0."""
    client = live([run("OLD", day, system="monolith") for day in range(9)])
    (row,) = rows_of(client)
    assert (row.state.label, row.why) == ("not with the service yet", "Only the monolith has exchanged it so far.")
    assert (row.last_good, row.failed, row.rate, row.gain, row.runs) == ("never", None, "no runs", "not measured", None)
    parts = {part["aria-labelledby"]: part.text for part in get_html(client, "/partners/OLD").all("section")}
    assert parts["kinds"].endswith("The service had no run in the last 90 days, so none could fail.")


def test_one_run_is_one_run(live: Live, values_of: Callable) -> None:
    """After a single run the page stands, and calls nothing usual."""
    page = values_of(live([run("AA", 18)]), "/partners/AA")["page"]
    (row,) = page["rows"]
    assert row.why == "1 exchange so far; 5 tell what is usual."
    assert (row.gap, row.delay, row.delay_p95) == ("not known yet",) * 3
    assert "no day has both sides yet" in page["chart"].title


def test_filters_by_state_and_partner(live: Live, rows_of: RowsOf, get_html: Callable) -> None:
    """State and partner narrow the table; what nobody is called lists nothing, and says so."""
    client = live(four_feeds())
    assert [row.name for row in rows_of(client, "/partners?state=not_arriving")] == ["STOPPED"]
    assert [row.name for row in rows_of(client, "/partners?partner=on,NEW")] == ["NEW", "ON"]
    text = get_html(client, "/partners?partner=%3Cb%3E").text
    assert "No partner is called “<b>”; nothing is listed for it." in text
    assert "No feed is in this state." in text
    assert "“state=gone” is not one of all, action_needed" in client.get("/partners?state=gone").text
    assert client.get("/partners.csv?state=gone").status_code == 400


def test_a_long_table_has_pages(live: Live, rows_of: RowsOf, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every feed is on exactly one page, and an unknown page is told."""
    monkeypatch.setattr(page, "PAGE_SIZE", 3)
    client = live(four_feeds())
    assert [row.name for number in (1, 2) for row in rows_of(client, f"/partners?page={number}")] == [
        "STUCK",
        "STOPPED",
        "NEW",
        "ON",
    ]
    for wrong in ("0", "3", "-1", "x", "9" * 40):
        assert "is not a page from 1 to 2; the first page is shown." in client.get(f"/partners?page={wrong}").text


HOSTILE = (
    "a/b", "a//b", "/", "..", ".", "Grüße & Söhne", "航空", '"quoted" \'name\'', "<script>alert(1)</script>", "a?b=c#d",
    "100%", "%2F", "~41", "~", "a,b", "a\\,b", " blank ", "line\nbreak", "a\x00b", "*", "[x]", "=1+1", "L" * 5000,
)  # fmt: skip


def test_names_of_any_text_lead_to_their_page(live: Live, rows_of: RowsOf, get_html: Callable) -> None:
    """Each partner's link opens its own page, whatever its name; its text is shown as text, and picks its own feed."""
    client = live([run(name, day, "failed" if day == 17 else "done") for name in HOSTILE for day in (17, 18)])
    table = get_html(client, "/partners").one("table", class_="feeds")
    hrefs = [head.one("a")["href"] for head in table.all("th", role="rowheader")]
    assert len(set(hrefs)) == len(HOSTILE)
    shown = set()
    for href in hrefs:
        page = get_html(client, href)
        heading = page.one("h1").text
        assert len(heading) <= 200
        shown.add(heading)
        assert not [script.source for script in page.all("script") if "alert" in script.source]
        (data,) = (link for link in page.links("CSV") if link.startswith("/charts/partner.csv?"))
        assert client.get(data).status_code == 200
    assert len(shown) == len(HOSTILE)
    for name in HOSTILE:
        (row,) = rows_of(client, f"/partners?{urlencode({'partner': query_string.join_values((name,))})}")
        assert (row.partner, row.failed) == (name, 1)
        (failed,) = get_html(client, f"/partners/{quote(row.address)}").links("1 failed")
        assert query_string.split_values(parse_qs(urlsplit(failed).query)["partner"][0]) == (name,)


def test_an_unknown_partner_is_told_with_those_there_are(live: Live) -> None:
    """A 404 in words, with no more names than a page can bear, escaped."""
    response = live([run(f"<i>{number:03}", 18) for number in range(30)]).get("/partners/%3Cb%3Enobody")
    assert response.status_code == 404
    assert "There is no partner called “&lt;b&gt;nobody” here." in response.text
    assert "&lt;i&gt;000, &lt;i&gt;001" in response.text
    assert "and 10 more." in response.text
    assert "<i>0" not in response.text


def test_failures_over_time_have_gaps_where_nothing_was_measured(
    app_on: Callable[..., Flask], made_up: Callable[..., Path]
) -> None:
    """A week that the service lacks is empty in table, CSV and figure; 0 means that none failed."""
    client = app_on(made_up(weeks=13, without=(4,))).test_client()
    body = client.get("/charts/partner.json?partner=UA").json
    assert body is not None
    assert go.Figure(body["figure"]).data
    missing = [row for row in body["rows"] if row["subject_first"] is None]
    assert [row["block"] for row in missing] == ["2013-01-28"]
    assert missing[0]["control_first"] is not None
    assert any(row["subject_first"] == 0 for row in body["rows"])
    rows = list(csv.DictReader(io.StringIO(client.get("/charts/partner.csv?partner=UA").text)))
    assert [row["subject_first"] for row in rows if row["block"] == "2013-01-28"] == [""]
    assert client.get("/charts/partner.json?partner=nobody").status_code == 404


def test_errors_are_shown_as_text(live: Live, get_html: Callable) -> None:
    """What a partner answered may hold anything; it is escaped, and cut where it is long."""
    error = "<img src=x onerror=alert(1)> " + "very bad " * 200
    page = get_html(live([run("AA", day, "failed", error=error) for day in range(9)]), "/partners/AA")
    assert not page.all("img")
    (text,) = page.texts("th", class_="error")
    assert text.startswith("Partner answered 503: <img src=x onerror=alert(1)> very bad ")
    assert len(text) < 600


def test_a_store_of_an_older_release_says_so(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> None:
    """Where nothing was counted for a page yet, it says how to."""
    store = made_up(weeks=6)
    db = open_store(store, "replay")
    db.execute("DROP TABLE tally")
    db.close()
    client = app_on(store).test_client()
    assert "An older release wrote this store" in client.get("/partners").text
    assert "milepost roadmap status" in client.get("/partners/UA").text
    assert "<code>milepost roadmap status</code> brings it up to date" in client.get("/").text
