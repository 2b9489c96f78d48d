"""The revisions of the tables in PostgreSQL, one after another. A released revision never changes."""
