"""The `milepost roadmap` commands."""
