"""Parity: whether two sides send the same records, what differs and why, and which differences are explained."""
