"""Number shown = length of the list it links to, on the pages of the answer, the milestones and the partners."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

    Check = Callable[[FlaskClient, str], int]


def linked(text: str, what: str) -> str:
    """The one text of a page, without its marks, whose links are looked at: a pattern that finds it once."""
    found = re.findall(what, text, re.DOTALL)
    assert len(found) == 1, (what, found)
    return str(found[0])


def test_the_front_page_counts_what_it_lists(client: FlaskClient, check_counts: Check) -> None:
    """Runs compared, failures and the exchanges among which they are, now and with the monolith."""
    assert check_counts(client, "/") >= 11


def test_each_rate_without_faults_has_its_exchanges(client: FlaskClient) -> None:
    """Is and was, at the first attempt and after retries, link to what they were counted of."""
    text = client.get("/").text
    calm = re.findall(r"without faults <a href=\"([^\"]+)\">[\d.]+</a> \(was <a href=\"([^\"]+)\">[\d.]+</a>\)", text)
    lists = [f"/runs?attempt=last&amp;counted=M1:failed_{name}:none" for name in ("first", "final")]
    assert [{*re.split("[?]|&amp;", href)} for pair in calm for href in pair] == [
        {*re.split("[?]|&amp;", href)} for each in lists for href in (each, f"{each}:control")
    ]


@pytest.mark.parametrize("code", ["M1", "M2"])
def test_a_milestone_counts_what_it_lists(example: FlaskClient, check_counts: Check, code: str) -> None:
    """Runs and exchanges behind each criterion, and the runs of each partner."""
    assert check_counts(example, f"/milestones/{code}") >= 5


def test_a_number_measured_has_a_link_of_its_own(example: FlaskClient) -> None:
    """Not only what stands beside it: each criterion with a reading."""
    text = example.get("/milestones/M2").text
    measured = re.findall(r'data-label="Measured"><span[^>]*>(.*?)</span></td>', text)
    known = [cell for cell in measured if "not yet" not in cell]
    assert len(known) >= 3
    assert all(cell.startswith('<a href="/runs?counted=M2:') for cell in known)


def test_partners_count_what_they_list(client: FlaskClient, check_counts: Check) -> None:
    """Of each feed: failed first attempts, and of how many exchanges."""
    assert check_counts(client, "/partners") >= 8


def test_a_partner_counts_what_it_lists(client: FlaskClient, check_counts: Check) -> None:
    """Its feeds, kinds of failures, and exchanges that set rows aside."""
    assert check_counts(client, "/partners/UA") >= 4


def test_a_gain_leads_to_the_runs_that_it_counts(client: FlaskClient, walk_list: Callable[..., list[str]]) -> None:
    """On both pages of partners, by the reading and the feed."""
    for page in ("/partners", "/partners/UA"):
        found = re.findall(r'<a href="(/runs\?[^"]*counted=[^"]*partner=UA[^"]*)">[^<]*(?:time|difference)</a>',
                           client.get(page).text)  # fmt: skip
        assert found
        for href in found:
            assert walk_list(client, href.replace("&amp;", "&"))


@pytest.mark.parametrize(("page", "rows"), [("/", 13), ("/?faults=none", 13), ("/partners/UA", 3)])
def test_exchanges_of_a_block_lead_to_these(
    client: FlaskClient, walk_list: Callable[..., list[str]], page: str, rows: int
) -> None:
    """In the table under a chart, of weeks or months and both sides, wherever a milestone's reading counts them all."""
    found = re.findall(r'<td class="num"><a href="(/runs\?[^"]+)">([\d,]+)</a></td>', client.get(page).text)
    assert len(found) >= 2 * rows
    for href, said in (found[0], found[1], found[-1]):
        assert len(walk_list(client, href.replace("&amp;", "&"))) == int(said.replace(",", ""))
