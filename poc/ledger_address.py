"""Where the ledger of a workspace is: its own file in SQLite, or a PostgreSQL database that several machines share."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

#: The ledger of a workspace whose settings name no other.
SQLITE = "sqlite:///var/ledger.db"

#: A reference to a secret.
REFERENCE = re.compile(r"\$\{(env|file):([^${}]+)\}")

#: A URL of PostgreSQL: user and password with host and port, and the options.
POSTGRES = re.compile(r"postgresql(?:\+psycopg)?://([^/?#]*)/[^/?#]+(\?[^#]*)?")


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """A PostgreSQL database by its URL, in which secrets are references, and the folder `var` of the workspace.

    `str()` of it is for people: it shows no reference and no password.
    """

    url: str  #: `postgresql+psycopg://USER:${env:NAME}@HOST/DATABASE`, or one reference to all of it
    folder: Path  #: `var`: for the files that the ledger only names
    root: Path  #: the workspace's folder, to which `${file:PATH}` is relative

    def __str__(self) -> str:
        scheme, slashes, rest = self.url.partition("://")
        if not slashes:
            return self.url  # a reference to all of it
        return f"{scheme.partition('+')[0]}://{rest.rpartition('@')[2].partition('?')[0]}"


#: The path of a file in SQLite, or a PostgreSQL database.
LedgerAddress: TypeAlias = Path | PostgresAddress


def parse_address(url: str, root: Path) -> LedgerAddress:
    """Return the address that the URL of a ledger stands for, in the workspace in `root`.

    Raises ValueError: it is none, or it holds a password instead of a reference.
    """
    if url == SQLITE:
        return root / "var" / "ledger.db"
    if not REFERENCE.fullmatch(url):
        match = POSTGRES.fullmatch(url)
        if match is None:
            raise ValueError(
                f"must be {SQLITE}, or a URL such as postgresql+psycopg://USER:${{env:NAME}}@HOST/DATABASE"
            )
        _, colon, password = match[1].rpartition("@")[0].partition(":")
        if (colon and not REFERENCE.fullmatch(password)) or "password=" in (match[2] or ""):
            raise ValueError("holds a password; write `${env:NAME}` or `${file:PATH}` in its place, before the host")
    return PostgresAddress(url, root / "var", root)


def marker_path(address: LedgerAddress) -> Path:
    """Return the path beside which the workspace keeps the marker of its ledger."""
    return address if isinstance(address, Path) else address.folder / "ledger.db"
