"""The first tables: all that the ledger has when PostgreSQL is first supported."""

from alembic import op

from poc.ledger.postgres.dialect import postgres_tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables and their indexes."""
    postgres_tables().create_all(op.get_bind(), checkfirst=False)
