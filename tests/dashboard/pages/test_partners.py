"""The pages of partners: how feeds stand, exactly which runs each number counts, and names of any text."""

from __future__ import annotations

import csv
import io
import re
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import plotly.graph_objects as go
import pytest

from dashboard.filters import query_string
from dashboard.pages import partners as page
from metrics.events import RunEvent, RunKey
from metrics.measures import comparison
from metrics.queries import runs
from metrics.queries.feed_health import feed_states
from metrics.queries.run_filter import RunFilter
from metrics.question import Question
from metrics.store.database import open_reader, open_store
from metrics.store.writer import insert_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient

    Live = Callable[..., FlaskClient]

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


def four_feeds() -> list[RunEvent]:
    """One feed in order, one that stopped, one that waits for a person, one that has hardly begun."""
    return [
        *(run("ON", day) for day in range(20)),
        *(run("STOPPED", day) for day in range(10)),
        *(run("STUCK", day, "refused" if day == 18 else "done") for day in range(19)),
        run("NEW", 18),
    ]


def rows_of(text: str) -> list[str]:
    """The rows of the table of feeds, as text without markup."""
    body = text.split('<table class="cards feeds"')[1].split("</table>", maxsplit=1)[0]
    return [" ".join(unescape(re.sub(r"<[^>]+>", " ", row)).split()) for row in body.split('<tr role="row">')[2:]]


KEYS = {"side": "sides", "state": "states", "partner": "partners", "feed": "feeds", "faults": "faults"}


def picked_of(href: str) -> RunFilter:
    """The list of runs that an address stands for."""
    asked = {name: values[0] for name, values in parse_qs(urlsplit(unescape(href)).query).items()}
    many = {where: query_string.split_values(asked.get(key, "")) for key, where in KEYS.items()}
    days = {
        where: date.fromisoformat(asked[key]) if key in asked else None
        for key, where in (("from", "first"), ("to", "last"))
    }
    return RunFilter(**many, **days, attempt=asked.get("attempt", ""), fingerprint=asked.get("fingerprint", ""))


def test_the_worst_stands_first_with_state_since_and_why(live: Live) -> None:
    """Each feed has its state in words, and whoever needs a person stands above all others."""
    text = live(four_feeds()).get("/partners").text
    found = rows_of(text)
    assert [row.split(" ")[0] for row in found] == ["STUCK", "STOPPED", "NEW", "ON"]
    assert "action needed since 19 Mar 2013 STUCK-flights-18-0.csv ended refused; none has gone through" in found[0]
    assert "not arriving since 11 Mar 2013 Nothing has come for 10 days; files usually come every 1 day." in found[1]
    assert "too few runs 1 exchange so far; 5 tell what is usual." in found[2]
    assert "on time 20 Mar 2013" in found[3]
    for chip in ("at_risk", "missed", "insufficient", "on_track"):
        assert f'class="chip {chip}"' in text


def test_time_passes_where_no_run_comes(live: Live) -> None:
    """The same store, looked at later: a feed that stopped never keeps its good state."""
    events = [run("ON", day) for day in range(10)]
    assert "on time" in rows_of(live(events, datetime(2013, 3, 11, tzinfo=UTC)).get("/partners").text)[0]
    assert "not arriving" in rows_of(live(events, datetime(2013, 3, 25, tzinfo=UTC)).get("/partners").text)[0]


def test_an_earlier_day_knows_nothing_of_later_ones(live: Live) -> None:
    """As of a day before the file that was refused, the feed is on time."""
    found = rows_of(live(four_feeds()).get("/partners?as_of=2013-03-10").text)
    for name in ("STUCK", "STOPPED"):
        assert any(row.startswith(f"{name} /flights on time") for row in found)


def test_each_number_leads_to_exactly_the_runs_that_it_counts(
    app_on: Callable[..., Flask], made_up: Callable[..., Path]
) -> None:
    """Numbers that count runs stand in links, and the list behind each is as long as the number says."""
    store = made_up()
    client = app_on(store).test_client()
    checked = 0
    with closing(open_reader(store)) as db:
        for address in ("/partners", "/partners/UA", "/partners/F9"):
            for href, said in re.findall(r'<a data-counts href="(/runs\?[^"]+)">([\d,]+)', client.get(address).text):
                assert runs.count_runs(db, picked_of(href)) == int(said.replace(",", "")), href
                checked += 1
    assert checked >= 10


