"""The ledger in SQLite: its file, its connections, and the upgrade of older versions."""
