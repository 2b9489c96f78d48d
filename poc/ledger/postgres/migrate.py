"""Make or upgrade the tables of a ledger in PostgreSQL, by the revisions of Alembic.

A person runs it once for each release, never a worker by itself. A lock that lasts as long as the transaction keeps two
of them apart, and a revision that fails leaves nothing behind. SQLite upgrades its file when it is opened, with a copy
of the old one; Alembic would add nothing there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from poc.errors import BadInput, LedgerDamaged
from poc.ledger.ledger import LOCK_TIMEOUT_S
from poc.ledger.postgres.connection import new_engine, translate_database_errors
from poc.ledger.postgres.opening import MOVED, REVISION, VERSION_TABLE, read_revision
from poc.ledger.postgres.store import LOCK_SCOPE

try:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory
except ImportError as error:
    raise BadInput("`milepost migrate` needs the extra: `pip install 'milepost[postgres]'`") from error

if TYPE_CHECKING:
    import sqlalchemy as sa

    from poc.ledger_address import PostgresAddress

#: The package with the revisions; Alembic finds its folder.
REVISIONS = "poc.ledger.postgres:revisions"


def migrate_ledger(address: PostgresAddress) -> tuple[str | None, str]:
    """Make or upgrade the tables of a ledger; return the revision before, None for a new one, and after.

    Raises:
        BadInput: the address cannot be used.
        LedgerDamaged: the tables are from a newer release, or another program's; nothing was changed.
        TryLater: the server cannot be reached, or another program holds a table.
    """
    engine = new_engine(address, LOCK_TIMEOUT_S)
    with translate_database_errors(str(address)), engine.connect() as connection:
        connection.execution_options(isolation_level="READ COMMITTED")
        connection.exec_driver_sql(LOCK_SCOPE, ("migrate",))
        before = read_revision(connection)
        if before == REVISION:
            return before, before
        if before == MOVED:
            raise LedgerDamaged(
                f"{address}: the ledger was moved away from here by `milepost ledger copy`; nothing was changed. To "
                "use it again, empty the database, or make a new one"
            )
        if before is not None and before > REVISION:
            raise LedgerDamaged(
                f"{address}: revision {before}, which this release (it knows {REVISION}) cannot upgrade; "
                "nothing was changed"
            )
        _upgrade(connection)
        connection.commit()
        return before, REVISION


def _upgrade(connection: sa.Connection) -> None:
    config = Config()
    config.set_main_option("script_location", REVISIONS)
    config.set_main_option("version_locations", REVISIONS)
    config.set_main_option("path_separator", "space")
    script = ScriptDirectory.from_config(config)
    # as `alembic.command.upgrade` does, which needs a file of settings
    steps = lambda at, _: script._upgrade_revs("head", at)  # noqa: E731, SLF001
    with EnvironmentContext(config, script, fn=steps) as context:
        context.configure(connection=connection, version_table=VERSION_TABLE)
        context.run_migrations()
