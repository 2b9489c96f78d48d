"""Fixtures that several rooms' tests share, each kept in a file of its own."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

SHARED = (
    "awkward_year", "certificates", "moved_feed", "dashboard/html_elements", "dashboard/page_states",
    "flights_feed", "made_up_year", "practice_partner", "properties/counting", "properties/crash_service",
    "postgres_server",
    "properties/faulty_partners", "properties/kill_switch", "run_events", "s3_server", "scripted_server",
    "sftp_server", "token_server", "webhook_receiver", "dashboard/service_states", "dashboard/migration_states",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """Load the shared files by path: tests are no package, and never import one another."""
    for name in SHARED:
        spec = importlib.util.spec_from_file_location(
            f"shared_{name.replace('/', '_')}", Path(__file__).parent / f"{name}.py"
        )
        if spec is None or spec.loader is None:
            raise ImportError(name)
        module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        config.pluginmanager.register(module, spec.name)
