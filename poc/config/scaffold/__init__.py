"""A new workspace and its sample data."""
