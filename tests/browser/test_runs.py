"""Runs, failures and quarantine in a real browser, under hostile names."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import waitress

from dashboard.app import create_app
from dashboard.config import Config
from metrics.store.database import open_store
from metrics.store.writer import insert_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser

    from metrics.events import HoldingEvent, RunEvent

NAMES = ("<script>document.title = 'harm'</script>", '"><img src=x onerror="document.title=\'harm\'">', "W" * 300)


@pytest.fixture
def harmful(
    tmp_path: Path, a_run: Callable[..., RunEvent], a_holding: HoldingEvent, pytestconfig: pytest.Config
) -> Iterator[str]:
    """The address of a dashboard on runs with hostile names everywhere."""
    runs, held = [], []
    for number, name in enumerate(NAMES):
        for outcome, rows in (
            ("failed", {"in": 4, "failed": 4}),
            ("done", {"in": 4, "delivered": 3, "quarantined": 1}),
        ):
            run = a_run(
                outcome=outcome, rows=rows, partner=name, feed=name, file=name + outcome,
                error=name if outcome == "failed" else "", aside={name: 1} if outcome == "done" else None,
            )  # fmt: skip
            runs.append(replace(run, key=replace(run.key, exchange_id=f"{number}{outcome}")))
            held.append(replace(a_holding, partner=name, feed=name, file=name + outcome))
    with closing(open_store(tmp_path / "store.db", "replay")) as db, db.conn:
        insert_events(db, [("", event) for event in (*runs, *held)])
    plan = pytestconfig.rootpath / "roadmap" / "milestones.toml"
    app = create_app(Config(store=tmp_path / "store.db", milestones=plan, built=4, workspace_name="demo"))
    server = waitress.create_server(app, host="127.0.0.1", port=0, threads=2)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    server.task_dispatcher.shutdown()
    thread.join(timeout=60)


def test_names_that_mean_harm_are_texts_that_wrap(browser: Browser, harmful: str) -> None:
    """No script of a name runs, the policy refuses nothing, and nothing is wider than a narrow page."""
    page = browser.new_page(viewport={"width": 320, "height": 800})
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    for path in ("/runs", "/runs/1", "/runs/6", "/failures", "/quarantine", "/runs?state=failed"):
        page.goto(harmful + path)
        assert "harm" not in page.title()
        assert page.locator("main img, main script:not([type='application/json'])").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") == 320, path
    page.close()
    assert said == []


def test_the_filters_work_without_a_script(browser: Browser, harmful: str) -> None:
    """Submitting the form leads to the short address of the choice."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{harmful}/runs")
    page.get_by_label("Ended").select_option("failed")
    page.get_by_role("button", name="Show").click()
    assert page.url == f"{harmful}/runs?state=failed"
    assert page.locator("table.runs tbody tr").count() == 3
    context.close()
