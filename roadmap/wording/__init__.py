"""Format numbers, dates, gains, verdicts and decisions as words."""
