"""`milepost token`: the tokens by which machines read the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dashboard.access.roles import TOKEN_KINDS
from dashboard.cli.console import (
    AS_JSON,
    SCOPE,
    accounts_path,
    changing_accounts,
    day_text,
    print_done,
    print_list,
    scope_of_words,
    validity_text,
)
from metrics.terminal import print_line

if TYPE_CHECKING:
    from dashboard.cli.console import CliContext

DAY_US = 86_400 * 1_000_000


@click.group()
def token() -> None:
    """Add, list and revoke tokens for machines, sent as `Authorization: Bearer TOKEN`.

    Kinds: `read` for pages and `/metrics`, `collect` to hand in run events, `operate` to act as an operator,
    `intake` to hand in files of the partners in its scope and to read their receipts.
    """


@token.command("add")
@click.argument("label")
@click.option("--kind", type=click.Choice(tuple(TOKEN_KINDS)), required=True, help="What it is for.")
@click.option("--days", type=click.IntRange(1, 3650), help="Days until it expires; never without it.")
@SCOPE
@AS_JSON
@click.pass_obj
def add(context: CliContext, label: str, kind: str, days: int | None, words: tuple[str, ...], as_json: bool) -> None:
    """Add a token, LABEL for people, and print it: it is not shown again."""
    import json

    from dashboard.access.tokens import add_token

    scope = scope_of_words(words or ("all",))
    with changing_accounts(context) as (connection, actor):
        expires_us = actor.now_us + days * DAY_US if days else None
        number, secret = add_token(connection, actor, label, kind, expires_us, scope)
    if as_json:
        click.echo(json.dumps({"id": number, "token": secret}))
        return
    print_line(f"Token {number} for {label} ({kind}); it is shown this once:")
    click.echo(secret)


@token.command("ls")
@AS_JSON
@click.pass_obj
def list_all(context: CliContext, as_json: bool) -> None:
    """List the tokens without their secrets, and when each was last used."""
    from dashboard.access.database import read_access
    from dashboard.access.tokens import list_tokens

    with read_access(accounts_path(context.root)) as connection:
        tokens = list_tokens(connection)
    if as_json:
        print_list(tokens)
        return
    for one in tokens:
        state = validity_text(one.expires_us, one.revoked_us)
        limit = "" if one.scope.is_whole else f", sees {one.scope}"
        print_line(f"{one.id}  {one.label} ({one.kind}{limit}); {state}; last used: {day_text(one.used_us)}")
    if not tokens:
        print_line("There is no token yet; `milepost token add LABEL --kind KIND` makes one.")


@token.command("revoke")
@click.argument("number", metavar="ID")
@AS_JSON
@click.pass_obj
def revoke(context: CliContext, number: str, as_json: bool) -> None:
    """Make the token ID useless from now on."""
    from dashboard.access.tokens import revoke_token

    with changing_accounts(context) as (connection, actor):
        revoke_token(connection, actor, number)
    print_done(f"Token {number} is revoked.", {"id": number, "revoked": True}, as_json=as_json)
