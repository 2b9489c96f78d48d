"""Commands for moving a feed from the monolith to the service: `capture`, `parity` and `route`."""
