"""Pages behind a sign-in in a real browser: accessible in every size and scheme, and usable without scripts."""

from __future__ import annotations

import json
import os
import time
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from dashboard.access.database import change_access
from dashboard.access.settings import Access
from dashboard.access.users import Actor, add_user
from dashboard.config import Config
from milepost.acts import make_doers
from milepost.cli import main
from milepost.context import WorkspaceContext
from milepost.repairs import list_held, read_held
from poc.ledger.opening import open_ledger
from tests.browser.conftest import served
from tests.browser.test_every_page import LOOKS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import BrowserContext, Page

PASSWORD = "correct horse battery"

PAGES = ("/migration/DL/flights", "/today", "/milestones/M1", "/repairs", "/repairs/{exchange}", "/audit", "/shares")


@pytest.fixture(scope="module")
def desk(tmp_path_factory, made_up, busy_service, moving) -> Iterator[tuple[str, str]]:
    """The address of a dashboard with the account ada, and the id of an exchange with a bad row."""
    import roadmap

    root = tmp_path_factory.mktemp("desk") / "w"
    assert CliRunner().invoke(main, ["init", str(root)]).exit_code == 0
    partner = root / "partners" / "AA.toml"
    (root / "out").mkdir()
    text = partner.read_text().replace("honours_keys", "# honours_keys").replace("timeout_s", "# timeout_s")
    partner.write_text("\n".join('folder = "out"' if line.startswith("url") else line for line in text.splitlines()))
    sample = root / "var/inbox/AA/flights/sample.csv"
    sample.write_text(sample.read_text().replace("2013,1,1,542", "2013,13,1,542"))
    os.utime(sample, (0, 0))
    assert CliRunner().invoke(main, ["-w", str(root), "run"]).exit_code == 0
    context = WorkspaceContext(root)
    accounts = root / "var" / "access.db"
    with change_access(accounts) as connection:
        add_user(connection, Actor("test", "", 1), "ada", "admin", PASSWORD)
    plan = roadmap.__path__[0] + "/milestones.toml"
    with closing(open_ledger(root / "var" / "ledger.db")) as ledger:
        (exchange,) = ledger.connection.exec_driver_sql("SELECT id FROM exchange").scalars()
    config = Config(
        store=made_up(), milestones=type(root)(plan), built=1, workspace_name="demo", service=busy_service, **moving,
        doers=make_doers(context), list_held=partial(list_held, context), read_held=partial(read_held, context),
        access=Access(path=accounts, public_url="http://127.0.0.1", proxies=0, now_us=lambda: time.time_ns() // 1000),
    )  # fmt: skip
    with served(config) as address:
        yield address, exchange


@pytest.fixture(scope="module")
def signed_in(desk, browser) -> Iterator[BrowserContext]:
    """A browser in which ada has signed in, by the form."""
    with closing(browser.new_context()) as context:
        sign_in(context, desk[0])
        yield context


def sign_in(context: BrowserContext, address: str) -> None:
    """Fill in the form and send it by the keyboard; the page that was asked for follows."""
    context.set_default_timeout(120_000)
    page = context.new_page()
    page.goto(f"{address}/repairs")
    page.fill("#name", "ada")
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url(f"{address}/repairs")
    page.close()


def violations(page: Page) -> dict[str, list[str]]:
    """Return what axe-core finds on a page and what is wider than the window, by width and scheme."""
    from axe_playwright_python.base import AXE_SCRIPT

    page.evaluate(AXE_SCRIPT)
    page.eval_on_selector_all("details.act", "all => all.forEach(one => { one.open = true })")
    found: dict[str, list[str]] = {}
    for (width, scheme), options in LOOKS.items():
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.wait_for_function(f"matchMedia('(prefers-color-scheme: {scheme})').matches")
        answer = page.evaluate(f"axe.run({json.dumps(options)})")["violations"]
        lines = [f"{one['id']}: {node['html'][:200]}" for one in answer for node in one["nodes"]]
        if page.evaluate("document.documentElement.scrollWidth") > width:
            lines.append("wider than the window")
        if lines:
            found[f"{width} {scheme}"] = lines
    return found


def test_the_sign_in_page_is_accessible(desk, browser) -> None:
    """At every width and in both schemes; the first field has the focus."""
    page = browser.new_page()
    page.goto(f"{desk[0]}/")
    assert page.evaluate("document.activeElement.id") == "name"
    assert violations(page) == {}
    page.close()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_with_forms_is_accessible(desk, signed_in, path) -> None:
    """With all forms opened, at every width and in both schemes."""
    page = signed_in.new_page()
    page.goto(desk[0] + path.replace("{exchange}", desk[1]))
    assert page.locator("button", has_text="Sign out").count() == 1
    assert page.locator("h1").count() == 1
    assert violations(page) == {}
    page.close()


def test_a_row_is_corrected_and_sent_without_scripts(desk, browser) -> None:
    """Sign in, correct the row, send it, and read what was done: by forms alone."""
    with closing(browser.new_context(java_script_enabled=False)) as context:
        sign_in(context, desk[0])
        page = context.new_page()
        page.goto(f"{desk[0]}/repairs/{desk[1]}")
        row = page.locator("textarea").first
        row.fill(row.input_value().replace("2013,13,1,", "2013,1,1,"))
        page.locator("button", has_text="Check and send these rows").click()
        page.wait_for_selector(".done")
        assert "1 row(s) replayed: done; 0 still rejected." in page.locator(".done").inner_text()
        assert "No row of this file is in quarantine any more." in page.locator("main").inner_text()
