"""The dashboard in a real browser."""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

PAGES = {"/": 2, "/milestones": 1, "/milestones/M1": 1}


def eventually(true: Callable[[], bool], within_s: float = 60.0) -> bool:
    """Return whether something becomes true in time. The page's policy forbids Playwright's own way of waiting."""
    until = time.monotonic() + within_s
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_charts_are_drawn_and_nothing_else_happens(open_page: Callable, address: str, path: str, scheme: str) -> None:
    """Every chart has its traces; no request leaves the machine, no policy is violated, no error is logged."""
    page, heard = open_page(path, scheme=scheme)
    page.wait_for_timeout(300)
    drawn = page.eval_on_selector_all(".js-plotly-plot", "plots => plots.map(plot => plot.data.length)")
    assert len(drawn) == PAGES[path]
    assert all(drawn)
    assert page.locator(".js-plotly-plot .main-svg").count() >= PAGES[path]
    assert [url for url in heard.requests if not url.startswith((address, "data:", "blob:"))] == []
    assert (heard.violations, heard.errors, heard.console) == ([], [], [])


def test_lines_are_in_the_page(open_page: Callable) -> None:
    """Monolith, target and service are visible lines of 52 weeks."""
    page, _ = open_page("/")
    lines = page.eval_on_selector("#busy", "plot => plot.data.map(t => [t.meta, t.y.filter(y => y !== null).length])")
    assert sorted(lines) == [["baseline", 52], ["service", 52], ["target", 52]]
    assert page.locator("#busy .scatterlayer .js-line").count() == 3


@pytest.mark.parametrize("path", PAGES)
def test_nothing_offers_to_send_data_away(open_page: Callable, path: str) -> None:
    """There is no Share button, no mode bar and no logo."""
    page, _ = open_page(path)
    page.hover(".js-plotly-plot")
    assert page.locator(".modebar-btn").count() == 0
    assert page.locator("[data-title*='share' i], button:has-text('Share')").count() == 0
    settings = "plots => plots.map(plot => [plot._context.showSendToCloud, plot._context.plotlyServerURL])"
    assert page.eval_on_selector_all(".js-plotly-plot", settings) == [[False, ""]] * PAGES[path]
    assert page.locator("a[href*='plotly.com'], a[href*='plot.ly']").count() == 0


def test_the_answer_and_the_tables_need_no_script(open_page: Callable) -> None:
    """Without JavaScript the answer, figures and tables are shown, and each chart says why it is missing."""
    page, _ = open_page("/", scripts=False)
    assert page.get_by_text("Runs take 64% less time.").is_visible()
    assert page.locator(".chart .fallback").count() == 2
    assert page.locator(".chart .fallback").first.is_visible()
    page.locator("summary").first.click()
    assert page.locator("details[open] tbody tr").count() == 52
    assert page.locator("details[open] tbody tr").first.is_visible()


def test_a_chart_arrives_without_moving_the_page(open_page: Callable) -> None:
    """The height reserved for a chart is the height of the drawn chart."""
    still, _ = open_page("/", scripts=False)
    drawn, _ = open_page("/")
    for name in ("busy", "failed"):
        assert still.locator(f"#{name}").bounding_box() == drawn.locator(f"#{name}").bounding_box()


def test_dark_mode_dresses_the_charts_as_well(open_page: Callable) -> None:
    """A change of the colour scheme changes the lines without a reload."""
    page, _ = open_page("/")
    color = "document.querySelector('#busy').data.find(t => t.meta === 'service').line.color"
    assert page.evaluate(color) == "#0067A3"
    page.emulate_media(color_scheme="dark")
    assert eventually(lambda: page.evaluate(color) == "#6BB8F0")


def test_print_is_light_whatever_the_scheme(open_page: Callable) -> None:
    """Charts have light colours while a page in dark mode is printed, and dark ones again afterwards."""
    page, _ = open_page("/", scheme="dark")
    color = "document.querySelector('#busy').data.find(t => t.meta === 'service').line.color"
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(color) == "#0067A3"
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.evaluate(color) == "#6BB8F0"


def test_print_fits_the_paper(open_page: Callable) -> None:
    """A chart that is wide on screen fits A4 on paper, and is wide again afterwards."""
    page, _ = open_page("/")
    width = "document.querySelector('#busy .main-svg').getBoundingClientRect().width"
    before = page.evaluate(width)
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.evaluate(width) == 660
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert eventually(lambda: page.evaluate(width) == before > 660)


def test_the_picture_button_saves_a_picture(open_page: Callable) -> None:
    """The button under a chart gives an SVG with its lines, without a violation."""
    page, heard = open_page("/")
    with page.expect_download() as download:
        page.locator("button[data-picture=busy]").click()
    assert download.value.suggested_filename == "milepost-busy.svg"
    assert "monolith" in Path(download.value.path()).read_text(encoding="utf-8")
    assert heard.violations == []


def test_the_keyboard_comes_past_the_header(open_page: Callable) -> None:
    """The first tab stop is a link to the content, visible while it has the focus."""
    page, _ = open_page("/")
    page.keyboard.press("Tab")
    skip = page.locator(".skip")
    assert skip.evaluate("link => link === document.activeElement")
    assert eventually(lambda: skip.evaluate("link => link.getBoundingClientRect().top") >= 0)
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("path", PAGES)
def test_headings_tables_and_charts_have_names(open_page: Callable, path: str) -> None:
    """There is one h1 and no skipped level; every table header has a scope; every chart is a labelled group."""
    page, _ = open_page(path)
    levels = page.eval_on_selector_all("h1, h2, h3, h4", "all => all.map(one => Number(one.tagName[1]))")
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert page.locator("th:not([scope])").count() == 0
    assert page.locator("figure.plot[role=group][aria-label]").count() == PAGES[path]


def test_the_readme_picture_can_be_made(open_page: Callable, address: str, tmp_path: Path) -> None:
    """The script beside this test writes a PNG 1280 pixels wide of a running dashboard."""
    picture = tmp_path / "dashboard.png"
    script = Path(__file__).with_name("screenshot.py")
    subprocess.run([sys.executable, str(script), address, str(picture)], check=True, timeout=300)
    head = picture.read_bytes()[:24]
    assert head.startswith(b"\x89PNG")
    assert int.from_bytes(head[16:20], "big") == 1280
