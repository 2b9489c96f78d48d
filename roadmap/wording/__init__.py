"""Numbers, dates, gains and verdicts in words."""
