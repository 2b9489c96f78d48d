"""Fixtures of the tests in this folder."""

from __future__ import annotations

import pytest

from metrics.store.database import open_store


@pytest.fixture
def compare_db(tmp_path):
    """An empty replay store."""
    db = open_store(tmp_path / "metrics.db", "replay")
    yield db
    db.close()


@pytest.fixture
def live_db(tmp_path):
    """An empty store on the live clock."""
    db = open_store(tmp_path / "metrics.db", "live")
    yield db
    db.close()
