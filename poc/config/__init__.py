"""The workspace, its partner files, and how a new one is made."""
