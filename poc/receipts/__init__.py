"""Receipts: what partners are told of each file that came in, from the ledger, signed and written where they look."""
