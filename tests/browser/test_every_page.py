"""Promises of every page in a real browser, on a year with hostile names."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

#: One address for each kind of page; `{run}` and `{partner}` are filled in from the store.
PAGES = (
    "/today", "/", "/?faults=none", "/search", "/search?q=a", "/?as_of=2013-06-30", "/milestones", "/milestones/M1",
    "/milestones/M4", "/migration", "/migration/B6/flights", "/runs",
    "/runs?state=failed&attempt=first&zone=Europe/Berlin", "/runs/{run}", "/failures", "/quarantine", "/partners",
    "/partners/AA", "/partners/{partner}", "/decisions", "/method", "/report", "/no-such-page",
)  # fmt: skip
#: Rules of axe-core: all of them at the widest and narrowest size. At other sizes, and in the dark scheme, only those
#: that depend on size and colour.
ALL = {"resultTypes": ["violations"]}
SEEN = {
    "resultTypes": ["violations"],
    "runOnly": {
        "type": "rule",
        "values": ["color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size"],
    },
}
LOOKS = {
    (320, "light"): ALL, (320, "dark"): SEEN, (390, "light"): SEEN, (390, "dark"): SEEN, (1280, "light"): ALL,
    (1280, "dark"): SEEN,
}  # fmt: skip

#: Selector of all elements that the keyboard must reach.
REACHABLE = "a[href], button, summary, input, select, textarea, [tabindex='0']"

VISIBLE = (
    "one => one.checkVisibility({checkOpacity: true, checkVisibilityCSS: true}) && one.getClientRects().length > 0"
)


#: Tells whether every chart is as wide as its place; a chart is redrawn shortly after its place has changed.
LAID_OUT = """() => [...document.querySelectorAll(".js-plotly-plot")].every(
  place => Math.abs(place.querySelector(".main-svg").getBoundingClientRect().width - place.clientWidth) < 2)"""


#: Tells whether every chart has the colours of a scheme.
DRESSED = """scheme => {
  const palettes = document.getElementById("palettes");
  const muted = palettes && JSON.parse(palettes.textContent)[scheme].muted;
  return matchMedia(`(prefers-color-scheme: ${scheme})`).matches
    && [...document.querySelectorAll(".js-plotly-plot")].every(place => place.layout.font.color === muted);
}"""


@pytest.fixture(scope="session")
def filled(awkward_made) -> Callable[[str], str]:
    """An address with a run and the hostile partner of the store in it."""
    with closing(sqlite3.connect(awkward_made.store)) as db:
        sql = "SELECT MAX(id) FROM run WHERE partner = ? AND outcome = 'failed'"
        run = db.execute(sql, (awkward_made.partner,)).fetchone()[0]
    return lambda path: path.replace("{run}", str(run)).replace("{partner}", quote(awkward_made.partner, safe=""))


@dataclass
class Visit:
    """Result of one visit to a page; charts take seconds, so a page is opened once for several tests."""

    violations: dict[tuple[int, str], list[str]]  #: of axe-core, by width and scheme
    wide: dict[tuple[int, str], int]  #: how wide the page then was, and with all tables opened
    said: tuple[str, list[str]]  #: its words and the cells of its tables
    wanted: set[str]  #: all that the keyboard should come to
    stops: dict[str, bool]  #: where it stopped, and whether that showed
    heard: Any  #: what the page did besides showing itself
    title: str


@pytest.fixture(scope="session")
def visit(look_at: Callable, everywhere: str, filled: Callable[[str], str]) -> Callable[[str], Visit]:
    """Visit a page once in every size and colour scheme, and go through it by keyboard."""
    from axe_playwright_python.base import AXE_SCRIPT

    @cache
    def go(path: str) -> Visit:
        page, heard = look_at(everywhere + filled(path))
        said = _said(page)
        violations, wide = {}, {}
        page.evaluate(AXE_SCRIPT)
        for (width, scheme), options in LOOKS.items():
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function(DRESSED, arg=scheme)  # colours are applied in a later turn of the event loop
            page.wait_for_function(LAID_OUT)
            found = page.evaluate(f"axe.run({json.dumps(options)})")["violations"]
            violations[width, scheme] = [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]
            wide[width, scheme] = page.evaluate("document.documentElement.scrollWidth")
        wanted, stops = _walked(page)
        page.eval_on_selector_all("details", "all => all.forEach(one => { one.open = true })")
        for width in (320, 390, 1280):
            page.set_viewport_size({"width": width, "height": 900})
            page.wait_for_function(LAID_OUT)
            wide[width, "opened"] = page.evaluate("document.documentElement.scrollWidth")
        title = page.title()
        page.close()
        return Visit(
            violations=violations, wide=wide, said=said, wanted=wanted, stops=stops, heard=heard, title=title,
        )  # fmt: skip

    return go


def _walked(page: Page) -> tuple[set[str], dict[str, bool]]:
    """Return the elements that Tab must reach, and those that it reached, each with whether it showed the focus."""
    wanted = page.eval_on_selector_all(
        REACHABLE, f"all => all.filter({VISIBLE}).map((one, n) => one.dataset.stop = `${{n}} ${{one.outerHTML}}`)"
    )
    page.evaluate(
        "() => { window.stops = {}; addEventListener('focusin', ({target}) => { if (target.dataset.stop) "
        "window.stops[target.dataset.stop] = getComputedStyle(target).outlineStyle !== 'none' }) }"
    )
    for _ in range(len(wanted) + 5):
        page.keyboard.press("Tab")
    return set(wanted), page.evaluate("window.stops")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_and_narrow_enough(visit: Callable[[str], Visit], path: str) -> None:
    """In both schemes and at every width axe-core finds nothing and nothing scrolls sideways, also with open tables."""
    found = visit(path)
    assert {look: said for look, said in found.violations.items() if said} == {}
    assert {look: wide for look, wide in found.wide.items() if wide > look[0]} == {}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_quiet(visit: Callable[[str], Visit], everywhere: str, path: str) -> None:
    """No request leaves the machine, the policy refuses nothing, no error is logged, and no name is run as a script."""
    found = visit(path)
    assert [url for url in found.heard.requests if not url.startswith((everywhere, "data:", "blob:"))] == []
    gone = [said for said in found.heard.console if "404 (NOT FOUND)" not in said or "no-such-page" not in path]
    assert (found.heard.violations, found.heard.errors, gone) == ([], [], [])
    assert found.title != "owned"


@pytest.mark.parametrize("path", PAGES)
def test_every_number_and_table_is_there_without_scripts(
    visit: Callable[[str], Visit], look_at: Callable, everywhere: str, filled: Callable[[str], str], path: str
) -> None:
    """Without JavaScript a page has the same words and tables; only drawings are missing."""
    page, _ = look_at(everywhere + filled(path), scripts=False)
    said = _said(page)
    page.close()
    assert said == visit(path).said
    assert re.search(r"[a-z]", said[0])


def _said(page: Page) -> tuple[str, list[str]]:
    """Return the words of a page and the cells of its tables, without the drawings and buttons that scripts add."""
    words = page.eval_on_selector(
        "main",
        "main => { const copy = main.cloneNode(true); "
        "for (const one of copy.querySelectorAll('.chart, script, noscript, button, [data-age]')) one.remove(); "
        "return copy.textContent.replace(/\\s+/g, ' ').trim() }",
    )
    return words, page.eval_on_selector_all("table td, table th", "all => all.map(one => one.textContent.trim())")


@pytest.mark.parametrize("path", PAGES)
def test_the_keyboard_alone_comes_to_everything(visit: Callable[[str], Visit], path: str) -> None:
    """Tab stops at every visible link, button, field and scrolling table, and each shows the focus."""
    found = visit(path)
    assert found.wanted
    assert found.wanted ^ set(found.stops) == set()
    assert {stop for stop, seen in found.stops.items() if not seen} == set()


@pytest.mark.parametrize("path", ["/partners/{partner}", "/runs/{run}", "/failures", "/decisions"])
def test_hostile_names_are_text(
    open_page: Callable, everywhere: str, filled: Callable[[str], str], awkward_made, path: str
) -> None:
    """A partner whose name is a script is shown by that name, and nothing of it runs."""
    page, heard = open_page(filled(path), at=everywhere)
    assert awkward_made.partner in page.inner_text("main")
    assert page.locator("main img, main b b, main i").count() == 0
    assert (page.title() != "owned", heard.violations, heard.errors) == (True, [], [])


def test_every_kind_of_page_is_looked_at() -> None:
    """Each address of a page has an example above; those of accounts are only there with accounts."""
    from pathlib import Path

    from dashboard.app import create_app
    from dashboard.config import Config

    app = create_app(Config(store=Path("none"), milestones=Path("none"), built=4, workspace_name="w"))
    aside = (
        "/static/",
        "/assets/",
        "/metrics",
        "/live",
        "/ready",
        "/charts/",
        "/sign-in",
        "/audit",
        "/repairs",
        "/shares",
        "/s/",
        "/in/",
    )
    rules = {
        re.sub(r"<[^>]+>", "X", rule.rule)
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ())
        and not rule.rule.startswith(aside)
        and not rule.rule.endswith((".csv", ".json", ".css", ".js"))
    }
    plain = {re.sub(r"^/(milestones|partners|runs)/.+", r"/\1/X", path.split("?")[0]) for path in PAGES}
    kinds = {re.sub(r"^/migration/.+/.+", "/migration/X/X", path) for path in plain}
    assert rules <= kinds
