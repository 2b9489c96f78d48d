"""The report in a real browser: one page of A4 from any screen, complete, and with no text cut off."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING

import pytest

from metrics.store.database import open_reader
from roadmap.judge.evaluate import judge_all
from roadmap.plan.loader import load_plan
from roadmap.report import caveats, full_report, one_page, svg_chart
from roadmap.report.block_series import BlockPoint
from roadmap.wording import sentences as wording_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from roadmap.report.one_page import OnePageReport

TITLES = (
    "One broken row no longer holds up the good ones around it, " * 6,
    "W" * 400,
    "<script>document.title='had'</script><img src=x onerror=alert(1)>'\"&",
    "Receive",
)


#: Height of a sheet between its margins, and the least height of a readable chart, in pixels of 1/96 inch.
SHEET_PX, LEAST_CHART_PX = 1032, 60


def pages_of(pdf: bytes) -> int:
    """Return the number of pages of a PDF; Chromium leaves the objects of pages uncompressed."""
    return len(re.findall(rb"/Type\s*/Page(?![A-Za-z])", pdf))


def size_of(pdf: bytes) -> tuple[int, int]:
    """Return the width and height of its first page in whole points."""
    found = re.search(rb"/MediaBox\s*\[\s*0\s+0\s+([\d.]+)\s+([\d.]+)", pdf)
    assert found
    return round(float(found[1])), round(float(found[2]))


def printed(page: Page) -> str:
    """Return the printed text, without what the print style hides."""
    page.emulate_media(media="print")
    return page.inner_text("body")


@pytest.fixture(scope="module")
def planned(made_up: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], OnePageReport]:
    """Write the sheet of a made-up year under a plan of this many milestones with long, hostile and short titles."""
    store, folder = made_up(moves=True), tmp_path_factory.mktemp("plans")
    today = date(2013, 12, 31)

    @cache
    def make(many: int) -> OnePageReport:
        text = ["schema = 1"]
        for n in range(many):
            start = date(2013, 1, 1) + timedelta(days=round(n * 270 / many))
            text.append(
                f"[[milestone]]\ncode = 'M{n + 1}'\ntitle = '''{TITLES[n % 4]}'''\nobjective = 'o'\nbudget = 123456\n"
                f"subject = 'service@{1 + n * 4 // many}'\nstart = {start}\ndue = {start + timedelta(days=90)}\n"
                f"scope = ['*/flights']\n[[milestone.metric]]\nname = 'busy_time_saved'\nat_least = 0.{30 + n}"
            )
        plan = folder / "milestones.toml"
        plan.write_text("\n".join(text), encoding="utf-8")
        loaded = load_plan(plan)
        with closing(open_reader(store)) as db:
            return one_page.gather(db, loaded, judge_all(db, loaded, today, 4), today, "replay", 4)

    return make


@pytest.fixture
def alone(browser, tmp_path: Path) -> Callable[[OnePageReport, str], Page]:
    """Open the file that the command line writes, at the width of A4 between its margins."""
    context = browser.new_context(viewport={"width": 703, "height": 900}, java_script_enabled=True)
    context.set_default_timeout(120_000)

    def go(made: OnePageReport, name: str) -> Page:
        file = tmp_path / "report.html"
        file.write_text(full_report.to_html(made, name), encoding="utf-8")
        page = context.new_page()
        page.goto(file.as_uri())
        return page

    yield go
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_the_dashboard_prints_as_one_sheet(open_page: Callable, scheme: str) -> None:
    """Both schemes print one page of A4, dark on white, without the navigation of the site."""
    page, heard = open_page("/report", scheme=scheme)
    pdf = page.pdf(prefer_css_page_size=True)
    assert (pages_of(pdf), size_of(pdf)) == (1, (595, 842))
    page.emulate_media(media="print", color_scheme=scheme)
    paint = "name => getComputedStyle(document.querySelector(name)).backgroundColor"
    assert [page.evaluate(paint, name) for name in ("body", ".paper")] == ["rgb(255, 255, 255)"] * 2
    assert page.evaluate("getComputedStyle(document.querySelector('.paper-answer')).color") == "rgb(20, 25, 29)"
    for name in (".top", ".fresh", ".beside", ".foot", ".skip"):
        assert not page.locator(name).is_visible()
    assert (heard.violations, heard.errors, heard.console) == ([], [], [])


def test_the_print_carries_its_data_date_its_day_and_what_it_counts(open_page: Callable) -> None:
    """The print has the date of the data, as-of, feeds, faults, weeks, and the command that makes it again."""
    for path, day, iso in (
        ("/report", "31 Dec 2013", "2013-12-31"),
        ("/report?as_of=2013-06-30", "30 Jun 2013", "2013-06-30"),
    ):
        page, _ = open_page(path)
        text = printed(page)
        revisions = "M4 in revision 2, M6 in revision 2, the others in their first"
        assert f"Data up to {day} · as of {day} · milestone file: {revisions}" in text
        assert "service@1 against the monolith, feeds */flights, under standard faults, " in text
        assert f"milepost roadmap report --as-of {iso} --html FILE" in text
        assert "replay, not production" in text
        assert "This page prints as one sheet of A4" not in text


@pytest.mark.parametrize("many", [1, 4, 12, 14])
def test_it_stays_one_page(planned: Callable, alone: Callable, many: int) -> None:
    """With any number of milestones and any titles it is one page, with nothing beside it and the foot on it."""
    hostile = TITLES[2]
    made = replace(
        planned(many), decision=wording_text.shortened(f"31 Dec 2013, M1: continued by {hostile}: {TITLES[1]}", 230)
    )
    page = alone(made, hostile)
    assert pages_of(page.pdf(prefer_css_page_size=True)) == 1
    text = printed(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 703
    assert page.locator(".paper-table tbody tr").count() == min(many, 12)
    assert ("And 2 more in the dashboard: " in text) == (many == 14)
    assert "--as-of 2013-12-31 --html FILE" in text
    assert page.title().startswith("Was it worth it? <script>")
    assert page.locator("img, script").count() == 0
    assert "by <script>document.title=" in text


@pytest.mark.parametrize("many", [3, 8, 14])
def test_the_longest_sentences_fit_as_well(planned: Callable, alone: Callable, many: int) -> None:
    """With every sentence at its longest it is still one page with nothing cut off: the chart shrinks."""
    words = "somewhat longer words than these are hardly ever seen " * 9
    most = {"headline": 110, "detail": 230, "decision": 230, "removed": 150, "counted": 180, "worth": 170}
    most |= {"checkin": 110}
    cut = {name: wording_text.shortened(words, number) for name, number in most.items()}
    short, line = wording_text.shortened(words, 110), wording_text.shortened(words, 130)
    how = (line, line, caveats.SAVED, short, "1 more way.")
    made = replace(planned(many), **cut, standing=(short,) * 2, caveats=(line,) * 3, measurement=how)
    page = alone(made, words)
    assert pages_of(page.pdf(prefer_css_page_size=True)) == 1
    page.emulate_media(media="print")
    foot = page.locator(".paper-foot").bounding_box()
    assert foot["y"] + foot["height"] <= SHEET_PX
    tall = page.locator(".paper-drawing svg").bounding_box()["height"]
    assert tall >= LEAST_CHART_PX


def test_nothing_on_the_demos_page_is_cut(open_page: Callable) -> None:
    """With four milestones of ordinary names no text is clipped."""
    page, _ = open_page("/report", width=703)
    page.emulate_media(media="print")
    clipped = """[...document.querySelectorAll('.paper *')].filter(one => one.scrollWidth > one.clientWidth + 1
        && getComputedStyle(one).overflow === 'hidden' || one.scrollHeight > one.clientHeight + 1
        && getComputedStyle(one).overflow === 'hidden').map(one => one.textContent)"""
    assert page.evaluate(clipped) == []


@pytest.mark.parametrize("seconds", [0.0999, 0.999, 1234.5])
def test_every_word_of_the_drawing_lies_inside_it(planned: Callable, alone: Callable, seconds: float) -> None:
    """The first digit of a time beside the axis is not cut off, however long the time is."""
    made = planned(4)
    week = BlockPoint(
        block=date(2013, 1, 7), block_end=date(2013, 1, 13), milestone="M1", control_s=seconds, subject_s=seconds / 2,
        target_s=None, control_held=1, subject_held=1, control_first=0, subject_first=0, control_after=0,
        subject_after=0, control_exchanges=1, subject_exchanges=1,
    )  # fmt: skip
    drawn = svg_chart.draw_chart(
        [week, replace(week, block=date(2013, 3, 4), block_end=date(2013, 3, 10))], [], "", "week", 200
    )
    page = alone(replace(made, drawing=drawn), "demo")
    outside = """all => { const box = all[0].ownerSVGElement.viewBox.baseVal;
        return all.filter(one => { const {x, width} = one.getBBox(); return x < 0 || x + width > box.width })
            .map(one => one.textContent) }"""
    assert page.eval_on_selector_all(".paper-drawing svg text", outside) == []


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_report_scrolls_sideways(open_page: Callable, width: int) -> None:
    """The sheet fits a phone: its table becomes cards."""
    page, _ = open_page("/report", width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_chart_says_in_words_what_it_shows(open_page: Callable) -> None:
    """The drawing has a name and a description, three lines with a label each, and needs no script."""
    page, heard = open_page("/report", scripts=False)
    drawn = page.get_by_role("img", name=re.compile(r"^Less time per record in \d+ of 52 weeks$"))
    assert drawn.is_visible()
    assert drawn.locator(".drawn-label").all_text_contents() == ["monolith", "target: 30% less", "service"]
    assert "Monolith " in page.locator("#drawn-said").text_content()
    assert page.locator("[style]").count() == 0
    assert [url for url in heard.requests if not url.startswith("http://127.0.0.1")] == []


@pytest.mark.parametrize("width", [320, 390])
def test_on_a_phone_nothing_of_the_report_is_cut(open_page: Callable, width: int) -> None:
    """No word is cut off, and the whole chart is visible, its lines named by the key above it."""
    page, _ = open_page("/report", width)
    clipped = """[...document.querySelectorAll('.paper p, .paper span, .paper li, .paper th, .paper td')]
        .filter(one => getComputedStyle(one).overflow !== 'visible').map(one => one.textContent)"""
    assert page.evaluate(clipped) == []
    box = page.locator(".paper-drawing").bounding_box()
    lines = page.locator(".paper-drawing path.drawn-service").bounding_box()
    assert lines["x"] > box["x"]
    assert lines["x"] + lines["width"] <= box["x"] + box["width"]
    assert page.locator(".paper-key li").all_inner_texts() == ["monolith", "target: 30% less", "service"]
    assert not page.locator(".paper-drawing .drawn-label").first.is_visible()
