"""Where the ledger of a workspace is: its own file in SQLite, or a PostgreSQL database that several machines share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias


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


def marker_path(address: LedgerAddress) -> Path:
    """Return the path beside which the workspace keeps the marker of its ledger."""
    return address if isinstance(address, Path) else address.folder / "ledger.db"
