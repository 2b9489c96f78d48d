"""A dashboard on a made-up year, or on whatever store a test hands over."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import template_rendered

from dashboard.app import create_app
from dashboard.config import Config
from metrics.store.database import open_store
from metrics.store.writer import insert_events
from roadmap.judge.evaluate import evaluate
from roadmap.plan.loader import load_plan
from roadmap.records import decide

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient
    from jinja2 import Template

    from metrics.events import HoldingEvent, RunEvent

PLAN = Path(__file__).parents[2] / "roadmap" / "milestones.toml"


@pytest.fixture(scope="session")
def app_on() -> Callable[..., Flask]:
    """An app on a store; settings that a test does not give are those of the demo."""

    def make(store: Path, **settings: object) -> Flask:
        given = {"milestones": PLAN, "built": 1, "workspace_name": "demo", **settings}
        return create_app(Config(store=store, **given))  # type: ignore[arg-type]

    return make


@pytest.fixture(scope="session")
def year_app(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> Flask:
    """A dashboard on the whole made-up year, which nobody changes."""
    return app_on(made_up())


@pytest.fixture
def client(year_app: Flask) -> FlaskClient:
    """Requests to it."""
    return year_app.test_client()


@pytest.fixture(scope="session")
def values_of() -> Callable[[FlaskClient, str], dict[str, Any]]:
    """A function that gets a page, which must be there, and returns the values that it gave to its template."""

    def get(client: FlaskClient, address: str) -> dict[str, Any]:
        given: list[dict[str, Any]] = []

        def keep(app: Flask, template: Template, context: dict[str, Any]) -> None:
            given.append(context)

        with template_rendered.connected_to(keep, client.application):
            assert client.get(address).status_code == 200, address
        return given[0]

    return get


@pytest.fixture
def on(
    tmp_path: Path, app_on: Callable[..., Flask], a_run: Callable[..., RunEvent], a_holding: HoldingEvent
) -> Callable[..., FlaskClient]:
    """Requests to a dashboard on some runs; each gets a holding, so that it counts."""

    def make(*runs: RunEvent) -> FlaskClient:
        path = tmp_path / "store.db"
        with closing(open_store(path, "replay")) as db, db.conn:
            held = [replace(a_holding, partner=run.partner, feed=run.feed, file=run.file, faults=run.key.faults,
                            block=run.block, block_end=run.block_end) for run in runs]  # fmt: skip
            insert_events(db, [("", event) for event in (*runs, *dict.fromkeys(held))])
        return app_on(path, built=4).test_client()

    return make


@pytest.fixture(scope="session")
def live_store(made_up: Callable[..., Path]) -> Callable[[], Path]:
    """A copy of thirteen weeks of the made-up year as if they had happened in production."""

    def make() -> Path:
        store = made_up(weeks=13)
        with closing(sqlite3.connect(store)) as db, db:
            db.execute("UPDATE meta SET value = 'live' WHERE key = 'clock'")
            for table in ("run", "run_block"):
                db.execute(f"UPDATE {table} SET mode = 'live', faults = 'real', series = '' WHERE faults = 'standard'")
        return store

    return make


@pytest.fixture
def live_quarter(live_store: Callable[[], Path]) -> Path:
    """Thirteen weeks of production."""
    return live_store()


#: An example, and no more: nobody decided or spent any of this. The demo never shows it.
EXAMPLE_SPENT = (
    ("M1", 12_000.0, "Example: two people, six weeks", date(2013, 2, 17)),
    ("M1", -500.0, "Example: entered twice", date(2013, 3, 3)),
    ("M2", 45_000.0, "Example: a contractor", date(2013, 5, 12)),
)
EXAMPLE_DECIDED = (
    (date(2013, 2, 17), "M1", "continue", "Example Owner", "Example: it looks well", None),
    (date(2013, 4, 14), "M2", "pause", "Example Owner", "Example: the <b>team</b> is away", date(2013, 5, 5)),
    (date(2013, 5, 12), "M2", "resume", "Example Deputy", "Example: the team is back", None),
    (date(2013, 12, 31), "M4", "stop", "Example Owner", "Example: the partner leaves", None),
)
#: Days that the example is judged on.
EXAMPLE_JUDGED = tuple(
    date.fromisoformat(day)
    for day in (
        "2013-02-17", "2013-03-24", "2013-04-14", "2013-05-12", "2013-06-23", "2013-07-07", "2013-09-29", "2013-12-08",
        "2013-12-31",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Example:
    """Where the example is: its store, its milestone file, and how to show it."""

    store: Path
    milestones: Path


@pytest.fixture(scope="session")
def example_year(made_up: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Example:
    """A made-up year that was judged nine times, with example decisions, spending and a due date that moved."""
    store, where = made_up(moves=True, recovers=90), tmp_path_factory.mktemp("example")
    text = PLAN.read_text(encoding="utf-8")
    for code in ("M1", "M2"):
        text = text.replace(f'code = "{code}"', f'code = "{code}"\nbudget = 40000')
    later = text.replace("due = 2013-06-30", "due = 2013-07-14\nrevision = 2")
    paths = [where / "first.toml", where / "milestones.toml"]
    for path, plan in zip(paths, (text, later), strict=True):
        path.write_text(plan, encoding="utf-8")
    plans = [load_plan(path) for path in paths]
    db = open_store(store, "replay")
    for day in EXAMPLE_JUDGED:
        plan = plans[day >= date(2013, 5, 12)]
        verdicts = {verdict.code: verdict for verdict in evaluate(db, plan, day, 4, 0)}
        for on, code, choice, owner, why, until in EXAMPLE_DECIDED:
            if on == day:
                decide.record_decision(db, plan.milestone(code), verdicts[code], choice, why, owner, until, 0)
    for code, amount, note, on in EXAMPLE_SPENT:
        decide.record_spending(db, plans[1].milestone(code), amount, note, on, 0)
    db.close()
    return Example(store=store, milestones=paths[1])


@pytest.fixture(scope="session")
def example_app(app_on: Callable[..., Flask], example_year: Example) -> Flask:
    """A dashboard on the example, which nobody changes."""
    return app_on(example_year.store, milestones=example_year.milestones, built=4)


@pytest.fixture
def example(example_app: Flask) -> FlaskClient:
    """Requests to it."""
    return example_app.test_client()
