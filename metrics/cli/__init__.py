"""The `milepost metrics` commands."""
