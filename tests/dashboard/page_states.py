"""Workspaces in every state that a dashboard can meet."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

import pytest

from metrics.store.database import open_store
from metrics.store.writer import insert_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient


class State(NamedTuple):
    """A workspace in some state: requests to its dashboard, its store, and a partner in it."""

    client: FlaskClient
    store: Path
    partner: str = "AA"
    has_runs: bool = True


@pytest.fixture(scope="session")
def states(
    app_on: Callable[..., Flask],
    made_up: Callable[..., Path],
    live_store: Callable[[], Path],
    year_app: Flask,
    example_app: Flask,
    awkward_made: object,
    a_run: Callable,
    a_holding: object,
    busy_service: Callable,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], State]:
    """A workspace by the name of its state; each is made once."""
    made: dict[str, State] = {}

    def plan_with(app: Flask, old: str, new: str) -> Path:
        path = tmp_path_factory.mktemp("plan") / "milestones.toml"
        text = app.config["MILEPOST"].milestones.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new).replace("due = 2013-03-31", "due = 2013-04-30"), encoding="utf-8")
        return path

    def new_store() -> Path:
        return tmp_path_factory.mktemp("state") / "metrics.db"

    def on(store: Path, *, partner: str = "AA", has_runs: bool = True, **settings: object) -> State:
        return State(app_on(store, **settings).test_client(), store, partner, has_runs)

    def first_week() -> State:
        store, place = new_store(), {"block": "0001-01-01", "block_end": "0001-01-07"}
        run = a_run(outcome="failed")
        run = replace(run, key=replace(run.key, faults="standard"), **place)
        with closing(open_store(store, "replay")) as db, db.conn:
            insert_events(db, [("", run), ("", replace(a_holding, faults="standard", **place))])
        return on(store, keep_s=2.0)

    def running() -> State:
        store, run = new_store(), replace(a_run(outcome="running"), duration_ns=None, rows={})
        live = replace(run.key, mode="live", faults="real", series="", round=0)
        with closing(open_store(store, "live")) as db, db.conn:
            insert_events(db, [("", replace(run, key=live))])
        return on(store, clock="live", today=lambda: date(2013, 1, 1), has_runs=False)

    def empty() -> State:
        store = new_store()
        open_store(store, "replay").close()
        return on(store, has_runs=False)

    def later() -> State:
        store = made_up(weeks=2)
        return on(store, milestones=plan_with(app_on(store), "start = 2013-01-01", "start = 2013-02-01"), keep_s=2.0)

    make: dict[str, Callable[[], State]] = {
        "year": lambda: State(year_app.test_client(), year_app.config["MILEPOST"].store),
        "decided": lambda: State(example_app.test_client(), example_app.config["MILEPOST"].store),
        "hostile names": lambda: on(awkward_made.store, partner=awkward_made.partner, built=4),
        "live": lambda: on(live_store(), clock="live", today=lambda: date(2013, 4, 2)),
        "live, with open problems": lambda: on(
            live_store(), clock="live", today=lambda: date(2013, 4, 2), service=busy_service
        ),
        "nothing built": lambda: on(made_up(weeks=2), built=0, keep_s=2.0),
        "first milestone later": later,
        "first week of the calendar": first_week,
        "no store": lambda: on(new_store(), has_runs=False),
        "no store, live": lambda: on(new_store(), clock="live", today=lambda: date(2012, 12, 1), has_runs=False),
        "empty store": empty,
        "first run in progress": running,
    }

    def state(name: str) -> State:
        if name not in made:
            made[name] = make[name]()
        return made[name]

    return state


STATES = (
    "year", "decided", "hostile names", "live", "live, with open problems", "nothing built", "first milestone later",
    "first week of the calendar", "no store", "no store, live", "empty store", "first run in progress",
)  # fmt: skip


@pytest.fixture(params=STATES)
def state(states: Callable[[str], State], request: pytest.FixtureRequest) -> State:
    """A workspace in each state."""
    return states(request.param)
