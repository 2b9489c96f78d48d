"""Filters of a list of runs: read from an address, and put into words."""
