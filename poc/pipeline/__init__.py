"""The capabilities of each level, and the stages they build."""
