"""Compute measures over a window of the store."""
