"""Ask the store about runs, failures, quarantined rows and feeds."""
