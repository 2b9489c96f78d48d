"""The baseline: the exchange as the old monolith does it. An island; see README.md beside this file."""
