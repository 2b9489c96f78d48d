"""Logs: one line for each exchange and each change of an alert, as text or JSON, to stderr or a file that rotates."""
