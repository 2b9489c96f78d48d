"""The metrics store: SQLite tables, rollups and migrations."""
