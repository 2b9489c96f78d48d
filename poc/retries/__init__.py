"""Retries: when a failed delivery is tried again, and when a partner is left alone."""
