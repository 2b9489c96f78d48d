"""Quarantined rows: keep, export, check again and replay them."""
