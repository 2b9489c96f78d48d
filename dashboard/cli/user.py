"""`milepost user`: the local accounts of the dashboard."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from dashboard.access.roles import ROLES
from dashboard.cli.console import (
    AS_JSON,
    SCOPE,
    accounts_path,
    changing_accounts,
    day_text,
    print_done,
    print_list,
    read_password,
    scope_of_words,
)
from metrics.terminal import print_line

if TYPE_CHECKING:
    from dashboard.cli.console import CliContext

ROLE = click.option(
    "--role", type=click.Choice(tuple(ROLES)), required=True, help="What the user may do; see the documentation."
)


@click.group()
def user() -> None:
    """Add, list, change and disable accounts of the dashboard.

    A password is asked for, or read from standard input. There is no default account and no default password.
    """


@user.command("add")
@click.argument("name")
@ROLE
@SCOPE
@AS_JSON
@click.pass_obj
def add(context: CliContext, name: str, role: str, words: tuple[str, ...], as_json: bool) -> None:
    """Add the account NAME."""
    from dashboard.access.users import add_user

    scope = scope_of_words(words or ("all",))
    password = read_password()
    with changing_accounts(context) as (connection, actor):
        add_user(connection, actor, name, role, password, scope)
    print_done(f"{name} can sign in as {role}.", {"name": name, "role": role, "scope": str(scope)}, as_json=as_json)


@user.command("passwd")
@click.argument("name")
@AS_JSON
@click.pass_obj
def passwd(context: CliContext, name: str, as_json: bool) -> None:
    """Set another password for NAME, and end its sessions. A disabled account stays disabled."""
    from dashboard.access.users import change_password, get_user

    password = read_password()
    with changing_accounts(context) as (connection, actor):
        change_password(connection, actor, name, password)
        is_disabled = get_user(connection, name).disabled_us is not None
    still = f" It stays disabled; `milepost user on {name}` enables it." if is_disabled else ""
    print_done(
        f"{name} has a new password; its sessions have ended.{still}",
        {"name": name, "password": "changed"},
        as_json=as_json,
    )


@user.command("role")
@click.argument("name")
@click.argument("role", type=click.Choice(tuple(ROLES)))
@AS_JSON
@click.pass_obj
def set_role(context: CliContext, name: str, role: str, as_json: bool) -> None:
    """Give NAME another role, and end its sessions."""
    from dashboard.access.users import change_role

    with changing_accounts(context) as (connection, actor):
        change_role(connection, actor, name, role)
    print_done(f"{name} is {role}; its sessions have ended.", {"name": name, "role": role}, as_json=as_json)


@user.command("scope")
@click.argument("name")
@click.argument("words", metavar="partner:PARTNER...|all", nargs=-1, required=True)
@AS_JSON
@click.pass_obj
def set_scope(context: CliContext, name: str, words: tuple[str, ...], as_json: bool) -> None:
    """Let NAME see these partners and no trace of others, and end its sessions; `all` lifts the limit."""
    from dashboard.access.users import change_scope

    scope = scope_of_words(words)
    with changing_accounts(context) as (connection, actor):
        change_scope(connection, actor, name, scope)
    print_done(
        f"{name} may see: {scope}; its sessions have ended.", {"name": name, "scope": str(scope)}, as_json=as_json
    )


@user.command("off")
@click.argument("name")
@AS_JSON
@click.pass_obj
def off(context: CliContext, name: str, as_json: bool) -> None:
    """Let NAME sign in no more, and end its sessions. `on` enables it again."""
    from dashboard.access.users import disable_user

    with changing_accounts(context) as (connection, actor):
        disable_user(connection, actor, name)
    print_done(f"{name} cannot sign in any more.", {"name": name, "disabled": True}, as_json=as_json)


@user.command("on")
@click.argument("name")
@AS_JSON
@click.pass_obj
def on(context: CliContext, name: str, as_json: bool) -> None:
    """Let the disabled account NAME sign in again, with the role and the partners that it had."""
    from dashboard.access.users import enable_user

    with changing_accounts(context) as (connection, actor):
        enable_user(connection, actor, name)
    print_done(f"{name} can sign in again.", {"name": name, "disabled": False}, as_json=as_json)


@user.command("ls")
@AS_JSON
@click.pass_obj
def list_accounts(context: CliContext, as_json: bool) -> None:
    """List the accounts with their roles."""
    from dashboard.access.database import read_access
    from dashboard.access.users import list_users

    with read_access(accounts_path(context.root)) as connection:
        users = list_users(connection)
    if as_json:
        print_list(users)
        return
    for one in users:
        state = "" if one.disabled_us is None else f", disabled on {day_text(one.disabled_us)}"
        limit = "" if one.scope.is_whole else f", sees {one.scope}"
        print_line(f"{one.name}: {one.role}{limit}{state}")
    if not users:
        print_line("There is no account yet; `milepost user add NAME --role ROLE` makes one.")
