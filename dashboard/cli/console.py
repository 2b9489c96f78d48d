"""What the commands on accounts share: the database of the workspace, who acts, and how a password is read."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import click

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from dashboard.access.users import Actor
    from dashboard.scope import Scope

SCOPE = click.option(
    "--scope",
    "words",
    metavar="partner:PARTNER",
    multiple=True,
    help="The only partners to see, one each; all partners without it.",
)

AS_JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


class CliContext(Protocol):
    """The context of a command: its workspace."""

    @property
    def root(self) -> Path:
        """The folder of the workspace."""

    @property
    def public_url(self) -> str:
        """The address by which people reach the dashboard; empty without a sign-in."""


class Limited(Protocol):
    """A dataclass of what may see some partners, or all: an account, a token, a link."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def scope(self) -> Scope:
        """What it may see."""


def accounts_path(root: Path) -> Path:
    """Return the path of the database of accounts of a workspace."""
    return root / "var" / "access.db"


@contextmanager
def changing_accounts(context: CliContext) -> Iterator[tuple[sqlite3.Connection, Actor]]:
    """Open the database for a change, with the user of this machine as the one who acts."""
    import getpass
    import time

    from dashboard.access.database import change_access
    from dashboard.access.users import Actor

    with change_access(accounts_path(context.root)) as connection:
        yield connection, Actor(f"{getpass.getuser()} (command line)", "", time.time_ns() // 1000)


def print_done(line: str, values: dict[str, object], *, as_json: bool) -> None:
    """Print what a command has done: a line of text, or JSON."""
    import json

    from metrics.terminal import print_line

    if as_json:
        click.echo(json.dumps(values))
    else:
        print_line(line)


def print_list(items: Sequence[Limited]) -> None:
    """Print dataclasses that are limited to a scope as JSON, the scope as a text."""
    import json
    from dataclasses import asdict

    click.echo(json.dumps([asdict(item) | {"scope": str(item.scope)} for item in items], indent=2))


def read_password() -> str:
    """Return a new password: asked twice at a terminal, else the first line of standard input."""
    if sys.stdin.isatty():
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


def scope_of_words(words: tuple[str, ...]) -> Scope:
    """Return the scope of the words of a command. Raises AccessRefused for a word that is none."""
    from dashboard.access.errors import AccessRefused
    from dashboard.scope import parse_scope

    try:
        return parse_scope(words)
    except ValueError as error:
        raise AccessRefused(str(error)) from error


def day_text(time_us: int | None) -> str:
    """Return a moment as the commands show it, in UTC; `never` for None."""
    from datetime import UTC, datetime

    return "never" if time_us is None else f"{datetime.fromtimestamp(time_us / 1e6, UTC):%Y-%m-%d %H:%M} UTC"


def validity_text(expires_us: int | None, revoked_us: int | None) -> str:
    """Return until when a token or link can be used, or since when it cannot any more."""
    return f"revoked on {day_text(revoked_us)}" if revoked_us else f"expires: {day_text(expires_us)}"
