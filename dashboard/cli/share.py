"""`milepost share`: links by which people without an account read one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

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
    from datetime import datetime

    from dashboard.cli.console import CliContext


@click.group()
def share() -> None:
    """Make, list and revoke links to one page or the report, for people without an account.

    Such a page is read-only, shows no values of rows, and leads nowhere else.
    """


@share.command("add")
@click.argument("target", metavar="PAGE")
@click.option("--label", required=True, help="For whom it is.")
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 366), help="Days until it expires.")
@click.option(
    "--as-of", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Show that day; always the newest without it."
)
@SCOPE
@AS_JSON
@click.pass_obj
def add(
    context: CliContext, target: str, label: str, days: int, as_of: datetime | None, words: tuple[str, ...],
    as_json: bool,
) -> None:  # fmt: skip
    """Make a link to PAGE, such as `/report` or `/milestones/M1`, and print it: it is not shown again."""
    import json

    from dashboard.access.errors import AccessRefused
    from dashboard.sharing.links import PREFIX, add_share
    from dashboard.sharing.targets import parse_target

    if not context.public_url:
        raise AccessRefused("links need a sign-in and `public_url` below `[web]` in milepost.toml")
    page = parse_target(target, as_of.date().isoformat() if as_of else "")
    scope = scope_of_words(words or ("all",))
    with changing_accounts(context) as (connection, actor):
        number, secret = add_share(connection, actor, page, label, days, scope)
    link = f"{context.public_url}{PREFIX}{secret}"
    if as_json:
        click.echo(json.dumps({"id": number, "page": page, "link": link}))
        return
    print_line(f"Link {number} to {page} for {label}, for {days} days; it is shown this once:")
    click.echo(link)


@share.command("ls")
@AS_JSON
@click.pass_obj
def list_all(context: CliContext, as_json: bool) -> None:
    """List the links without their secrets, and when each was last used."""
    from dashboard.access.database import read_access
    from dashboard.sharing.links import list_shares

    with read_access(accounts_path(context.root)) as connection:
        shares = list_shares(connection)
    if as_json:
        print_list(shares)
        return
    for one in shares:
        state = validity_text(one.expires_us, one.revoked_us)
        limit = "" if one.scope.is_whole else f" of {one.scope}"
        print_line(f"{one.id}  {one.label}: {one.target}{limit}; {state}; last used: {day_text(one.used_us)}")
    if not shares:
        print_line("There is no link yet; `milepost share add PAGE --label TEXT` makes one.")


@share.command("revoke")
@click.argument("number", metavar="ID")
@AS_JSON
@click.pass_obj
def revoke(context: CliContext, number: str, as_json: bool) -> None:
    """Make the link ID useless from now on."""
    from dashboard.sharing.links import revoke_share

    with changing_accounts(context) as (connection, actor):
        revoke_share(connection, actor, number)
    print_done(f"Link {number} is revoked.", {"id": number, "revoked": True}, as_json=as_json)
