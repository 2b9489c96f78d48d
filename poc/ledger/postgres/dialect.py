"""The SQL of the ledger's statements in PostgreSQL.

Tables and statements are the same for both databases. Here is what PostgreSQL writes otherwise: integers have 64 bits,
as microseconds since 1970 need more than 32; texts are ordered by their bytes, as in SQLite; and a table that SQLite
orders by its `rowid` gets a column of that name.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.base import PGDDLCompiler, PGTypeCompiler
from sqlalchemy.dialects.postgresql.psycopg import PGCompiler_psycopg, PGDialect_psycopg

from poc.ledger.schema import PARCEL
from poc.ledger.tables.metadata import METADATA
from poc.ledger.tables.notifications import NOTIFICATION

#: Tables whose rows are read in the order in which they were added.
ORDERED = (PARCEL.name, NOTIFICATION.name)


class LedgerCompiler(PGCompiler_psycopg):
    """Compiles the ledger's statements, which use SQLite's forms of INSERT ... ON CONFLICT and of JSON functions."""

    def _on_conflict_target(self, clause: Any, **_: Any) -> str:
        names = [getattr(column, "name", column) for column in clause.inferred_target_elements or ()]
        return f"({', '.join(map(self.preparer.quote, names))})" if names else ""

    def visit_json_extract_func(self, function: Any, **kw: Any) -> str:
        """Compile `json_extract(column, '$[0][0]')`, the only one that the ledger uses."""
        column, path = function.clauses
        if path.value != "$[0][0]":
            raise NotImplementedError(path.value)
        # as text: `json` refuses all of a value that has a NUL or half a surrogate pair anywhere, as in a name
        return f'substring({self.process(column, **kw)} from \'^\\[\\["([^"]*)"\')'

    def visit_substr_func(self, function: Any, **kw: Any) -> str:
        """Compile `substr(text, first, length)`, whose numbers have 32 bits."""
        text, first, length = (self.process(clause, **kw) for clause in function.clauses)
        return f"substr({text}, {first}::int, {length}::int)"


class LedgerTypes(PGTypeCompiler):
    """Gives every integer 64 bits, in tables and in parameters."""

    def visit_INTEGER(self, type_: Any, **kw: Any) -> str:  # noqa: ARG002, N802 (the compiler's name)
        """Return the name of the type of whole numbers."""
        return "BIGINT"


class LedgerDdl(PGDDLCompiler):
    """Numbers the rows of tables with 64 bits."""

    def get_column_specification(self, column: sa.Column[Any], **kwargs: Any) -> str:
        """Return the definition of a column."""
        text: str = super().get_column_specification(column, **kwargs)  # type: ignore[no-untyped-call]
        return text.replace(" SERIAL", " BIGSERIAL")


class LedgerDialect(PGDialect_psycopg):
    """PostgreSQL by psycopg, for the ledger's tables and statements."""

    supports_statement_cache = True
    statement_compiler = LedgerCompiler
    type_compiler_cls = LedgerTypes
    ddl_compiler = LedgerDdl


def postgres_tables() -> sa.MetaData:
    """Return the ledger's tables as they are in PostgreSQL."""
    metadata = sa.MetaData()
    for table in METADATA.sorted_tables:
        copy = table.to_metadata(metadata)
        for column in copy.columns:
            if isinstance(column.type, sa.Text):
                column.type = sa.Text(collation="C")
        for index in copy.indexes:
            index.dialect_options["postgresql"]["where"] = index.dialect_options["sqlite"]["where"]
        if table.name in ORDERED:
            copy.append_column(sa.Column("rowid", sa.BigInteger, sa.Identity(always=False), nullable=False))
    return metadata