def test_the_last_good_exchange_is_that_run(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> None:
    """The day of the last good exchange leads to a run that went through on it, at the state's own end."""
    store = made_up()
    text = app_on(store).test_client().get("/partners/UA").text
    number, said = re.findall(r'href="/runs/(\d+)[^"]*">(\d+ \w+ \d+)</a>', text)[0]
    with closing(open_reader(store)) as db:
        last, stands = runs.get_run(db, int(number)), feed_states(db, "replay", "standard", 1388534400_000_000)
    assert last is not None
    assert (last.partner, last.outcome, last.side) == ("UA", "done", "service@1")
    ended_us = last.started_at_us + round((last.duration_s or 0) * 1e6)
    assert abs(ended_us - next(one.last_good_at_us or 0 for one in stands if one.partner == "UA")) <= 1
    assert f"{datetime.fromtimestamp(ended_us / 1e6, UTC):%-d %b %Y}" == said


def test_the_gain_of_a_feed_is_the_question_of_the_first_page_asked_of_it(
    app_on: Callable[..., Flask], made_up: Callable[..., Path]
) -> None:
    """Cut out of what was read once, the number is the one that asking the store for this feed alone gives."""
    store = made_up()
    asked = Question(subject="service@1", scope=("UA/flights",), start=date(2013, 1, 1), end=date(2013, 3, 31))
    with closing(open_reader(store)) as db:
        alone = comparison.busy_time_saved(db, asked)
    (row,) = csv.DictReader(io.StringIO(app_on(store).test_client().get("/partners.csv?partner=UA").text))
    assert alone.estimate is not None
    assert float(row["gain"]) == pytest.approx(alone.estimate)
    assert (float(row["gain_low"]), float(row["gain_high"])) == pytest.approx((alone.low, alone.high))


def test_few_runs_are_no_gain(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> None:
    """Below the least number of weeks there is no gain, but how many there are."""
    found = rows_of(app_on(made_up(weeks=6)).test_client().get("/partners").text)
    assert all(row.endswith("too few runs 6 of 12 weeks") for row in found)


def test_what_only_the_monolith_does_is_not_measured(live: Live) -> None:
    """A feed that the service has never run is named, and none of its numbers is 0."""
    client = live([run("OLD", day, system="monolith") for day in range(9)])
    said = "not with the service yet Only the monolith has exchanged it so far. never no runs not measured"
    assert rows_of(client.get("/partners").text) == [f"OLD /flights {said}"]
    assert "The service had no run in the last 90 days, so none could fail." in client.get("/partners/OLD").text


def test_one_run_is_one_run(live: Live) -> None:
    """After a single run the page stands, and calls nothing usual."""
    text = live([run("AA", 18)]).get("/partners/AA").text
    assert "1 exchange so far; 5 tell what is usual." in text
    assert text.count("not known yet") >= 1
    assert "no day has both sides yet" in text


def test_filters_by_state_and_partner(live: Live) -> None:
    """State and partner narrow the table; what nobody is called lists nothing, and says so."""
    client = live(four_feeds())
    assert len(rows_of(client.get("/partners?state=not_arriving").text)) == 1
    assert [row.split(" ")[0] for row in rows_of(client.get("/partners?partner=on,NEW").text)] == ["NEW", "ON"]
    text = client.get("/partners?partner=%3Cb%3E").text
    assert "No partner is called “&lt;b&gt;”; nothing is listed for it." in text
    assert "No feed is in this state." in text
    assert "“state=gone” is not one of all, action_needed" in client.get("/partners?state=gone").text
    assert client.get("/partners.csv?state=gone").status_code == 400


def test_a_long_table_has_pages(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every feed is on exactly one page, and an unknown page is told."""
    monkeypatch.setattr(page, "PAGE_SIZE", 3)
    client = live(four_feeds())
    both = [row.split(" ")[0] for number in (1, 2) for row in rows_of(client.get(f"/partners?page={number}").text)]
    assert both == ["STUCK", "STOPPED", "NEW", "ON"]
    for wrong in ("0", "3", "-1", "x", "9" * 40):
        assert "is not a page from 1 to 2; the first page is shown." in client.get(f"/partners?page={wrong}").text


HOSTILE = (
    "a/b", "a//b", "/", "..", ".", "Grüße & Söhne", "航空", '"quoted" \'name\'', "<script>alert(1)</script>", "a?b=c#d",
    "100%", "%2F", "~41", "~", "a,b", "a\\,b", " blank ", "line\nbreak", "a\x00b", "*", "[x]", "=1+1", "L" * 5000,
)  # fmt: skip


def test_names_of_any_text_lead_to_their_page(live: Live) -> None:
    """Each partner's link opens its own page, whatever its name; its text is shown as text."""
    client = live([run(name, day) for name in HOSTILE for day in (17, 18)])
    text = client.get("/partners").text
    assert "<script>alert" not in text
    hrefs = list(dict.fromkeys(re.findall(r'rowheader"><a href="([^"]+)"', text)))
    assert len(hrefs) == len(HOSTILE)
    shown = set()
    for href in hrefs:
        response = client.get(unescape(href))
        assert response.status_code == 200, href
        assert "<script>alert" not in response.text
        shown.add(unescape(re.findall(r"<h1[^>]*>(.*?)</h1>", response.text, re.DOTALL)[0]))
        data = client.get(unescape(re.findall(r'href="(/charts/partner.csv[^"]+)"', response.text)[0]))
        assert data.status_code == 200
    assert len(shown) == len(HOSTILE)
    assert max(map(len, shown)) <= 200


def test_hostile_names_filter_and_link_too(live: Live) -> None:
    """A name with commas or markup picks its own feed, in the filter and in the lists behind its numbers."""
    client = live([run(name, day, "failed" if day == 17 else "done") for name in HOSTILE for day in (17, 18)])
    for name in HOSTILE:
        found = client.get("/partners", query_string={"partner": query_string.join_values((name,))}).text
        assert len(rows_of(found)) == 1, name
        href = re.findall(r'href="(/runs\?[^"]+)">1 failed', found)[0]
        assert picked_of(href).partners == (name,)


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


def test_errors_are_shown_as_text(live: Live) -> None:
    """What a partner answered may hold anything; it is escaped, and cut where it is long."""
    error = "<img src=x onerror=alert(1)> " + "very bad " * 200
    text = live([run("AA", day, "failed", error=error) for day in range(9)]).get("/partners/AA").text
    assert "<img" not in text
    assert "&lt;img" in text
    assert max(len(part) for part in re.findall(r'class="error">(.*?)</th>', text)) < 600


def test_a_store_of_an_older_release_says_so(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> None:
    """Where nothing was counted for a page yet, it says how to."""
    store = made_up(weeks=6)
    db = open_store(store, "replay")
    db.execute("DROP TABLE tally")
    db.close()
    client = app_on(store).test_client()
    assert "An older release wrote this store" in client.get("/partners").text
    assert "milepost roadmap status" in client.get("/partners/UA").text
    assert "`milepost roadmap status` brings it up to date" in client.get("/").text
