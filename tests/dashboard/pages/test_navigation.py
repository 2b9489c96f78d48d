"""The frame of every page: where one is, the way back, and the way to the definitions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from dashboard.pages.navigation import NAVIGATION

if TYPE_CHECKING:
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


def marked(text: str, how: str) -> list[str]:
    """The names in the navigation that are marked so."""
    return re.findall(rf'aria-current="{how}">([^<]+)</a></li>', text.split("</nav>", maxsplit=1)[0])


@pytest.mark.parametrize(("page", "area"), INSIDE)
def test_the_navigation_marks_the_part_that_a_page_belongs_to(client: FlaskClient, page: str, area: str) -> None:
    """A page that it does not name is marked as inside of one that it does."""
    text = client.get(page).text
    assert marked(text, "true") == [area]
    assert marked(text, "page") == []


@pytest.mark.parametrize(("page", "area"), INSIDE)
def test_there_is_one_way_back(client: FlaskClient, page: str, area: str) -> None:
    """Under the same name as above, once; pages that stand beside one another have their own links for it."""
    ways = re.findall(
        r'<p class="back small"><a href="([^"]+)"><span [^>]+>‹ </span>([^<]+)</a>', client.get(page).text
    )
    address = {label: "/" if label == "Worth it?" else f"/{label.lower()}" for _, label in NAVIGATION}[area]
    assert ways == ([] if page in OWN_WAY else [(address, area)])


def test_a_page_of_the_navigation_is_marked_and_leads_nowhere_back(client: FlaskClient) -> None:
    """Each of the six is the page one is on, and has no way back."""
    for address, label in (("/", "Worth it?"), ("/milestones", "Milestones"), ("/method", "Method")):
        text = client.get(address).text
        assert marked(text, "page") == [label]
        assert 'class="back' not in text


def test_an_address_that_is_none_belongs_nowhere(client: FlaskClient) -> None:
    """Nothing is marked on a page that there is not."""
    text = client.get("/nowhere").text
    assert "aria-current" not in text
    assert 'class="back' not in text


def test_how_we_measure_leads_to_the_definitions(client: FlaskClient) -> None:
    """The link beside the number of runs goes to the page of definitions, and keeps to the day."""
    assert '<a href="/method">How we measure</a>' in client.get("/milestones").text
    assert '<a href="/method?as_of=2013-06-30">How we measure</a>' in client.get("/milestones?as_of=2013-06-30").text
