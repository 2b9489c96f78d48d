"""The collection of all tables of the ledger, and columns that several of them have."""

from __future__ import annotations

import sqlalchemy as sa

METADATA = sa.MetaData()


def text_columns(*names: str) -> list[sa.Column[str]]:
    """Return columns of texts that are empty where nothing else is said."""
    return [sa.Column(name, sa.Text, nullable=False, server_default="") for name in names]
