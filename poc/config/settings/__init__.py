"""The tables of `milepost.toml`, one module for each topic."""
