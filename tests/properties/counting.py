"""That a number is the length of the list it links to: pages are crawled, and lists walked to their end.

Every link that counts runs is marked with `data-counts`, and its text begins with its number, as in "1,234 runs".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask.testing import FlaskClient

NUMBER = re.compile(r"\d[\d,]*")


@dataclass
class Looked(HTMLParser):
    """What is looked for on a page: links that count, the runs of its list, and where the list goes on."""

    counts: list[tuple[str, str]] = field(default_factory=list)  # address and text
    runs: list[str] = field(default_factory=list)  # addresses, in order
    next: str = ""
    listing: bool = False
    reading: bool = False

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a link, or that the table of runs begins."""
        told = dict(attrs)
        if tag == "table":
            self.listing = "runs" in (told.get("class") or "").split()
        if tag != "a":
            return
        href = told.get("href") or ""
        if "data-counts" in told:
            self.counts.append((href, ""))
            self.reading = True
        if self.listing:
            self.runs.append(href)
        if told.get("rel") == "next":
            self.next = href

    def handle_endtag(self, tag: str) -> None:
        """Note that a link's text or the table ends."""
        if tag == "a":
            self.reading = False
        if tag == "table":
            self.listing = False

    def handle_data(self, data: str) -> None:
        """Keep the text of a link that counts."""
        if self.reading:
            href, text = self.counts[-1]
            self.counts[-1] = (href, text + data)


def looked(client: FlaskClient, path: str) -> Looked:
    """A page, looked through."""
    answer = client.get(path, follow_redirects=True)
    assert answer.status_code == 200, (path, answer.text[:2000])
    found = Looked()
    found.feed(answer.text)
    return found


def walked(client: FlaskClient, path: str) -> list[str]:
    """The runs of a list, page after page to its end; no run stands in it twice."""
    runs: list[str] = []
    while path:
        page = looked(client, path)
        runs += page.runs
        path = page.next
    assert len(set(runs)) == len(runs)
    return runs


def counted(client: FlaskClient, path: str) -> int:
    """Check each number on a page against its list; returns how many were checked."""
    found = looked(client, path).counts
    for href, text in found:
        number = NUMBER.search(text)
        assert number, (path, text)
        assert int(number[0].replace(",", "")) == len(walked(client, href)), (path, text, href)
    return len(found)


@pytest.fixture(scope="session")
def check_counts() -> Callable[[FlaskClient, str], int]:
    """A function that checks each number on a page against the list it links to."""
    return counted


@pytest.fixture(scope="session")
def walk_list() -> Callable[[FlaskClient, str], list[str]]:
    """A function that walks a list of runs to its end; gives their addresses."""
    return walked
