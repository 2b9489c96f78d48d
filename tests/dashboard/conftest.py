"""A dashboard on a made-up year, or on whatever store a test hands over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dashboard.app import create_app
from dashboard.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Flask
    from flask.testing import FlaskClient

PLAN = Path(__file__).parents[2] / "roadmap" / "milestones.toml"


@pytest.fixture
def app_on() -> Callable[..., Flask]:
    """An app on a store; settings that a test does not give are those of the demo."""

    def make(store: Path, **settings: object) -> Flask:
        given = {"milestones": PLAN, "built": 1, "workspace_name": "demo", **settings}
        return create_app(Config(store=store, **given))  # type: ignore[arg-type]

    return make


@pytest.fixture
def client(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> FlaskClient:
    """Requests to a dashboard on the whole made-up year."""
    return app_on(made_up()).test_client()
