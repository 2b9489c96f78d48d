"""What holds for every page there is, on a year with hostile names in it, as a person gets it in a real browser."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

#: One address for each kind of page; `{run}` and `{partner}` are filled in from the store.
PAGES = (
    "/", "/?faults=none", "/?as_of=2013-06-30", "/milestones", "/milestones/M1", "/milestones/M4", "/runs",
    "/runs?state=failed&attempt=first", "/runs/{run}", "/failures", "/quarantine", "/partners", "/partners/AA",
    "/partners/{partner}", "/decisions", "/method", "/report", "/no-such-page",
)  # fmt: skip
WIDTHS = (320, 390, 1280)
#: What axe-core looks for in each scheme: in the dark only what colours decide, as all else is the same page.
SCHEMES = {
    "light": {"resultTypes": ["violations"]},
    "dark": {
        "resultTypes": ["violations"],
        "runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]},
    },
}

#: Everything that the keyboard should come to, as a selector.
REACHABLE = "a[href], button, summary, input, select, textarea, [tabindex='0']"

VISIBLE = (
    "one => one.checkVisibility({checkOpacity: true, checkVisibilityCSS: true}) && one.getClientRects().length > 0"
)


@pytest.fixture(scope="module")
def filled(awkward_made) -> Callable[[str], str]:
    """An address with a run and the hostile partner of the store in it."""
    with closing(sqlite3.connect(awkward_made.store)) as db:
        sql = "SELECT MAX(id) FROM run WHERE partner = ? AND outcome = 'failed'"
        run = db.execute(sql, (awkward_made.partner,)).fetchone()[0]
    return lambda path: path.replace("{run}", str(run)).replace("{partner}", quote(awkward_made.partner, safe=""))


@pytest.fixture(scope="module")
def axe_script() -> str:
    """axe-core, as its package brings it."""
    from axe_playwright_python.base import AXE_SCRIPT

    return AXE_SCRIPT


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible_quiet_and_narrow_enough(
    open_page: Callable, everywhere: str, filled: Callable[[str], str], axe_script: str, path: str
) -> None:
    """Light and dark, at every width, axe-core finds nothing; nothing scrolls sideways, leaves, or is an error."""
    page, heard = open_page(filled(path), at=everywhere)
    page.evaluate(axe_script)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_timeout(150)  # charts are laid out anew
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for scheme, options in SCHEMES.items():
            page.emulate_media(color_scheme=scheme)
            found = page.evaluate(f"axe.run({json.dumps(options)})")["violations"]
            said = [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found]
            assert said == [], (width, scheme)
    assert page.title() != "owned"
    assert [url for url in heard.requests if not url.startswith((everywhere, "data:", "blob:"))] == []
    gone = [said for said in heard.console if "404 (NOT FOUND)" not in said or "no-such-page" not in path]
    assert (heard.violations, heard.errors, gone) == ([], [], [])


@pytest.mark.parametrize("path", PAGES)
def test_every_number_and_table_is_there_without_scripts(
    open_page: Callable, everywhere: str, filled: Callable[[str], str], path: str
) -> None:
    """What a page says with JavaScript it says without: the same words and tables; only drawings are missing."""
    said = [_said(open_page(filled(path), at=everywhere, scripts=scripts)[0]) for scripts in (True, False)]
    assert said[0] == said[1]
    assert re.search(r"[a-z]", said[1][0])


def _said(page: Page) -> tuple[str, list[str]]:
    """The words of a page and the cells of its tables, without the drawings and the buttons that scripts bring."""
    words = page.eval_on_selector(
        "main",
        "main => { const copy = main.cloneNode(true); "
        "for (const one of copy.querySelectorAll('.chart, script, noscript, button, [data-age]')) one.remove(); "
        "return copy.textContent.replace(/\\s+/g, ' ').trim() }",
    )
    return words, page.eval_on_selector_all("table td, table th", "all => all.map(one => one.textContent.trim())")


@pytest.mark.parametrize("path", PAGES)
def test_the_keyboard_alone_comes_to_everything(
    open_page: Callable, everywhere: str, filled: Callable[[str], str], path: str
) -> None:
    """Tab stops at every link, button, field and scrolling table that is seen, and each shows that it has the focus."""
    page, _ = open_page(filled(path), at=everywhere)
    wanted = page.eval_on_selector_all(
        REACHABLE, f"all => all.filter({VISIBLE}).map((one, n) => (one.dataset.stop = n))"
    )
    page.evaluate(
        "() => { window.stops = {}; addEventListener('focusin', ({target}) => { "
        "window.stops[target.dataset.stop] = getComputedStyle(target).outlineStyle !== 'none' }) }"
    )
    for _ in range(len(wanted) + 5):
        page.keyboard.press("Tab")
    outlined = page.evaluate("window.stops")
    assert set(outlined) - {"undefined"} == {str(stop) for stop in wanted}
    assert all(outlined.values()), [stop for stop, seen in outlined.items() if not seen]


@pytest.mark.parametrize("path", ["/partners/{partner}", "/runs/{run}", "/failures", "/decisions"])
def test_hostile_names_are_text(
    open_page: Callable, everywhere: str, filled: Callable[[str], str], awkward_made, path: str
) -> None:
    """A partner that is called like a script is shown as it is called, and nothing of it runs."""
    page, heard = open_page(filled(path), at=everywhere)
    assert awkward_made.partner in page.inner_text("main")
    assert page.locator("main img, main b b, main i").count() == 0
    assert (page.title() != "owned", heard.violations, heard.errors) == (True, [], [])


def test_every_kind_of_page_is_looked_at() -> None:
    """Each address that the dashboard answers with a page has an example above."""
    from pathlib import Path

    from dashboard.app import create_app
    from dashboard.config import Config

    app = create_app(Config(store=Path("none"), milestones=Path("none"), built=4, workspace_name="w"))
    aside = ("/static/", "/assets/", "/metrics", "/charts/")
    rules = {
        re.sub(r"<[^>]+>", "X", rule.rule)
        for rule in app.url_map.iter_rules()
        if not rule.rule.startswith(aside) and not rule.rule.endswith((".csv", ".json", ".css", ".js"))
    }
    kinds = {re.sub(r"^/(milestones|partners|runs)/.+", r"/\1/X", path.split("?")[0]) for path in PAGES}
    assert rules <= kinds
