"""Causes of a difference between two texts: one small function each, tried in a fixed order."""
