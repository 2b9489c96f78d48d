"""Maintenance of a workspace: backup, restore, and the removal of what is old and settled."""
