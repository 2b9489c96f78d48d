"""Number shown = length of the list it links to, on the pages of the answer, the milestones and the partners."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient

    Walk = Callable[[FlaskClient, str], list[str]]


def test_every_page_counts_what_it_lists(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], check_counts: Callable[..., list[int]]
) -> None:
    """Runs compared, exchanges and failures, runs of a criterion, a partner and a feed, and kinds of failures."""
    client = app_on(made_up(weeks=13)).test_client()
    front, milestone, partners, partner = check_counts(client, "/", "/milestones/M1", "/partners", "/partners/UA")
    assert front >= 11
    assert milestone >= 5
    assert partners >= 8
    assert partner >= 4


@pytest.mark.parametrize("page", ["/partners", "/partners/UA"])
def test_a_gain_leads_to_the_runs_that_it_counts(
    client: FlaskClient, get_html: Callable, walk_list: Walk, page: str
) -> None:
    """On both pages of partners, by the reading and the feed."""
    (address,) = (href for href in get_html(client, page).links(" ") if "counted=" in href and "partner=UA" in href)
    assert len(walk_list(client, address)) == 117


@pytest.mark.parametrize(("page", "rows"), [("/", 13), ("/?faults=none", 13), ("/partners/UA", 3)])
def test_exchanges_of_a_block_lead_to_these(
    client: FlaskClient, get_html: Callable, walk_list: Walk, page: str, rows: int
) -> None:
    """In the table under a chart, of weeks or months and both sides, wherever a milestone's reading counts them all."""
    tables = get_html(client, page).all("div", role="region")
    links = [(link["href"], link.text) for table in tables for link in table.all("a")]
    assert len(links) >= 2 * rows
    for href, text in (links[0], links[1], links[-1]):
        assert len(walk_list(client, href)) == int(text.replace(",", ""))
