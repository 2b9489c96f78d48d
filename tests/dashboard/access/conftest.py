"""A dashboard with accounts, one for each role, on an empty store."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dashboard.access.database import change_access
from dashboard.access.settings import Access
from dashboard.access.users import Actor, add_user
from dashboard.scope import Scope

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient

PASSWORD = "correct horse battery"
ADDRESS = "https://milepost.example"


@dataclass
class Clock:
    """A clock that a test moves; microseconds since 1970."""

    now_us: int = field(default=1_790_000_000_000_000)

    def __call__(self) -> int:
        """Return the time."""
        return self.now_us

    def pass_s(self, seconds: float) -> None:
        """Let time pass."""
        self.now_us += int(seconds * 1_000_000)


@pytest.fixture
def clock() -> Clock:
    """The clock of the accounts."""
    return Clock()


@pytest.fixture(scope="session")
def made_accounts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The accounts, made once, because hashing a password takes long on purpose."""
    path = tmp_path_factory.mktemp("accounts") / "access.db"
    with change_access(path) as connection:
        for name, role in (("vera", "viewer"), ("otto", "operator"), ("pia", "pm"), ("ada", "admin")):
            add_user(connection, Actor("test", "", Clock()()), name, role, PASSWORD)
        for name, role in (("val", "viewer"), ("oli", "operator"), ("pat", "pm")):
            add_user(connection, Actor("test", "", Clock()()), name, role, PASSWORD, Scope(frozenset({"AA"})))
    return path


@pytest.fixture
def accounts(tmp_path: Path, made_accounts: Path) -> Path:
    """The accounts vera (viewer), otto (operator), pia (pm), ada (admin); val, oli and pat, who see AA alone."""
    path = tmp_path / "var" / "access.db"
    path.parent.mkdir()
    return Path(shutil.copy(made_accounts, path))


@pytest.fixture
def guarded(tmp_path: Path, app_on, accounts: Path, clock: Clock) -> Flask:
    """The dashboard with a sign-in."""
    access = Access(path=accounts, public_url=ADDRESS, proxies=0, now_us=clock)
    return app_on(tmp_path / "metrics.db", access=access)


@pytest.fixture
def browser(guarded: Flask):
    """A function that returns a browser, signed in as a user if one is named."""

    def open_browser(name: str = "") -> Browser:
        made = Browser(guarded.test_client())
        if name:
            assert made.sign_in(name, PASSWORD).status_code == 303
        return made

    return open_browser


@dataclass
class Browser:
    """Requests as a browser makes them: by the public address, with its cookies."""

    client: FlaskClient

    def get(self, path: str, **headers: str):
        """Get a page."""
        return self.client.get(path, base_url=ADDRESS, headers={"Accept": "text/html", **headers})

    def post(self, path: str, form: dict[str, str], **headers: str):
        """Send a form."""
        return self.client.post(path, base_url=ADDRESS, data=form, headers=headers)

    def form_key(self, path: str = "/sign-in") -> str:
        """Return the key in the form of a page."""
        text = self.get(path).text
        return text.split('name="form_key" value="')[1].split('"')[0]

    def sign_in(self, name: str, password: str, **more: str):
        """Fill in the form and send it."""
        return self.post("/sign-in", {"form_key": self.form_key(), "name": name, "password": password, **more})
