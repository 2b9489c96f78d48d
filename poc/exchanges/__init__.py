"""Exchanges: one file of a feed from receipt to settlement, or several in one pass."""
