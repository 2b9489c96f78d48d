"""The ledger in PostgreSQL: a database that several machines share. It needs the extra `postgres`."""
