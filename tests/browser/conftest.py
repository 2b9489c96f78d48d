"""A real dashboard on a loopback port, and a real browser."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import waitress

import roadmap
from dashboard.app import create_app
from dashboard.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = Path("/usr/bin/chromium")
ARGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run",
)  # fmt: skip


@dataclass
class Heard:
    """What a page did while it loaded: requests, console messages and policy violations."""

    requests: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; without one the tests are skipped, and fail where CI is set."""
    if not CHROMIUM.exists():
        reason = f"no browser at {CHROMIUM}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(ARGS))
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def address(made_up: Callable[..., Path]) -> Iterator[str]:
    """The dashboard on the made-up year, served by waitress on a free port until the tests end."""
    plan = Path(roadmap.__file__).with_name("milestones.toml")
    with served(Config(store=made_up(), milestones=plan, built=1, workspace_name="demo")) as found:
        yield found


@pytest.fixture(scope="session")
def everywhere(awkward_made, busy_service, moving) -> Iterator[str]:
    """The dashboard on the awkward year, which has data for every page, and a service with open problems and routes."""
    given = awkward_made
    with served(
        Config(
            store=given.store, milestones=given.plan, built=given.built, workspace_name=given.partner,
            service=busy_service, **moving,
        )
    ) as found:  # fmt: skip
        yield found


@contextmanager
def served(config: Config) -> Iterator[str]:
    """Serve a dashboard on a free loopback port until the block ends."""
    server = waitress.create_server(create_app(config), host="127.0.0.1", port=0, threads=2)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    server.task_dispatcher.shutdown()
    thread.join(timeout=60)


@pytest.fixture(scope="session")
def contexts(browser: Browser) -> Iterator[dict[bool, BrowserContext]]:
    """With and without scripts; shared, so that plotly.js is fetched and compiled only once."""
    made = {scripts: browser.new_context(java_script_enabled=scripts) for scripts in (True, False)}
    for context in made.values():
        context.set_default_timeout(120_000)
    yield made
    for context in made.values():
        context.close()


@pytest.fixture(scope="session")
def look_at(contexts: dict[bool, BrowserContext]) -> Callable[..., tuple[Page, Heard]]:
    """Open an address, record what the page does, and wait until its charts are drawn."""
    from playwright.sync_api import expect

    def go(url: str, width: int = 1280, scheme: str = "light", *, scripts: bool = True) -> tuple[Page, Heard]:
        page, heard = contexts[scripts].new_page(), Heard()
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.on("request", lambda request: heard.requests.append(request.url))
        page.on("console", lambda message: heard.console.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: heard.errors.append(str(error)))
        page.expose_function("heardViolation", lambda said: heard.violations.append(said))  # noqa: PLW0108 (it is marked)
        page.add_init_script(
            "addEventListener('securitypolicyviolation', e => heardViolation(`${e.violatedDirective} ${e.blockedURI}`))"
        )
        page.goto(url)
        if scripts:
            expect(page.locator(".chart:not(.js-plotly-plot)")).to_have_count(0, timeout=120_000)
        return page, heard

    return go


@pytest.fixture
def open_page(look_at: Callable[..., tuple[Page, Heard]], address: str) -> Iterator[Callable[..., tuple[Page, Heard]]]:
    """A function that opens a page of the dashboard on the made-up year, or of another; it is closed after the test."""
    opened = []

    def go(path: str, *args: object, at: str = address, **settings: object) -> tuple[Page, Heard]:
        found = look_at(at + path, *args, **settings)
        opened.append(found[0])
        return found

    yield go
    for page in opened:
        page.close()
