"""The exchange of files: one exchange, a run over the inboxes, the worker, and the line protocol."""
