"""The `milepost` command, which joins poc, metrics, roadmap and dashboard; and the interface for embedding programs."""
