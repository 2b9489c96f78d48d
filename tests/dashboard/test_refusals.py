"""What the dashboard does not do, whatever the address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask


def addresses(app: Flask) -> list[str]:
    """One address for each rule of an app."""
    found = []
    for rule in app.url_map.iter_rules():
        values = dict.fromkeys(rule.arguments, "1")
        _, path = rule.build(values) or ("", rule.rule)
        found.append(path)
    return sorted(set(found))


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "FETCH"])
def test_no_route_takes_a_method_that_writes(
    app_on: Callable[..., Flask], made_up: Callable[..., Path], method: str
) -> None:
    """On every route there is, any method but GET, HEAD and OPTIONS gets 405 and a page in words."""
    app = app_on(made_up(weeks=2))
    client = app.test_client()
    for path in addresses(app):
        answer = client.open(path, method=method)
        assert answer.status_code == 405, path
        assert "read-only" in answer.text


def test_reading_leaves_the_store_as_it_was(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> None:
    """Asking every route once changes no byte of the database."""
    store = made_up(weeks=14)
    before = store.read_bytes()
    app = app_on(store)
    for path in addresses(app):
        assert app.test_client().get(path).status_code in {200, 404}, path
    assert store.read_bytes() == before


def test_only_this_machine_is_answered(app_on: Callable[..., Flask], made_up: Callable[..., Path]) -> None:
    """Every route refuses a request under another machine's name."""
    app = app_on(made_up(weeks=2))
    for path in addresses(app):
        assert app.test_client().get(path, headers={"Host": "rebound.example"}).status_code == 403, path
