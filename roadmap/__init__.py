"""Milestones and their verdicts, computed from measured evidence."""
