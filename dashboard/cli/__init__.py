"""Commands on the accounts of the dashboard."""
