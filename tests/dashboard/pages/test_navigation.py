"""The frame of every page: where one is, the way back, and the way to the definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from dashboard.pages.navigation import NAVIGATION

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

#: Pages that the navigation does not name, and whose part they are.
INSIDE = (
    ("/milestones/M1", "Milestones"),
    ("/milestones/M9", "Milestones"),
    ("/runs/1", "Runs"),
    ("/failures", "Runs"),
    ("/quarantine", "Runs"),
    ("/partners/UA", "Partners"),
    ("/report", "Worth it?"),
)
OWN_WAY = {"/failures", "/quarantine"}


def marked(page: Any, how: str) -> list[str]:
    """The names in the navigation that are marked so."""
    names: list[str] = page.one("nav", aria_label="Pages").texts("a", aria_current=how)
    return names


@pytest.mark.parametrize(("address", "area"), INSIDE)
def test_a_page_inside_an_area_marks_it_and_leads_back_to_it(
    client: FlaskClient, parse_html: Callable, address: str, area: str
) -> None:
    """A page that the navigation does not name is marked as inside of one that it does, with one way back to that."""
    page = parse_html(client.get(address).text)
    assert (marked(page, "true"), marked(page, "page")) == ([area], [])
    back = {href: text for way in page.all("p", class_="back") for href, text in way.links().items()}
    there = {label: "/" if label == "Worth it?" else f"/{label.lower()}" for _, label in NAVIGATION}[area]
    assert back == ({} if address in OWN_WAY else {there: f"‹ {area}"})


@pytest.mark.parametrize(
    ("address", "label"), [("/", "Worth it?"), ("/milestones", "Milestones"), ("/method", "Method")]
)
def test_a_page_of_the_navigation_is_marked_and_leads_nowhere_back(
    client: FlaskClient, get_html: Callable, address: str, label: str
) -> None:
    """It is the page one is on, and has no way back."""
    page = get_html(client, address)
    assert marked(page, "page") == [label]
    assert not page.all("p", class_="back")


def test_an_address_that_is_none_belongs_nowhere(client: FlaskClient, parse_html: Callable) -> None:
    """Nothing is marked on a page that there is not."""
    page = parse_html(client.get("/nowhere").text)
    assert not page.all(aria_current=True)
    assert not page.all("p", class_="back")


@pytest.mark.parametrize("query", ["", "?as_of=2013-06-30"])
def test_how_we_measure_leads_to_the_definitions(client: FlaskClient, get_html: Callable, query: str) -> None:
    """The link beside the number of runs goes to the page of definitions, and keeps to the day."""
    line = get_html(client, f"/milestones{query}").one("p", class_="fresh")
    assert line.links("How we measure") == {f"/method{query}": "How we measure"}


def test_a_filter_stays_where_it_means_something(client: FlaskClient, get_html: Callable) -> None:
    """What is chosen on one page goes along to the others that know it, and the page's own link shows all."""
    page = get_html(client, "/runs?side=service&state=failed&partner=UA&range=90d&attempt=first")
    pages, inside = page.one("nav", aria_label="Pages").links(), page.one("nav", aria_label="Runs").links()
    assert [url for url, label in pages.items() if label in {"Runs", "Partners", "Milestones"}] == [
        "/milestones", "/runs", "/partners?partner=UA",
    ]  # fmt: skip
    kept = "side=service&partner=UA&range=90d"
    assert inside == {"/runs": "Runs", f"/failures?{kept}": "Failures", f"/quarantine?{kept}": "Quarantine"}
    run = get_html(client, "/runs/1?side=service&state=failed")
    assert run.one("p", class_="back").links() == {"/runs?side=service&state=failed": "‹ Runs"}
    assert "/runs?partner=UA" in get_html(client, "/partners/UA").one("nav", aria_label="Pages").links()


def test_times_are_shown_in_the_zone_of_the_reader(client: FlaskClient, get_html: Callable) -> None:
    """The address names the zone, all links carry it on, every time says it, and one link shows UTC again."""
    berlin, utc = (get_html(client, f"/runs?side=monolith{zone}") for zone in ("&zone=europe/berlin", ""))
    (first, *_), (first_utc, *_) = berlin.all("time"), utc.all("time")
    assert first["datetime"] == first_utc["datetime"]
    assert int(first.text[-5:-3]) - int(first_utc.text[-5:-3]) in {1, -23}
    assert "Started, Europe/Berlin" in berlin.texts("th")
    assert "Started, UTC" in utc.texts("th")
    assert any(" Europe/Berlin (replayed calendar)" in text for text in berlin.texts("p", class_="fresh"))
    assert "/partners?zone=Europe/Berlin" in berlin.one("nav", aria_label="Pages").links()
    assert berlin.one("p", id="zoned").links() == {"/runs?side=monolith": "Show UTC"}
    assert not utc.all("p", id="zoned")


def test_an_unknown_zone_gets_a_notice(client: FlaskClient) -> None:
    """Times are in UTC then."""
    text = client.get("/runs?zone=../../etc/passwd").text
    assert "“zone=../../etc/passwd” is not a time zone such as Europe/Berlin; times are shown in UTC." in text
    assert "Started, UTC" in text
