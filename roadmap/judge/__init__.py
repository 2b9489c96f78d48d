"""Gather evidence, judge milestones, and advise on decisions."""
