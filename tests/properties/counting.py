"""That a number is the length of the list it links to: pages are crawled, and lists walked to their end.

Every link that counts runs is marked with `data-counts`, and its text begins with its number, as in "1,234 runs".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

    Walk = Callable[[FlaskClient, str], list[str]]

NUMBER = re.compile(r"\d[\d,]*")


@pytest.fixture(scope="session")
def walk_list(get_html: Callable) -> Walk:
    """A function that walks a list of runs to its end; gives their addresses, each of which stands in it once."""

    def walk(client: FlaskClient, path: str) -> list[str]:
        runs: list[str] = []
        while path:
            page = get_html(client, path)
            runs += [link["href"] for table in page.all("table", class_="runs") for link in table.all("a")]
            path = next((link["href"] for link in page.all("a", rel="next")), "")
        assert len(set(runs)) == len(runs)
        return runs

    return walk


@pytest.fixture(scope="session")
def check_counts(get_html: Callable, walk_list: Walk) -> Callable[..., list[int]]:
    """A function that checks each number on some pages against the list it links to; gives how many a page has."""

    def check(client: FlaskClient, *paths: str) -> list[int]:
        lengths: dict[str, int] = {}
        checked = []
        for path in paths:
            links = get_html(client, path).all("a", data_counts=True)
            for link in links:
                href, number = link["href"], NUMBER.search(link.text)
                assert number, (path, link.text)
                if href not in lengths:
                    lengths[href] = len(walk_list(client, href))
                assert int(number[0].replace(",", "")) == lengths[href], (path, link.text, href)
            checked.append(len(links))
        return checked

    return check
