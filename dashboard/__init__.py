"""The dashboard: reads the metrics and the roadmap, changes nothing."""
