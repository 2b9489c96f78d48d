"""The milestone plan: its file, its revisions and its template."""
