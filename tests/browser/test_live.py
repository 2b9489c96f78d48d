"""An open page follows the store, and says when it cannot."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
import waitress

import roadmap
from dashboard.app import create_app
from dashboard.config import Config

PLAN = Path(roadmap.__file__).with_name("milestones.toml")

#: The event of coming back to a tab: the page asks at once instead of waiting for its timer.
LOOKED_AT = "document.dispatchEvent(new Event('visibilitychange'))"


class Served:
    """A dashboard with its own store, which can stop and start again under the same address."""

    def __init__(self, store):
        self.store = store
        self.port = 0  # a free port at first, the same port afterwards
        self.start()
        self.port = self.server.effective_port
        self.address = f"http://127.0.0.1:{self.port}"

    def start(self):
        """Start to serve."""
        app = create_app(Config(store=self.store, milestones=PLAN, built=1, workspace_name="demo"))
        self.server = waitress.create_server(app, host="127.0.0.1", port=self.port, threads=2)
        self.thread = threading.Thread(target=self.run, args=(self.server,), daemon=True)
        self.thread.start()

    def run(self, server):
        """Serve until the port is closed, whatever the server is doing."""
        with suppress(OSError, ValueError):
            server.run()

    def stop(self):
        """Close the port and all connections."""
        self.server.close()
        for channel in list(self.server.active_channels.values()):
            channel.handle_close()
        self.server.task_dispatcher.shutdown()
        self.thread.join(timeout=60)

    def execute(self, sql, *values):
        """Change the store as a collector would, in one transaction."""
        with closing(sqlite3.connect(self.store)) as db, db:
            db.execute(sql, values)


@pytest.fixture
def served(made_up):
    """A dashboard on thirteen weeks."""
    one = Served(made_up(weeks=13))
    yield one
    one.stop()


@pytest.fixture
def page(browser, served):
    """The home page of this dashboard, with its charts drawn."""
    from playwright.sync_api import expect

    context = browser.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(120_000)
    opened = context.new_page()
    opened.wrong = []
    opened.on("pageerror", lambda error: opened.wrong.append(str(error)))
    opened.add_init_script(
        "addEventListener('securitypolicyviolation', e => { window.violated = e.violatedDirective })"
    )
    opened.goto(served.address)
    expect(opened.locator(".chart:not(.js-plotly-plot)")).to_have_count(0, timeout=120_000)
    yield opened
    assert opened.wrong == []
    assert opened.evaluate("window.violated") is None
    context.close()


def eventually(page, true, within_s=60.0):
    """Return whether something becomes true in time, looking at the page repeatedly."""
    until = time.monotonic() + within_s
    while not true():
        if time.monotonic() > until:
            return False
        page.evaluate(LOOKED_AT)
        time.sleep(0.1)
    return True


def test_runs_that_come_in_change_the_figures_and_nothing_else(served, page):
    """Numbers, table and chart change without a reload; focus, an opened table and the scroll position stay."""
    page.evaluate("window.before = 1")
    table = page.locator("figure.plot details").first
    table.locator("summary").click()
    page.locator("figure.plot a", has_text="CSV").nth(1).focus()
    top = page.evaluate("scrollY")
    first = "document.querySelector('#busy').data.find(t => t.meta === 'service').y[0]"
    was, said = page.evaluate(first), page.locator(".answer").inner_text()
    served.execute("UPDATE run_block SET busy_ns = busy_ns * 3, attempts = attempts + 1000 WHERE system = 'service'")
    assert eventually(page, lambda: page.locator(".answer").inner_text() != said)
    assert eventually(page, lambda: page.evaluate(first) != was)
    assert page.evaluate(first) == pytest.approx(3 * was, rel=0.01)
    assert page.evaluate("window.before") == 1
    assert table.evaluate("one => one.open")
    assert page.evaluate("document.activeElement.textContent") == "CSV"
    assert page.evaluate("scrollY") == top


def test_what_did_not_change_is_not_touched(served, page):
    """Numbers change, and the elements around them are the same nodes as before."""
    page.evaluate("window.kept = [...document.querySelectorAll('h1, h2, #busy, nav a')]")
    runs = page.locator(".fresh").inner_text()
    served.execute("UPDATE tally SET runs = runs + 1000 WHERE outcome = 'done'")
    assert eventually(page, lambda: page.locator(".fresh").inner_text() != runs)
    assert page.evaluate("kept.every(one => one.isConnected)")


def test_a_page_that_did_not_change_is_not_sent_again(served, page):
    """From its second request on the page sends the tag of what it shows, and the server answers 304."""
    asked = []

    def hear(response):
        if response.url == f"{served.address}/":
            asked.append(("if-none-match" in response.request.headers, response.status))

    page.on("response", hear)
    assert eventually(page, lambda: len(asked) >= 4)
    assert asked[0] in {(False, 200), (True, 304)}  # its timer may have asked before the test listened
    assert set(asked[1:]) == {(True, 304)}


def test_a_server_that_is_gone_is_said_and_so_that_it_is_back(served, page):
    """The figures stay, with the time since which the server does not answer; the notice goes when it answers again."""
    notice = page.locator("#unreachable")
    assert notice.is_hidden()
    served.stop()
    assert eventually(page, notice.is_visible)
    assert notice.inner_text().startswith("Not connected since ")
    assert "the figures are of then" in notice.inner_text()
    assert page.locator(".answer").is_visible()
    served.start()
    assert eventually(page, notice.is_hidden)


def test_a_page_that_cannot_be_made_now_is_said(served, page):
    """The last figures stay, with the status of the answer."""
    good = served.store.read_bytes()
    served.store.write_bytes(b"no database at all" * 100)
    notice = page.locator("#unreachable")
    assert eventually(page, notice.is_visible)
    assert "the page cannot be made now (503)" in notice.inner_text()
    other = served.store.with_name("good.db")
    other.write_bytes(good)
    other.replace(served.store)
    assert eventually(page, notice.is_hidden)


@pytest.mark.parametrize("width", [390, 1280])
def test_the_number_of_the_only_point_stands_beside_it(made_up, open_page, width):
    """On the first day the chart is one dot; its number lies on neither the dot nor the line through it."""
    one = Served(made_up(weeks=1))
    try:
        page, _ = open_page("/", width, at=one.address)
        number = page.locator("#busy .textpoint").last.bounding_box()
        dot = page.locator("#busy .point").last.bounding_box()
    finally:
        one.stop()
    assert number["x"] + number["width"] <= dot["x"]
    assert number["y"] + number["height"] <= dot["y"] + dot["height"]
