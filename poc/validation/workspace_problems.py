"""Validation of a workspace: all mistakes in its files, and everything that they name and that is not there."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from poc.config import workspace
from poc.contract import contract
from poc.errors import BadInput
from poc.ledger_address import REFERENCE, SQLITE
from poc.pipeline.capabilities import resolve_level
from poc.transports.secrets import resolve_secret
from poc.validation.partner_problems import partner_problems

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from poc.config.workspace import WorkspaceSettings


def find_problems(root: Path, environ: Mapping[str, str]) -> list[str]:
    """Return one line for each problem, with the file's name; empty where the workspace is in order.

    Besides the mistakes in its files these are folders and files that are not there, and secrets that are not set.

    Args:
        root: the workspace.
        environ: the environment in which secrets are looked up.

    Raises:
        BadInput: the folder is not a workspace.
    """
    problems: list[str] = []
    try:
        settings = workspace.load_settings(root)
        resolve_level(settings.level)
        problems += notify_problems(root, settings, environ)
        problems += ledger_problems(root, settings, environ)
    except BadInput as error:
        if not (root / "milepost.toml").is_file():
            raise
        problems += error.mistakes
    contracts: set[Path] = set()
    for path in workspace.partner_files(root):
        try:
            partner = workspace.load_partner(root, path)
        except BadInput as error:
            problems += error.mistakes
            continue
        contracts |= {root / "contracts" / feed.contract for feed in partner.feed.values()}
        problems += partner_problems(root, path, partner, environ)
    for path in sorted({*(root / "contracts").glob("*.json")} - contracts):  # of partners that cannot be read
        try:
            contract.load_contract(path)
        except BadInput as error:
            problems += error.mistakes
    return list(dict.fromkeys(problems))


def notify_problems(root: Path, settings: WorkspaceSettings, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the secrets of notifications and of the digest that cannot be read, and packages that are missing."""
    packages = {"apprise" if target.to else "standardwebhooks" for target in settings.notify}
    for package in sorted(packages):
        if find_spec(package) is None:
            need = f"notify needs the package {package}; install it with `pip install 'milepost[notify]'`"
            yield f"{root / 'milepost.toml'}: {need}"
    for target in settings.notify:
        try:
            resolve_secret(target.to or target.secret, environ, root)
        except BadInput as error:
            yield f"{root / 'milepost.toml'}: notify {target.name!r}: {error}"
    if settings.digest is not None:
        try:
            resolve_secret(settings.digest.smtp, environ, root)
        except BadInput as error:
            yield f"{root / 'milepost.toml'}: digest: {error}"


def ledger_problems(root: Path, settings: WorkspaceSettings, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield the secrets of a ledger in PostgreSQL that cannot be read, and packages that are missing."""
    place = f"{root / 'milepost.toml'}: `ledger`"
    if settings.ledger == SQLITE:
        return
    for package in ("alembic", "psycopg"):
        if find_spec(package) is None:
            yield f"{place} needs the package {package}; install it with `pip install 'milepost[postgres]'`"
    for kind, name in REFERENCE.findall(settings.ledger):
        if kind == "env" and not environ.get(name):
            yield f"{place}: the environment variable {name} is not set"
        if kind == "file" and not (root / name).is_file():
            yield f"{place}: {root / name}: no such file"
