"""Evaluations, decisions and costs as they are kept in the store."""
